-- Why: messages that are worked off together, with their progress and a message when all of them have ended. Queues, places and history
-- stay as they are: which messages belong to a batch stands in tables of its own, a row for up to 1000 of them.
-- Locks: only new objects. Table size: tried with a batch of 100,000 messages.
-- Older workers: survive; they complete no batches.

-- sealed_at and the two after it are the only columns that change while a batch is open. Who adds members holds the row (KEY SHARE); who
-- completes the batch needs it alone (FOR UPDATE). So the counts, which change each second, stand elsewhere.
CREATE TABLE postroom.batch (
    id             uuid CONSTRAINT batch_pk PRIMARY KEY,
    parent_id      uuid CONSTRAINT batch_of_parent REFERENCES postroom.batch,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by     text NOT NULL DEFAULT session_user,
    sealed_at      timestamptz,
    cancelled_at   timestamptz,
    completed_at   timestamptz,
    name           text NOT NULL,
    completion     jsonb,
    completion_id  uuid,
    done           bigint,
    dead           bigint,
    cancelled      bigint,
    expired        bigint,
    purged         bigint,
    CONSTRAINT batch_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT batch_counts_of_completed CHECK ((completed_at IS NULL) = (done IS NULL))
);
CREATE INDEX batch_by_parent ON postroom.batch (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX batch_completed ON postroom.batch (completed_at) WHERE completed_at IS NOT NULL;
COMMENT ON COLUMN postroom.batch.completion IS 'the message that is created at the completion, as for create_messages; null: none';
COMMENT ON COLUMN postroom.batch.completion_id IS 'that message, once it was created; null: none, or it reached no queue';
COMMENT ON COLUMN postroom.batch.done IS 'the counts at the completion; null: see batch_progress';

-- What is counted of each batch that is not completed. The lock on the row lets one process count at a time.
CREATE TABLE postroom.batch_progress (
    batch_id     uuid CONSTRAINT batch_progress_pk PRIMARY KEY,
    look_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    counted_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    purge_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_part    bigint NOT NULL DEFAULT 0,
    done         bigint NOT NULL DEFAULT 0,
    dead         bigint NOT NULL DEFAULT 0,
    cancelled    bigint NOT NULL DEFAULT 0,
    expired      bigint NOT NULL DEFAULT 0,
    purged       bigint NOT NULL DEFAULT 0,
    problem      text
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
COMMENT ON COLUMN postroom.batch_progress.look_at IS 'when the next process counts';
COMMENT ON COLUMN postroom.batch_progress.purge_at IS 'when it looks for members that were purged, too';
COMMENT ON COLUMN postroom.batch_progress.next_part IS 'up to this part all were looked at in their turn';
COMMENT ON COLUMN postroom.batch_progress.dead IS 'dead letters that went on through a dead letter exchange; others may be redriven';
COMMENT ON COLUMN postroom.batch_progress.problem IS 'why the completion message could not be created; it is tried again';

-- The members that have not ended, and those that are dead letters. A row is never updated: what ends is taken out of it by writing the
-- rest anew. The ids are outside of the row, so that looking for rows to count reads none of them.
CREATE TABLE postroom.batch_part (
    batch_id  uuid NOT NULL,
    id        bigint GENERATED ALWAYS AS IDENTITY,
    first_id  uuid NOT NULL,
    last_id   uuid NOT NULL,
    size      int NOT NULL,
    entries   int NOT NULL,
    is_dead   boolean NOT NULL,
    members   uuid[] NOT NULL,
    CONSTRAINT batch_part_pk PRIMARY KEY (batch_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
        toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_cost_delay = 0);
ALTER TABLE postroom.batch_part ALTER COLUMN members SET STORAGE EXTERNAL; -- ids do not compress
COMMENT ON COLUMN postroom.batch_part.first_id IS 'the first of members, and last_id the last one: whether these have ended is asked first';
COMMENT ON COLUMN postroom.batch_part.entries IS 'in how many queues each of the members has an entry';
COMMENT ON COLUMN postroom.batch_part.is_dead IS 'they were dead letters when they were counted';

CREATE VIEW postroom.batches AS
SELECT b.id AS batch,
       b.name,
       b.parent_id AS parent,
       CASE WHEN b.completed_at IS NOT NULL THEN 'COMPLETED'
            WHEN b.cancelled_at IS NOT NULL THEN 'CANCELLED'
            WHEN b.sealed_at IS NOT NULL THEN 'SEALED'
            ELSE 'OPEN' END AS state,
       coalesce(p.unfinished, 0) + c.done + c.dead + coalesce(p.dead, 0) + c.cancelled + c.expired + c.purged AS total,
       coalesce(p.unfinished, 0) AS unfinished,
       CASE WHEN p.unfinished > 0 THEN least(p.unfinished, (
           SELECT count(DISTINCT u.message_id)
           FROM postroom.lease l
           CROSS JOIN LATERAL unnest(l.message_ids) WITH ORDINALITY u (message_id, place)
           WHERE substring(l.open FROM u.place::int FOR 1) = B'1'
             -- A look-up for each, and no join that could read all messages.
             AND (SELECT m.headers ->> 'postroom-batch' FROM postroom.message m WHERE m.id = u.message_id) = b.id::text)) ELSE 0 END
           AS in_progress,
       c.done,
       c.dead + coalesce(p.dead, 0) AS dead,
       c.cancelled,
       c.expired,
       c.purged,
       (SELECT count(*) FROM postroom.batch x WHERE x.parent_id = b.id) AS children,
       (SELECT count(*) FROM postroom.batch x WHERE x.parent_id = b.id AND x.completed_at IS NOT NULL) AS children_completed,
       b.created_at,
       b.created_by,
       b.sealed_at,
       b.cancelled_at,
       b.completed_at,
       b.completion_id,
       coalesce(g.counted_at, b.completed_at) AS counted_at,
       g.problem
FROM postroom.batch b
LEFT JOIN postroom.batch_progress g ON g.batch_id = b.id
CROSS JOIN LATERAL (
    SELECT coalesce(b.done, g.done, 0) AS done, coalesce(b.dead, g.dead, 0) AS dead, coalesce(b.cancelled, g.cancelled, 0) AS cancelled,
           coalesce(b.expired, g.expired, 0) AS expired, coalesce(b.purged, g.purged, 0) AS purged) c
CROSS JOIN LATERAL (
    SELECT sum(x.size) FILTER (WHERE NOT x.is_dead) AS unfinished, sum(x.size) FILTER (WHERE x.is_dead) AS dead
    FROM postroom.batch_part x
    WHERE x.batch_id = b.id) p;
COMMENT ON VIEW postroom.batches IS 'one row per batch: how far it is. Completed ones stay for seven days';
COMMENT ON COLUMN postroom.batches.state IS
    'OPEN (takes members), SEALED (takes no more), CANCELLED (what waits is being cancelled), COMPLETED (all members have ended)';
COMMENT ON COLUMN postroom.batches.unfinished IS 'members that had not ended at counted_at: they wait or are in progress';
COMMENT ON COLUMN postroom.batches.in_progress IS 'those of them that are in progress now';
COMMENT ON COLUMN postroom.batches.purged IS
    'members that were removed after their retention before they were counted; how they ended is unknown';
COMMENT ON COLUMN postroom.batches.counted_at IS 'when the counts were taken: while it is not completed, each second or two';
COMMENT ON COLUMN postroom.batches.problem IS 'why the completion message could not be created; it is tried again';
