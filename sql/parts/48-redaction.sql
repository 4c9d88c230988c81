/*
 * Secrets are taken out of what is kept as a record: logs, errors, reasons,
 * the audit.  These show what becomes of a text or a document.
 */
CREATE FUNCTION taskcenter.redact_text(message text) RETURNS text
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'taskcenter_redact_text';
CREATE FUNCTION taskcenter.redact_json(document jsonb) RETURNS jsonb
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'taskcenter_redact_json';

COMMENT ON FUNCTION taskcenter.redact_text(text) IS
'The text as logs, errors, reasons and the audit keep it: [REDACTED] instead of what follows password, passwd, pwd, secret, token, api key, access key, private key, connection string or credential (also as part of a name) with a colon or an equals sign, up to a blank, comma or semicolon or the end of the quote; of the literal behind PASSWORD; and of the password in a URI';
COMMENT ON FUNCTION taskcenter.redact_json(jsonb) IS
'The document as logs and the audit keep it: [REDACTED] instead of the value of each key whose name contains such a word, and of what is nested deeper than 200 levels; all other texts as by redact_text()';

GRANT EXECUTE ON FUNCTION taskcenter.redact_text(text), taskcenter.redact_json(jsonb) TO PUBLIC;
