-- Ten columns, two indexes; the measure puts SIDE and ROWS in.
CREATE TABLE bench.SIDE (
    id bigint PRIMARY KEY, status text NOT NULL DEFAULT 'pending', customer text,
    region int, amount numeric, placed_at timestamptz, note text, details jsonb,
    paid boolean, version int NOT NULL DEFAULT 0);
INSERT INTO bench.SIDE
SELECT n, 'pending', 'customer ' || n, n % 1000, n * 1.5, now(), repeat('x', 20),
    '{"lines": 3}', n % 2 = 0, 0
FROM generate_series(1, ROWS) AS n;
CREATE INDEX SIDE_region_idx ON bench.SIDE (region);
ALTER TABLE bench.SIDE OWNER TO bench;
