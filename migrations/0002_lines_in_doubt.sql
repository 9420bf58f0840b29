-- The database knows which schema it has, and bills keep lines whose amount nobody can tell for sure.
-- oldest code: 1

-- step
CREATE TABLE IF NOT EXISTS schema_version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version int NOT NULL,
    oldest_code int NOT NULL,
    steps_done int NOT NULL DEFAULT 0,
    CHECK (oldest_code <= version)
);
INSERT INTO schema_version (version, oldest_code) VALUES (1, 1) ON CONFLICT DO NOTHING;

-- step
ALTER TABLE bill_lines ALTER COLUMN fen DROP NOT NULL;

-- step
ALTER TABLE bill_lines ADD CONSTRAINT bill_lines_check1 CHECK (fen IS NOT NULL OR request_no = '') NOT VALID;

-- step
ALTER TABLE bill_lines VALIDATE CONSTRAINT bill_lines_check1;
