\echo
\echo '=== 1. The input: what dpkg knows about this machine'
\echo

CREATE SCHEMA inventory;
CREATE TABLE inventory.staging (
    package text, version text, architecture text, section text,
    installed_kib bigint, changed_epoch bigint, depends text);
CREATE TABLE inventory.snapshots (
    snapshot_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    loaded_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE inventory.packages (
    snapshot_id int NOT NULL REFERENCES inventory.snapshots,
    package text NOT NULL, version text NOT NULL, architecture text NOT NULL,
    section text, installed_kib bigint, depends text,
    PRIMARY KEY (snapshot_id, package, architecture));
CREATE TABLE inventory.section_sizes (
    snapshot_id int, section text, packages int, mib numeric, PRIMARY KEY (snapshot_id, section));
CREATE TABLE inventory.changes (
    snapshot_id int, package text, change text, old_version text, new_version text);
CREATE TABLE inventory.ticks (ticked_at timestamptz NOT NULL DEFAULT now());

\copy inventory.staging FROM 'packages.tsv' WITH (FORMAT csv, DELIMITER E'\t', QUOTE E'\b', NULL '')

SELECT count(*) AS packages, count(DISTINCT section) AS sections,
       pg_size_pretty(sum(installed_kib) * 1024) AS installed
FROM inventory.staging;

-- A source that is out of reach at the first attempt.
CREATE FUNCTION inventory.ask_mirror() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    attempt int := (SELECT r.attempt FROM taskcenter.current_run() AS r);
BEGIN
    PERFORM taskcenter.write_log('info', format('attempt %s: asking the mirror', attempt));
    IF attempt = 1 THEN
        RAISE EXCEPTION 'the mirror does not answer' USING ERRCODE = 'connection_failure';
    END IF;
    PERFORM taskcenter.set_output(jsonb_build_object('mirror', 'in step'));
END $$;

-- Minutes of work, one package after the other.
CREATE FUNCTION inventory.compute_checksums() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    total bigint := (SELECT count(*) FROM inventory.staging);
    done bigint := 0;
    item record;
BEGIN
    FOR item IN SELECT package, version FROM inventory.staging ORDER BY package LOOP
        PERFORM count(md5(item.package || item.version || n)) FROM generate_series(1, 300000) AS n;
        done := done + 1;
        PERFORM taskcenter.report_progress(done, total, item.package);
    END LOOP;
END $$;
