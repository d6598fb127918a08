-- Why: files whose lines become messages, and how far each is.
-- Locks: only new objects. Table size: tried with 100,000 files.
-- Older workers: survive; they import no files.

-- The id is the name of the file's folder below processing, done or failed. The position is moved in the transaction that creates the
-- messages of the lines before it. Rows of files that ended 90 days ago are removed.
CREATE TABLE postroom.file_import (
    id           uuid CONSTRAINT file_import_pk PRIMARY KEY,
    started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at  timestamptz,
    size         bigint NOT NULL,
    modified_us  bigint NOT NULL,
    position     bigint NOT NULL DEFAULT 0,
    lines        bigint NOT NULL DEFAULT 0,
    messages     bigint NOT NULL DEFAULT 0,
    bad_lines    bigint NOT NULL DEFAULT 0,
    bad_bytes    bigint NOT NULL DEFAULT 0,
    import_name  text COLLATE "C" NOT NULL,
    file         text NOT NULL,
    state        text COLLATE "C" NOT NULL DEFAULT 'RUNNING',
    sha256       bytea,
    error        text NOT NULL DEFAULT '',
    CONSTRAINT file_import_state_known CHECK (state IN ('RUNNING', 'DONE', 'FAILED')),
    CONSTRAINT file_import_finished CHECK ((state = 'RUNNING') = (finished_at IS NULL))
) WITH (fillfactor = 80);
CREATE INDEX file_import_same ON postroom.file_import (sha256, import_name);
COMMENT ON TABLE postroom.file_import IS 'one row for each file that an import has taken';
COMMENT ON COLUMN postroom.file_import.modified_us IS 'the file''s time of change in microseconds since 1970, when it was taken';
COMMENT ON COLUMN postroom.file_import.position IS 'bytes whose lines are messages or bad lines';
COMMENT ON COLUMN postroom.file_import.bad_bytes IS 'bytes of bad-lines.ndjson that count; what is behind them is of a process that died';
COMMENT ON COLUMN postroom.file_import.sha256 IS 'of the content; null: it was refused before it was read';

CREATE VIEW postroom.file_imports AS
SELECT f.id, f.import_name, f.file, f.size, f.state, f.position, f.lines, f.messages, f.bad_lines, f.started_at, f.changed_at,
       f.finished_at, f.error
FROM postroom.file_import f;
COMMENT ON VIEW postroom.file_imports IS 'files that imports have taken, and how far each is';
COMMENT ON COLUMN postroom.file_imports.state IS 'RUNNING, DONE or FAILED; the file is in the folder processing, done or failed';
COMMENT ON COLUMN postroom.file_imports.bad_lines IS 'lines in bad-lines.ndjson beside the file, with their numbers and reasons';
