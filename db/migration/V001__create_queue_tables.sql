-- Why: the registry of messages and the places a message can be in. A message in a queue is in exactly one of ready, delayed, one lease,
-- dead_letter, or finished (a terminal row in attempt). An immutable message, a tiny ready row and one lease row per claimed batch wrote
-- 216 bytes of WAL per message, where a single table with a state column wrote 1093.
-- Locks: only new objects. Table size: safe at any.
-- Older workers: none exist.

CREATE TABLE postroom.queue (
    id            int GENERATED ALWAYS AS IDENTITY CONSTRAINT queue_pk PRIMARY KEY,
    name          text COLLATE "C" NOT NULL CONSTRAINT queue_name_unique UNIQUE,
    max_attempts  int NOT NULL DEFAULT 20,
    retry_after   text NOT NULL DEFAULT '10s..6h',
    crash_limit   int NOT NULL DEFAULT 3,
    time_to_live  interval,
    retention     interval NOT NULL DEFAULT interval '7 days',
    ordered       boolean NOT NULL DEFAULT false,
    on_dead_letter  text NOT NULL DEFAULT 'release',
    settings_by   text NOT NULL DEFAULT 'default',
    paused_at     timestamptz,
    consumers_stopped_at timestamptz,
    created_at    timestamptz NOT NULL DEFAULT statement_timestamp(),
    deleted_at    timestamptz,
    dead_letter_exchange     text COLLATE "C",
    dead_letter_routing_key  text COLLATE "C",
    kind          text NOT NULL DEFAULT 'durable',
    owner         uuid,
    had_consumer  boolean NOT NULL DEFAULT false,
    max_length    bigint,
    overflow      text NOT NULL DEFAULT 'drop_head',
    single_active_consumer  boolean NOT NULL DEFAULT false,
    fair          boolean NOT NULL DEFAULT false,
    expires_after interval,
    used_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    group_weights jsonb,
    weights_by    text NOT NULL DEFAULT 'default',
    CONSTRAINT queue_name_wellformed CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$'),
    CONSTRAINT queue_max_attempts_range CHECK (max_attempts BETWEEN 1 AND 1000),
    CONSTRAINT queue_crash_limit_range CHECK (crash_limit BETWEEN 1 AND 1000),
    CONSTRAINT queue_time_to_live_range CHECK (time_to_live BETWEEN interval '1 millisecond' AND interval '400 days'),
    CONSTRAINT queue_retention_range CHECK (
        retention BETWEEN interval '0' AND interval '400 days' OR retention = interval '365000 days'),
    CONSTRAINT queue_retry_after_readable CHECK (CASE
        WHEN retry_after = 'custom' THEN true
        WHEN retry_after ~* '^\s*\d{1,9}\s*(ms|s|m|h|d)\s*(,\s*\d{1,9}\s*(ms|s|m|h|d)\s*)*$'
            THEN interval '400 days' >= ALL (string_to_array(retry_after, ',')::interval[])
        WHEN retry_after ~* '^\s*\d{1,9}\s*(ms|s|m|h|d)\s*\.\.\s*\d{1,9}\s*(ms|s|m|h|d)\s*$'
            THEN interval '0' < split_part(retry_after, '..', 1)::interval
                 AND split_part(retry_after, '..', 1)::interval <= split_part(retry_after, '..', 2)::interval
                 AND split_part(retry_after, '..', 2)::interval <= interval '400 days'
        ELSE false
    END),
    CONSTRAINT queue_on_dead_letter_known CHECK (on_dead_letter IN ('block', 'release')),
    CONSTRAINT queue_dead_letter_exchange_wellformed CHECK (dead_letter_exchange ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$'),
    CONSTRAINT queue_dead_letter_routing_key_length CHECK (octet_length(dead_letter_routing_key) <= 255),
    CONSTRAINT queue_dead_letter_routing_key_has_exchange CHECK (dead_letter_routing_key IS NULL OR dead_letter_exchange IS NOT NULL),
    CONSTRAINT queue_settings_by_known CHECK (settings_by IN ('default', 'declaration', 'operator')),
    CONSTRAINT queue_kind_known CHECK (kind IN ('durable', 'exclusive', 'auto_delete')),
    CONSTRAINT queue_owner_of_exclusive CHECK ((kind = 'exclusive') = (owner IS NOT NULL)),
    CONSTRAINT queue_max_length_range CHECK (max_length BETWEEN 1 AND 1000000000),
    CONSTRAINT queue_expires_after_range CHECK (expires_after BETWEEN interval '1 millisecond' AND interval '400 days'),
    CONSTRAINT queue_overflow_known CHECK (overflow IN ('drop_head', 'reject', 'reject_to_dead_letter_exchange')),
    CONSTRAINT queue_fair_is_not_ordered CHECK (NOT (fair AND ordered)),
    CONSTRAINT queue_group_weights_object CHECK (jsonb_typeof(group_weights) = 'object'),
    CONSTRAINT queue_weights_by_known CHECK (weights_by IN ('default', 'declaration', 'operator'))
);
-- Each statement that writes into ready looks there whether a queue is fair.
CREATE INDEX queue_fair ON postroom.queue (id) WHERE fair;
-- The queues that a job has to look at.
CREATE INDEX queue_with_an_end ON postroom.queue (name) WHERE (kind <> 'durable' OR expires_after IS NOT NULL) AND deleted_at IS NULL;
CREATE INDEX queue_with_a_limit ON postroom.queue (id) WHERE max_length IS NOT NULL AND deleted_at IS NULL;
COMMENT ON COLUMN postroom.queue.time_to_live IS '1 millisecond to 400 days; null: messages without one of their own never expire';
COMMENT ON COLUMN postroom.queue.retention IS
    '0 to 400 days, or 365000 days: for ever. Not ''infinity'', which no version before 17 has and no duration in Java can be';
COMMENT ON COLUMN postroom.queue.retry_after IS
    'the waits between attempts, each at most 400 days: 10s, or 10s, 1m, 5m (the last repeats), or 1s..1h (doubling with jitter). '
    'Units: ms, s, m, h, d. custom: those of the handler';
COMMENT ON COLUMN postroom.queue.dead_letter_exchange IS
    'through which dead letters go on, and messages that expire here; null: they stay. It may be missing: then they stay, too';
COMMENT ON COLUMN postroom.queue.dead_letter_routing_key IS 'with which they go on; null: with the message''s own';
COMMENT ON COLUMN postroom.queue.consumers_stopped_at IS
    'since when all consumers are told to stop, those that start later included; null: not all are';
COMMENT ON COLUMN postroom.queue.ordered IS
    'at most one message of each group is in progress, in the order in which they were sent; change it with postroom.set_ordered';
COMMENT ON COLUMN postroom.queue.on_dead_letter IS
    'of an ordered queue, what becomes of the group of a dead letter: release, the next one runs; block, they wait until it is redriven';
COMMENT ON COLUMN postroom.queue.settings_by IS 'who set the settings last; a declaration does not overwrite an operator';
COMMENT ON COLUMN postroom.queue.kind IS
    'durable: stays until it is deleted; exclusive: belongs to one process and goes with it; auto_delete: goes with its last consumer';
COMMENT ON COLUMN postroom.queue.owner IS 'of an exclusive queue: worker.instance of the process that it belongs to';
COMMENT ON COLUMN postroom.queue.max_length IS 'most READY messages; null: as many as come';
COMMENT ON COLUMN postroom.queue.overflow IS
    'what happens above max_length. drop_head: the oldest of the lowest priority goes; reject: the new message is refused; '
    'reject_to_dead_letter_exchange: the new message goes there';
COMMENT ON COLUMN postroom.queue.single_active_consumer IS
    'only one process consumes at a time, and another one takes over when it stops or dies';
COMMENT ON COLUMN postroom.queue.fair IS
    'the groups of its messages take turns: claim_fair takes from it; set it with postroom.set_fair';
COMMENT ON COLUMN postroom.queue.group_weights IS
    'how many messages of a group go in a turn of a fair queue, for those with more than one; set it with postroom.set_group_weight';
COMMENT ON COLUMN postroom.queue.weights_by IS 'who set group_weights last; a declaration does not overwrite an operator';
COMMENT ON COLUMN postroom.queue.expires_after IS
    '1 millisecond to 400 days: the queue is deleted when nobody has consumed or declared it for so long; null: never';
COMMENT ON COLUMN postroom.queue.used_at IS
    'of a queue with expires_after: when it was last declared or had a consumer, up to a tenth of that time or a minute earlier';
COMMENT ON COLUMN postroom.queue.had_consumer IS
    'of an auto_delete queue: whether it had a consumer since it was made; before that it is not deleted by itself';

-- An exchange takes messages that name no queue; its bindings choose the queues. An alternate exchange is kept by its name and may be
-- missing, as in RabbitMQ: then it reaches nothing.
CREATE TABLE postroom.exchange (
    id          int GENERATED ALWAYS AS IDENTITY CONSTRAINT exchange_pk PRIMARY KEY,
    name        text COLLATE "C" NOT NULL CONSTRAINT exchange_name_unique UNIQUE,
    kind        text NOT NULL,
    alternate   text COLLATE "C",
    created_at  timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT exchange_name_wellformed CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$'),
    CONSTRAINT exchange_kind_known CHECK (kind IN ('direct', 'topic', 'fanout', 'headers')),
    CONSTRAINT exchange_alternate_wellformed CHECK (alternate ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$')
);
COMMENT ON COLUMN postroom.exchange.alternate IS 'the exchange that a message goes on to where no binding of this one matches it';

-- A binding leads from an exchange to a queue, or to another exchange. Two sets of arguments for one queue are two bindings, so the
-- arguments belong to the unique index. An entry there may have 2704 bytes: hence at most 1024 of arguments.
CREATE TABLE postroom.binding (
    id              int GENERATED ALWAYS AS IDENTITY CONSTRAINT binding_pk PRIMARY KEY,
    exchange_id     int NOT NULL CONSTRAINT binding_from_exchange REFERENCES postroom.exchange,
    queue_id        int,
    to_exchange_id  int CONSTRAINT binding_to_exchange REFERENCES postroom.exchange,
    routing_key     text COLLATE "C" NOT NULL DEFAULT '',
    arguments       jsonb NOT NULL DEFAULT '{}',
    -- A LIKE pattern that every key matches which the topic pattern matches; some other keys match it, too. It is tried first, in a
    -- fraction of the time that topic_matches takes.
    key_like        text COLLATE "C" GENERATED ALWAYS AS (
        regexp_replace(regexp_replace(routing_key COLLATE "C", '([\\%_])', '\\\1', 'g'), '\.#|#\.|#|\*', '%', 'g')) STORED,
    created_at      timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT binding_has_one_destination CHECK (num_nonnulls(queue_id, to_exchange_id) = 1),
    CONSTRAINT binding_routing_key_length CHECK (octet_length(routing_key) <= 255),
    CONSTRAINT binding_arguments_readable CHECK (jsonb_typeof(arguments) = 'object' AND octet_length(arguments::text) <= 1024)
);
CREATE UNIQUE INDEX binding_unique ON postroom.binding
    (exchange_id, routing_key, coalesce(queue_id, 0), coalesce(to_exchange_id, 0), arguments);
CREATE INDEX binding_by_queue ON postroom.binding (queue_id);
CREATE INDEX binding_by_to_exchange ON postroom.binding (to_exchange_id);
COMMENT ON COLUMN postroom.binding.routing_key IS
    'of a direct exchange: the key; of a topic exchange: the pattern, where * is one word and # any number of words';
COMMENT ON COLUMN postroom.binding.arguments IS
    'of a headers exchange: x-match (all, any, all-with-x, any-with-x) and the headers wanted; null wants any value';

-- One row. It gets another value in each transaction that changes what a message reaches. A process that remembers exchanges and bindings
-- names the value under which it read them, and the INSERT of its messages writes nothing under another one. A number would not do: after
-- a failover to a standby that lacked the last WAL, the same number would stand for other bindings.
CREATE TABLE postroom.routing_version (
    is_only  boolean NOT NULL DEFAULT true CONSTRAINT routing_version_pk PRIMARY KEY CONSTRAINT routing_version_is_one_row CHECK (is_only),
    version  uuid NOT NULL DEFAULT gen_random_uuid()
) WITH (fillfactor = 50);
INSERT INTO postroom.routing_version DEFAULT VALUES;

-- Messages that reached no queue and were created with mandatory off. Rows are kept for seven days.
CREATE TABLE postroom.dropped_message (
    message_id      uuid NOT NULL CONSTRAINT dropped_message_pk PRIMARY KEY,
    dropped_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    exchange        text COLLATE "C" NOT NULL,
    routing_key     text COLLATE "C" NOT NULL,
    type            text COLLATE "C",
    correlation_id  text COLLATE "C"
);

-- A process that handles messages. Each start makes a new row: a reused id would make orphaned leases look owned.
CREATE TABLE postroom.worker (
    id          int GENERATED ALWAYS AS IDENTITY CONSTRAINT worker_pk PRIMARY KEY,
    instance    uuid NOT NULL CONSTRAINT worker_instance_unique UNIQUE,
    name        text NOT NULL,
    version     text NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    beat_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    stopped_at  timestamptz,
    publishes_stats boolean NOT NULL DEFAULT false,
    address     inet DEFAULT inet_client_addr()
) WITH (fillfactor = 50);

COMMENT ON COLUMN postroom.worker.publishes_stats IS 'whether it counts the queues for metrics, unless a worker that started before does';
COMMENT ON COLUMN postroom.worker.address IS 'where its connection came from, which may be a pooler; null: a local socket';

CREATE TABLE postroom.consumer (
    worker_id    int NOT NULL,
    queue_id     int NOT NULL,
    handler      text NOT NULL,
    direction    smallint NOT NULL,
    concurrency  int NOT NULL,
    mode         text NOT NULL,
    types        text[] NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT consumer_pk PRIMARY KEY (queue_id, worker_id, handler)
);
COMMENT ON COLUMN postroom.consumer.types IS 'type/version it takes (versions up to that one); an empty text takes messages without a type';

-- Of a queue with a single active consumer: the process that claims. It holds its row (KEY SHARE) during each claim; who takes the row away
-- looks for leases of that process after the lock. See active.
CREATE TABLE postroom.active_consumer (
    queue_id    int NOT NULL CONSTRAINT active_consumer_pk PRIMARY KEY,
    worker_id   int NOT NULL,
    active_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    waits_for   text[]
);
COMMENT ON COLUMN postroom.active_consumer.worker_id IS
    '0: none yet, because claims may be under way from before the queue had a single active consumer';
COMMENT ON COLUMN postroom.active_consumer.waits_for IS 'virtual transactions in which such claims may be';

-- A consumer (what one process consumes of one queue) that was told to stop. The row goes when it may start again.
CREATE TABLE postroom.consumer_stop (
    worker_id   int NOT NULL,
    queue_id    int NOT NULL,
    order_id    uuid,
    ordered_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    stopped_at  timestamptz,
    held        int,
    CONSTRAINT consumer_stop_pk PRIMARY KEY (worker_id, queue_id)
);
COMMENT ON COLUMN postroom.consumer_stop.order_id IS 'its line in operator_action; null: the process started after the order';
COMMENT ON COLUMN postroom.consumer_stop.stopped_at IS 'since when it claims no more; null: its process has not answered yet';
COMMENT ON COLUMN postroom.consumer_stop.held IS 'messages that it still held when it last said so';

-- Messages that a process held when they were cancelled. The row goes once the process has seen it.
CREATE TABLE postroom.cancelled_run (
    worker_id     int NOT NULL,
    message_id    uuid NOT NULL,
    cancelled_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT cancelled_run_pk PRIMARY KEY (worker_id, message_id)
);

-- The message itself: written once, never updated. seq is its first place in ready, in each of its queues (0: it began in delayed or under
-- a lease). A message that never moved is found in ready by that seq through the primary key, so enqueue needs no index on message_id.
-- Neither this table nor ready has a CHECK: PostgreSQL parses the text of a constraint again for every statement, and three of them took 10
-- of the 46 us of an enqueue. Whoever writes here checks before. A new column goes into MessageColumns in Java and into create_message.
CREATE TABLE postroom.message (
    id              uuid NOT NULL,
    seq             bigint NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT statement_timestamp(),
    expires_at      timestamptz,
    queue_id        int NOT NULL,
    type_version    smallint NOT NULL DEFAULT 0,
    priority        smallint NOT NULL,
    direction       smallint NOT NULL,
    type            text COLLATE "C",
    correlation_id  text COLLATE "C",
    group_key       text COLLATE "C",
    content_type    text,
    created_by      text,
    exchange        text COLLATE "C",
    routing_key     text COLLATE "C",
    queue_ids       int[],
    headers         jsonb,
    payload         jsonb,
    body            bytea,
    CONSTRAINT message_pk PRIMARY KEY (id)
) PARTITION BY RANGE (id);
COMMENT ON COLUMN postroom.message.direction IS '0 outgoing, 1 incoming';
COMMENT ON COLUMN postroom.message.queue_id IS '0: it was routed to several queues, those of queue_ids';
COMMENT ON COLUMN postroom.message.exchange IS 'through which it was created; null: it named its queue';
COMMENT ON COLUMN postroom.message.routing_key IS 'with which it was created; null without an exchange';
COMMENT ON COLUMN postroom.message.queue_ids IS 'the queues it was routed to if they are several, else null; it has an entry in each';
CREATE INDEX message_by_correlation ON postroom.message (correlation_id) WHERE correlation_id IS NOT NULL;
CREATE INDEX message_by_expiry ON postroom.message (expires_at, id) WHERE expires_at IS NOT NULL;

-- Order of handling. CACHE 1 is checked at start: a cached number would be drawn before the transaction that uses it has an id, and the low
-- watermark (see poll) rests on that order.
CREATE SEQUENCE postroom.ready_seq AS bigint CACHE 1;

-- Messages that can be claimed now. Rows are inserted and deleted, never updated (claim deletes by ctid).
CREATE TABLE postroom.ready (
    seq         bigint NOT NULL,
    queue_id    int NOT NULL,
    priority    smallint NOT NULL,
    failures    smallint NOT NULL DEFAULT 0,
    crashes     smallint NOT NULL DEFAULT 0,
    deliveries  smallint NOT NULL DEFAULT 0,
    message_id  uuid NOT NULL,
    moved       boolean NOT NULL DEFAULT true,
    group_key   text COLLATE "C" NOT NULL DEFAULT '',
    CONSTRAINT ready_pk PRIMARY KEY (queue_id, priority, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
        autovacuum_analyze_scale_factor = 0.2);
COMMENT ON COLUMN postroom.ready.moved IS 'not its first place: promoted, released, rescued or redriven; found by ready_by_moved_message';
CREATE INDEX ready_by_moved_message ON postroom.ready (message_id) WHERE moved;
COMMENT ON COLUMN postroom.ready.group_key IS
    'in a fair queue the group of the message, or chr(1) for none; in others empty, which fits into the row without making it larger';
CREATE INDEX ready_by_group ON postroom.ready (queue_id, priority, group_key, seq) WHERE group_key <> '' AND crashes = 0;
CREATE INDEX ready_suspects ON postroom.ready (queue_id, priority, seq) WHERE crashes > 0;

-- Messages of ordered queues that wait behind others of their group. They came through ready. seq is the place in the group, drawn when the
-- message is put here; a negative one is in front (see db/function/order.sql). Rows are inserted and deleted, never updated.
CREATE TABLE postroom.grouped (
    seq         bigint NOT NULL,
    queue_id    int NOT NULL,
    priority    smallint NOT NULL,
    failures    smallint NOT NULL DEFAULT 0,
    crashes     smallint NOT NULL DEFAULT 0,
    deliveries  smallint NOT NULL DEFAULT 0,
    message_id  uuid NOT NULL,
    group_key   text COLLATE "C" NOT NULL,
    CONSTRAINT grouped_pk PRIMARY KEY (queue_id, group_key, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX grouped_by_message ON postroom.grouped (message_id);

-- The groups of ordered queues: each has a row while one of its messages, the holder, is ready, delayed, in progress or, in a queue that
-- blocks then, dead. A group that was let go keeps its row for a minute, with is_free; one without a row is free, too.
--
-- While somebody else's snapshot lasts, every version of these rows stays, and a look-up by the key of a group would visit each version the
-- group ever had. So epoch is part of the key: it grows with every sixteenth holder, look-ups read the greatest one first, and find at most
-- sixteen versions. The row of a free group is kept for the same reason: without it the look-up would go through all dead ones.
CREATE TABLE postroom.message_group (
    queue_id    int NOT NULL,
    group_key   text COLLATE "C" NOT NULL,
    message_id  uuid,
    low         bigint NOT NULL,
    epoch       bigint NOT NULL,
    holders     smallint NOT NULL DEFAULT 1,
    is_free     boolean NOT NULL DEFAULT false,
    held_since  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT message_group_pk PRIMARY KEY (queue_id, group_key, epoch)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON COLUMN postroom.message_group.message_id IS
    'the holder; null: it has ended, and the group is free or the next one could not be chosen yet';
COMMENT ON COLUMN postroom.message_group.holders IS 'holders since the epoch began';
COMMENT ON COLUMN postroom.message_group.low IS 'no message of the group in grouped has a seq below this one';
-- An index with message_id would keep a change of the holder from staying in its page (HOT).

CREATE TABLE postroom.delayed (
    due_at      timestamptz NOT NULL,
    queue_id    int NOT NULL,
    priority    smallint NOT NULL,
    failures    smallint NOT NULL DEFAULT 0,
    crashes     smallint NOT NULL DEFAULT 0,
    deliveries  smallint NOT NULL DEFAULT 0,
    message_id  uuid NOT NULL,
    reason      text NOT NULL,
    CONSTRAINT delayed_pk PRIMARY KEY (message_id, queue_id),
    CONSTRAINT delayed_priority_range CHECK (priority BETWEEN 0 AND 9),
    CONSTRAINT delayed_due_at_finite CHECK (isfinite(due_at))
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON COLUMN postroom.delayed.reason IS 'delay, retry, snooze, not_now, no_handler, undecodable, payload_missing, not_run';
CREATE INDEX delayed_by_due_time ON postroom.delayed (due_at);
-- Messages that wait for an entry of an external system, as in settings:billing and secret:billing. Other reasons have no colon.
CREATE INDEX delayed_by_entry ON postroom.delayed (reason) WHERE strpos(reason, ':') > 0;

-- One row per claimed batch. message_ids never changes; open says which messages are still held.
--
-- The id is the fencing number: whatever ends, releases or rescues messages names it. A sequence alone would repeat after a failover to a
-- standby that lacked the last WAL, or after a restore, and results of a lost lease would be written onto new messages. So the id is the
-- time of the claim in microseconds since 2020, and below it 12 bits of a sequence, which keep apart what one server makes in the same
-- microsecond. A lost id comes back only if a clock shows the same microsecond again while the sequence stands at the same of 4096 places.
CREATE SEQUENCE postroom.lease_seq AS bigint;
CREATE TABLE postroom.lease (
    id           bigint NOT NULL CONSTRAINT lease_pk PRIMARY KEY
                 DEFAULT (((extract(epoch FROM clock_timestamp()) - 1577836800) * 1000000)::bigint << 12)
                         | (nextval('postroom.lease_seq') & 4095),
    claimed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    worker_id    int NOT NULL,
    queue_id     int NOT NULL,
    priority     smallint NOT NULL,
    message_ids  uuid[] NOT NULL,
    open         bit varying NOT NULL,
    failures     smallint[],
    crashes      smallint[],
    deliveries   smallint[],
    started      int
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON COLUMN postroom.lease.failures IS 'per message, before this claim; null means 0 for all (likewise crashes, deliveries)';
COMMENT ON COLUMN postroom.lease.started IS 'that many of message_ids, from the first, may have started; null means all';
-- At most 200 ids, 3.2 kB: compressing them took a tenth of a claim's time.
ALTER TABLE postroom.lease ALTER COLUMN message_ids SET STORAGE PLAIN;
-- The key is the only index. While a snapshot is open, ended leases cannot be cleaned up, and a look-up by anything but the id walks over
-- all of them: a completion by worker took twice its time after a minute of that.

-- Append-only history. It has no CHECK: parsing its text for each statement took a tenth of the work of a single completion.
-- A terminal row (done, cancelled, expired) is what makes a message finished.
CREATE TABLE postroom.attempt (
    message_id   uuid NOT NULL,
    started_at   timestamptz NOT NULL,
    finished_at  timestamptz NOT NULL,
    lease_id     bigint,
    queue_id     int NOT NULL,
    worker_id    int,
    number       smallint NOT NULL,
    outcome      smallint NOT NULL,
    error_class  text,
    error        text
) PARTITION BY RANGE (finished_at);
COMMENT ON COLUMN postroom.attempt.error IS
    'what went wrong; of a cancelled one the reason where there is one: queue_deleted, maxlen, batch_cancelled; '
    'of a done one the note of its handler, which is no error';
COMMENT ON COLUMN postroom.attempt.outcome IS
    '0 done, 1 cancelled, 2 expired (these three finish a message), 3 retry, 4 snooze, 5 not_now, 6 reject, 7 failed, 8 crashed, '
    '9 undecodable';
CREATE INDEX attempt_by_message ON postroom.attempt (message_id);
-- It has no key, and under a publication FOR ALL TABLES a DELETE would be refused. The old row in the WAL is paid for at a DELETE and only
-- with wal_level logical; a key would be paid for at each INSERT (figures: package io.postroom.internal.postgres.purge).
ALTER TABLE postroom.attempt REPLICA IDENTITY FULL;

CREATE TABLE postroom.dead_letter (
    dead_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    queue_id     int NOT NULL,
    priority     smallint NOT NULL,
    failures     smallint NOT NULL,
    crashes      smallint NOT NULL,
    deliveries   smallint NOT NULL,
    message_id   uuid NOT NULL,
    reason       text NOT NULL,
    error_class  text,
    error        text,
    fingerprint  text,
    CONSTRAINT dead_letter_pk PRIMARY KEY (message_id, queue_id),
    CONSTRAINT dead_letter_reason_known CHECK (reason IN (
        'attempts_spent', 'rejected', 'undecodable', 'crash_limit', 'quarantined', 'expired', 'maxlen', 'dlx_unroutable', 'cycle'))
);
CREATE INDEX dead_letter_by_queue ON postroom.dead_letter (queue_id, dead_at);

-- What is known of the length of a queue with a limit. The lock on this row makes those wait for one another that create messages in the
-- queue. The figures spare most of them from counting: see limits.
CREATE TABLE postroom.queue_length (
    queue_id     int NOT NULL CONSTRAINT queue_length_pk PRIMARY KEY,
    max_length   bigint,
    waiting      bigint NOT NULL DEFAULT 0,
    counted_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    counted_seq  bigint NOT NULL DEFAULT 0,
    free_until   bigint NOT NULL DEFAULT 0,
    lowest       bigint[]
) WITH (fillfactor = 50);
COMMENT ON COLUMN postroom.queue_length.max_length IS 'the limit for which the other figures hold; null: nothing was counted yet';
COMMENT ON COLUMN postroom.queue_length.counted_seq IS 'the last number of ready_seq when the messages were counted';
COMMENT ON COLUMN postroom.queue_length.free_until IS 'until ready_seq has drawn this number, the queue cannot be above its limit';
COMMENT ON COLUMN postroom.queue_length.lowest IS 'the lowest seq of each priority, from which the next count begins';

-- When an entry of a message in several queues expires by the time to live of its queue. A message with a time to live of its own has that
-- in expires_at, and so has one in a single queue. The row leaves after its time, when the entry is finished.
CREATE TABLE postroom.entry_expiry (
    expires_at  timestamptz NOT NULL,
    queue_id    int NOT NULL,
    message_id  uuid NOT NULL,
    CONSTRAINT entry_expiry_pk PRIMARY KEY (message_id, queue_id)
);
CREATE INDEX entry_expiry_by_time ON postroom.entry_expiry (expires_at, message_id, queue_id);

CREATE TABLE postroom.dedup (
    queue_id      int NOT NULL,
    key           text COLLATE "C" NOT NULL,
    message_id    uuid NOT NULL,
    CONSTRAINT dedup_pk PRIMARY KEY (queue_id, key),
    CONSTRAINT dedup_key_length CHECK (char_length(key) BETWEEN 1 AND 200)
);
COMMENT ON COLUMN postroom.dedup.queue_id IS
    'whose key it is; of a message that was created through an exchange: the id of the exchange below zero';
-- For removing the keys of purged messages.
CREATE INDEX dedup_by_message ON postroom.dedup (message_id);

-- Messages that were removed, and when: one line per purge, queue and outcome.
CREATE TABLE postroom.purge_ledger (
    id         bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT purge_ledger_pk PRIMARY KEY,
    purged_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    queue_id   int NOT NULL,
    outcome    smallint NOT NULL,
    messages   bigint NOT NULL,
    first_id   uuid NOT NULL,
    last_id    uuid NOT NULL,
    how        text NOT NULL,
    CONSTRAINT purge_ledger_outcome_finished CHECK (outcome IN (0, 1, 2)),
    CONSTRAINT purge_ledger_how_known CHECK (how IN ('truncate', 'delete'))
);

CREATE TABLE postroom.operator_action (
    id           uuid CONSTRAINT operator_action_pk PRIMARY KEY DEFAULT gen_random_uuid(),
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor        text NOT NULL DEFAULT session_user,
    action       text NOT NULL,
    queue_id     int,
    message_id   uuid,
    filter       jsonb,
    per_second   int,
    planned      bigint,
    done         bigint NOT NULL DEFAULT 0,
    cursor_id    uuid,
    finished_at  timestamptz,
    note         text,
    CONSTRAINT operator_action_known CHECK (action IN
        ('pause', 'resume', 'stop_consumers', 'start_consumers', 'cancel', 'reschedule', 'redrive', 'purge', 'declare', 'delete', 'run'))
);
CREATE INDEX operator_action_unfinished ON postroom.operator_action (at) WHERE finished_at IS NULL;

-- ShedLock's table, for the jobs that must run on one node only. ShedLock writes UTC without a zone: as timestamptz the same instant would
-- differ between sessions of different time zones, and two nodes would run a job at once.
CREATE TABLE postroom.shedlock (
    name        varchar(64) CONSTRAINT shedlock_pk PRIMARY KEY,
    lock_until  timestamp NOT NULL,
    locked_at   timestamp NOT NULL,
    locked_by   varchar(255) NOT NULL
);
