-- Secrets out of text and JSON: what is hidden, what is not, and that twice is once.
CREATE EXTENSION taskcenter;
SET search_path = taskcenter;
SET extra_float_digits = 1;

CREATE TEMP TABLE samples (number int GENERATED ALWAYS AS IDENTITY, message text);
INSERT INTO samples (message) VALUES
-- the words, each with a colon and an equals sign
('password=hunter2'), ('passwd: hunter2'), ('pwd = hunter2'), ('secret:hunter2'),
('token=hunter2'), ('api key: hunter2'), ('api-key=hunter2'), ('apikey=hunter2'),
('access_key = hunter2'), ('ACCESS KEY: hunter2'), ('private key=hunter2'),
('connection string: hunter2'), ('credential=hunter2'),
-- as part of a name, in any case
('PGPASSWORD=hunter2 psql'), ('client_secret: hunter2'), ('my-token=hunter2'),
('aws.secret.access.key=hunter2'), ('Passwort password1=hunter2, user=bob'),
-- how far the value goes
('password=hunter2 user=bob'), ('password=hunter2,user=bob'), ('password=hunter2;user=bob'),
(E'password=hunter2\nuser=bob'), (E'password:\thunter2\tuser'),
('password="hunter2 and more" user'), ('password=''hunter2''''s more'' user'),
('password=E''hunter2 \''more'' user'), ('"password": "hunter2 and \" more"}, x'),
(E'{\\"token\\": \\"hunter2 more\\", \\"user\\": 1}'),
('tokens: ["hunter2", "hunter2"]}'), ('credentials = {a: hunter2, b: {c: hunter2}} x'),
('password="hunter2 that never ends, x'), ('(password=hunter2) x'),
-- assignments of other kinds
('password => ''hunter2'', user => 1'), ('password := hunter2'), ('token == hunter2'),
('token != ''hunter2'''), ('DETAIL: Key (api_token)=(hunter2 more) already exists.'),
('ALTER ROLE bob PASSWORD ''hunter2 more'' LOGIN'), ('OPTIONS (user ''bob'', password ''hunter2'')'),
-- URIs
('postgres://bob:hunter2@host:5432/db'), ('redis://:hunter2@host x'), ('x://b:hunter2@more@host/'),
('ftp://bob:hun/ter2@host y'), ('a http://b:hunter2@c d http://e:hunter2@f'),
('https://host/?token=hunter2&x=1'), ('https://me@mail:hunter2@host/'),
-- beside longer characters
('пароль password=hunter2 дальше'), ('pwd=huntér2ü ok'), ('ñtoken:hunter2');

SELECT number, redact_text(message) AS redacted FROM samples ORDER BY number;
SELECT count(*) AS leaks FROM samples WHERE redact_text(message) LIKE '%unter2%' OR redact_text(message) LIKE '%ter2%';
SELECT count(*) AS not_stable FROM samples
WHERE redact_text(redact_text(message)) <> redact_text(message);

-- nothing to hide: unchanged
SELECT message FROM (VALUES
(''), ('password'), ('the password is wrong'), ('token count was 5'), ('password='), ('password: , x'),
('http://host:8080/path'), ('http://host:8080/a@b'), ('a=b, c: d'), ('at 12:30 x=1'), ('keys=5'),
('a key: 1'), ('invalid token ''x'''), ('https://me@host:80/'), ('sort key = created_at'),
('relation "x" does not exist'), ('x://'), ('x://y:@z'), ('::=:'), (repeat('=', 20))) AS v (message)
WHERE redact_text(message) IS DISTINCT FROM message;

-- documents
SELECT redact_json(document::jsonb) FROM (VALUES
('{"password": "hunter2", "user": "bob", "n": 5, "none": null, "on": true}'),
('{"Api-Key": 1, "api key": {"a": 1}, "access.key": [1, 2], "privateKey": null, "user": {}}'),
('{"connectionString": "x", "connection_string": "x", "db": {"PGPASSWD": "x", "port": 1}}'),
('{"note": "token=hunter2 ok", "list": ["pwd: hunter2", {"my_credentials": [1]}, 7]}'),
('{"postgres://u:hunter2@h": "up", "$secret": "name"}'),
('{"key": {"$secret": "name"}, "list": [{"$secret": "password=hunter2"}, {"$secret": ["x"]}]}'),
('"password=hunter2"'), ('"fine"'), ('[]'), ('{}'), ('[[], {}]'), ('17'), ('null'),
('["a", ["b", "secret: hunter2"]]')) AS v (document);

-- deep and long ones
SELECT depth, length(redact_json((repeat('[', depth) || '"token=x"' || repeat(']', depth))::jsonb)::text)
FROM (VALUES (1), (199), (200), (201), (1000), (3000)) AS v (depth);
SELECT length(redact_text(repeat('password=abc ', 100000)));
SELECT length(redact_text(repeat(message, 1000000 / length(message)))) > 0 AS done
FROM (VALUES ('password'), ('='), ('password='), ('://a:b/'), ('://a:b@c'), ('pwd="'), ('token=('),
    ('p---'), ('api '), ('\"'), ('a key '), ('password '''), ('x://'), ('token: \'), (E'pwd='''''))
    AS v (message);

-- random: whatever surrounds it, a secret with a name is hidden, and twice is once
SELECT setseed(0.4);
CREATE TEMP TABLE random_texts AS
SELECT before, name, assign, quote, secret, rest,
    before || name || assign || quote || secret || quote || rest AS message
FROM (
    SELECT (ARRAY['', 'x ', 'user=bob, ', '{"a": 1, "', '(', E'line\n', 'http://h/?a=1&', 'п '])[1 + floor(random() * 8)] AS before,
        (ARRAY['password', 'PassWd', 'db_pwd', 'SECRET', 'my.token', 'api key', 'apiKey', 'x-access-key', 'credentials'])[1 + floor(random() * 9)] AS name,
        (ARRAY['=', ':', ': ', ' = ', ' := ', ' => ', '==', '": ', ' :  '])[1 + floor(random() * 9)] AS assign,
        (ARRAY['', '', '''', '"'])[1 + floor(random() * 4)] AS quote,
        'q' || md5(random()::text) AS secret,
        (ARRAY['', ' and more', ', user=bob', '; x', '} x', E'\nnext', ') password', ' token='])[1 + floor(random() * 8)] AS rest
    FROM generate_series(1, 20000)) AS r;
SELECT count(*) AS texts,
    count(*) FILTER (WHERE position(secret IN redact_text(message)) > 0) AS leaks,
    count(*) FILTER (WHERE redact_text(redact_text(message)) <> redact_text(message)) AS not_stable,
    count(*) FILTER (WHERE left(redact_text(message), length(before || name)) <> before || name) AS beginnings_lost
FROM random_texts;
WITH documents AS (
    SELECT secret, jsonb_build_object('a', message, name, secret, 'b', jsonb_build_array(1, jsonb_build_object(upper(name) || '_x', jsonb_build_array(secret)), message)) AS document
    FROM random_texts)
SELECT count(*) FILTER (WHERE position(secret IN redact_json(document)::text) > 0) AS leaks,
    count(*) FILTER (WHERE redact_json(redact_json(document)) <> redact_json(document)) AS not_stable
FROM documents;

-- random noise of what has a meaning: twice is once
SELECT count(*) AS texts, count(*) FILTER (WHERE redact_text(redact_text(message)) <> redact_text(message)) AS not_stable
FROM (SELECT (SELECT string_agg((ARRAY['password', 'token', 'key', 'api', '=', ':', '://', '@', '"', '''', '\', '(', ')', '[', ']', '{', ' ', ',', ';', 'a', 'E', '/', '?', '5', 'ü'])[1 + floor(random() * 25)], '')
    FROM generate_series(1, 5 + n % 20)) AS message FROM generate_series(1, 20000) AS n) AS r;

\set VERBOSITY sqlstate
SELECT redact_text(NULL);
SELECT redact_json(NULL);
DROP EXTENSION taskcenter;
