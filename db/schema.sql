-- The result of all migrations, for reading. Made by db/describe.sql; a test compares it.

CREATE SEQUENCE postroom.lease_seq AS bigint START 1 INCREMENT 1 CACHE 1;

CREATE SEQUENCE postroom.ready_seq AS bigint START 1 INCREMENT 1 CACHE 1;

CREATE TABLE postroom.access_token (
    name text COLLATE "C" NOT NULL,
    hash bytea NOT NULL,
    role text COLLATE "C" NOT NULL,
    queues text[] NOT NULL DEFAULT '{}'::text[],
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL DEFAULT SESSION_USER,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    revoked_by text,
    CONSTRAINT access_token_hash UNIQUE (hash),
    CONSTRAINT access_token_pk PRIMARY KEY (name),
    CONSTRAINT access_token_expires CHECK (isfinite(expires_at)),
    CONSTRAINT access_token_hash_is_sha256 CHECK (octet_length(hash) = 32),
    CONSTRAINT access_token_queues CHECK ((role = 'producer'::text) = (cardinality(queues) > 0)),
    CONSTRAINT access_token_queues_known CHECK (array_position(queues, NULL::text) IS NULL),
    CONSTRAINT access_token_revoked CHECK ((revoked_at IS NULL) = (revoked_by IS NULL)),
    CONSTRAINT access_token_role_known CHECK (role = ANY (ARRAY['reader'::text, 'operator'::text, 'producer'::text]))
) WITH (fillfactor=70);
COMMENT ON TABLE postroom.access_token IS 'who may use the HTTP API and the console; see create_access_token';
COMMENT ON COLUMN postroom.access_token.hash IS 'SHA-256 of the token, which is kept nowhere';
COMMENT ON COLUMN postroom.access_token.queues IS 'patterns of the queues that a producer creates messages in; of others empty';
COMMENT ON COLUMN postroom.access_token.last_used_at IS 'noted at most once a minute by each process';

CREATE TABLE postroom.access_token_version (
    is_only boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 0,
    CONSTRAINT access_token_version_pk PRIMARY KEY (is_only),
    CONSTRAINT access_token_version_is_one_row CHECK (is_only)
);
COMMENT ON TABLE postroom.access_token_version IS 'one row; each change of a token raises the version, which processes look at';

CREATE TABLE postroom.active_consumer (
    queue_id integer NOT NULL,
    worker_id integer NOT NULL,
    active_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    waits_for text[],
    CONSTRAINT active_consumer_pk PRIMARY KEY (queue_id)
);
COMMENT ON COLUMN postroom.active_consumer.worker_id IS '0: none yet, because claims may be under way from before the queue had a single active consumer';
COMMENT ON COLUMN postroom.active_consumer.waits_for IS 'virtual transactions in which such claims may be';

CREATE TABLE postroom.attempt (
    message_id uuid NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    lease_id bigint,
    queue_id integer NOT NULL,
    worker_id integer,
    number smallint NOT NULL,
    outcome smallint NOT NULL,
    error_class text,
    error text
) PARTITION BY RANGE (finished_at);
CREATE INDEX attempt_by_message ON postroom.attempt USING btree (message_id);
COMMENT ON COLUMN postroom.attempt.outcome IS '0 done, 1 cancelled, 2 expired (these three finish a message), 3 retry, 4 snooze, 5 not_now, 6 reject, 7 failed, 8 crashed, 9 undecodable';
COMMENT ON COLUMN postroom.attempt.error IS 'what went wrong; of a cancelled one the reason where there is one: queue_deleted, queue_purged, maxlen, batch_cancelled, discarded; of a done one the note of its handler, which is no error';

CREATE TABLE postroom.batch (
    id uuid NOT NULL,
    parent_id uuid,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL DEFAULT SESSION_USER,
    sealed_at timestamp with time zone,
    cancelled_at timestamp with time zone,
    completed_at timestamp with time zone,
    name text NOT NULL,
    completion jsonb,
    completion_id uuid,
    done bigint,
    dead bigint,
    cancelled bigint,
    expired bigint,
    purged bigint,
    CONSTRAINT batch_of_parent FOREIGN KEY (parent_id) REFERENCES postroom.batch(id),
    CONSTRAINT batch_pk PRIMARY KEY (id),
    CONSTRAINT batch_counts_of_completed CHECK ((completed_at IS NULL) = (done IS NULL)),
    CONSTRAINT batch_name_length CHECK (char_length(name) >= 1 AND char_length(name) <= 200)
);
CREATE INDEX batch_by_parent ON postroom.batch USING btree (parent_id) WHERE (parent_id IS NOT NULL);
CREATE INDEX batch_completed ON postroom.batch USING btree (completed_at) WHERE (completed_at IS NOT NULL);
COMMENT ON COLUMN postroom.batch.completion IS 'the message that is created at the completion, as for create_messages; null: none';
COMMENT ON COLUMN postroom.batch.completion_id IS 'that message, once it was created; null: none, or it reached no queue';
COMMENT ON COLUMN postroom.batch.done IS 'the counts at the completion; null: see batch_progress';

CREATE TABLE postroom.batch_part (
    batch_id uuid NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    first_id uuid NOT NULL,
    last_id uuid NOT NULL,
    size integer NOT NULL,
    entries integer NOT NULL,
    is_dead boolean NOT NULL,
    members uuid[] NOT NULL,
    CONSTRAINT batch_part_pk PRIMARY KEY (batch_id, id)
) WITH (autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
COMMENT ON COLUMN postroom.batch_part.first_id IS 'the first of members, and last_id the last one: whether these have ended is asked first';
COMMENT ON COLUMN postroom.batch_part.entries IS 'in how many queues each of the members has an entry';
COMMENT ON COLUMN postroom.batch_part.is_dead IS 'they were dead letters when they were counted';

CREATE TABLE postroom.batch_progress (
    batch_id uuid NOT NULL,
    look_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    counted_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    purge_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    next_part bigint NOT NULL DEFAULT 0,
    done bigint NOT NULL DEFAULT 0,
    dead bigint NOT NULL DEFAULT 0,
    cancelled bigint NOT NULL DEFAULT 0,
    expired bigint NOT NULL DEFAULT 0,
    purged bigint NOT NULL DEFAULT 0,
    problem text,
    CONSTRAINT batch_progress_pk PRIMARY KEY (batch_id)
) WITH (fillfactor=50, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0);
COMMENT ON COLUMN postroom.batch_progress.look_at IS 'when the next process counts';
COMMENT ON COLUMN postroom.batch_progress.purge_at IS 'when it looks for members that were purged, too';
COMMENT ON COLUMN postroom.batch_progress.next_part IS 'up to this part all were looked at in their turn';
COMMENT ON COLUMN postroom.batch_progress.dead IS 'dead letters that went on through a dead letter exchange; others may be redriven';
COMMENT ON COLUMN postroom.batch_progress.problem IS 'why the completion message could not be created; it is tried again';

CREATE TABLE postroom.binding (
    id integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    exchange_id integer NOT NULL,
    queue_id integer,
    to_exchange_id integer,
    routing_key text COLLATE "C" NOT NULL DEFAULT ''::text,
    arguments jsonb NOT NULL DEFAULT '{}'::jsonb,
    key_like text COLLATE "C" DEFAULT regexp_replace(regexp_replace((routing_key COLLATE "C"), '([\\%_])'::text, '\\\1'::text, 'g'::text), '\.#|#\.|#|\*'::text, '%'::text, 'g'::text),
    created_at timestamp with time zone NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT binding_from_exchange FOREIGN KEY (exchange_id) REFERENCES postroom.exchange(id),
    CONSTRAINT binding_pk PRIMARY KEY (id),
    CONSTRAINT binding_to_exchange FOREIGN KEY (to_exchange_id) REFERENCES postroom.exchange(id),
    CONSTRAINT binding_arguments_readable CHECK (jsonb_typeof(arguments) = 'object'::text AND octet_length(arguments::text) <= 1024),
    CONSTRAINT binding_has_one_destination CHECK (num_nonnulls(queue_id, to_exchange_id) = 1),
    CONSTRAINT binding_routing_key_length CHECK (octet_length(routing_key) <= 255)
);
CREATE INDEX binding_by_queue ON postroom.binding USING btree (queue_id);
CREATE INDEX binding_by_to_exchange ON postroom.binding USING btree (to_exchange_id);
CREATE UNIQUE INDEX binding_unique ON postroom.binding USING btree (exchange_id, routing_key, COALESCE(queue_id, 0), COALESCE(to_exchange_id, 0), arguments);
COMMENT ON COLUMN postroom.binding.routing_key IS 'of a direct exchange: the key; of a topic exchange: the pattern, where * is one word and # any number of words';
COMMENT ON COLUMN postroom.binding.arguments IS 'of a headers exchange: x-match (all, any, all-with-x, any-with-x) and the headers wanted; null wants any value';

CREATE TABLE postroom.cancelled_run (
    worker_id integer NOT NULL,
    message_id uuid NOT NULL,
    cancelled_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT cancelled_run_pk PRIMARY KEY (worker_id, message_id)
);

CREATE TABLE postroom.consumer (
    worker_id integer NOT NULL,
    queue_id integer NOT NULL,
    handler text NOT NULL,
    direction smallint NOT NULL,
    concurrency integer NOT NULL,
    mode text NOT NULL,
    types text[] NOT NULL,
    started_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT consumer_pk PRIMARY KEY (queue_id, worker_id, handler)
);
COMMENT ON COLUMN postroom.consumer.types IS 'type/version it takes (versions up to that one); an empty text takes messages without a type';

CREATE TABLE postroom.consumer_stop (
    worker_id integer NOT NULL,
    queue_id integer NOT NULL,
    order_id uuid,
    ordered_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    stopped_at timestamp with time zone,
    held integer,
    CONSTRAINT consumer_stop_pk PRIMARY KEY (worker_id, queue_id)
);
COMMENT ON COLUMN postroom.consumer_stop.order_id IS 'its line in operator_action; null: the process started after the order';
COMMENT ON COLUMN postroom.consumer_stop.stopped_at IS 'since when it claims no more; null: its process has not answered yet';
COMMENT ON COLUMN postroom.consumer_stop.held IS 'messages that it still held when it last said so';

CREATE TABLE postroom.dead_letter (
    dead_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    queue_id integer NOT NULL,
    priority smallint NOT NULL,
    failures smallint NOT NULL,
    crashes smallint NOT NULL,
    deliveries smallint NOT NULL,
    message_id uuid NOT NULL,
    reason text NOT NULL,
    error_class text,
    error text,
    fingerprint text,
    CONSTRAINT dead_letter_pk PRIMARY KEY (message_id, queue_id),
    CONSTRAINT dead_letter_reason_known CHECK (reason = ANY (ARRAY['attempts_spent'::text, 'rejected'::text, 'undecodable'::text, 'crash_limit'::text, 'quarantined'::text, 'expired'::text, 'maxlen'::text, 'dlx_unroutable'::text, 'cycle'::text]))
);
CREATE INDEX dead_letter_by_fingerprint ON postroom.dead_letter USING btree (fingerprint, message_id, queue_id);
CREATE INDEX dead_letter_by_queue ON postroom.dead_letter USING btree (queue_id, dead_at);

CREATE TABLE postroom.dedup (
    queue_id integer NOT NULL,
    key text COLLATE "C" NOT NULL,
    message_id uuid NOT NULL,
    CONSTRAINT dedup_pk PRIMARY KEY (queue_id, key),
    CONSTRAINT dedup_key_length CHECK (char_length(key) >= 1 AND char_length(key) <= 200)
);
CREATE INDEX dedup_by_message ON postroom.dedup USING btree (message_id);
COMMENT ON COLUMN postroom.dedup.queue_id IS 'whose key it is; of a message that was created through an exchange: the id of the exchange below zero';

CREATE TABLE postroom.delayed (
    due_at timestamp with time zone NOT NULL,
    queue_id integer NOT NULL,
    priority smallint NOT NULL,
    failures smallint NOT NULL DEFAULT 0,
    crashes smallint NOT NULL DEFAULT 0,
    deliveries smallint NOT NULL DEFAULT 0,
    message_id uuid NOT NULL,
    reason text NOT NULL,
    CONSTRAINT delayed_pk PRIMARY KEY (message_id, queue_id),
    CONSTRAINT delayed_due_at_finite CHECK (isfinite(due_at)),
    CONSTRAINT delayed_priority_range CHECK (priority >= 0 AND priority <= 9)
) WITH (autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_cost_delay=0);
CREATE INDEX delayed_by_due_time ON postroom.delayed USING btree (due_at);
CREATE INDEX delayed_by_entry ON postroom.delayed USING btree (reason) WHERE (strpos(reason, ':'::text) > 0);
COMMENT ON COLUMN postroom.delayed.reason IS 'delay, retry, snooze, not_now, no_handler, undecodable, payload_missing, not_run';

CREATE TABLE postroom.dropped_message (
    message_id uuid NOT NULL,
    dropped_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    exchange text COLLATE "C" NOT NULL,
    routing_key text COLLATE "C" NOT NULL,
    type text COLLATE "C",
    correlation_id text COLLATE "C",
    CONSTRAINT dropped_message_pk PRIMARY KEY (message_id)
);

CREATE TABLE postroom.entry_expiry (
    expires_at timestamp with time zone NOT NULL,
    queue_id integer NOT NULL,
    message_id uuid NOT NULL,
    CONSTRAINT entry_expiry_pk PRIMARY KEY (message_id, queue_id)
);
CREATE INDEX entry_expiry_by_time ON postroom.entry_expiry USING btree (expires_at, message_id, queue_id);

CREATE TABLE postroom.exchange (
    id integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    name text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    alternate text COLLATE "C",
    created_at timestamp with time zone NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT exchange_name_unique UNIQUE (name),
    CONSTRAINT exchange_pk PRIMARY KEY (id),
    CONSTRAINT exchange_alternate_wellformed CHECK (alternate ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$'::text),
    CONSTRAINT exchange_kind_known CHECK (kind = ANY (ARRAY['direct'::text, 'topic'::text, 'fanout'::text, 'headers'::text])),
    CONSTRAINT exchange_name_wellformed CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$'::text)
);
COMMENT ON COLUMN postroom.exchange.alternate IS 'the exchange that a message goes on to where no binding of this one matches it';

CREATE TABLE postroom.file_import (
    id uuid NOT NULL,
    started_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    changed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamp with time zone,
    size bigint NOT NULL,
    modified_us bigint NOT NULL,
    "position" bigint NOT NULL DEFAULT 0,
    lines bigint NOT NULL DEFAULT 0,
    messages bigint NOT NULL DEFAULT 0,
    bad_lines bigint NOT NULL DEFAULT 0,
    bad_bytes bigint NOT NULL DEFAULT 0,
    import_name text COLLATE "C" NOT NULL,
    file text NOT NULL,
    state text COLLATE "C" NOT NULL DEFAULT 'RUNNING'::text,
    sha256 bytea,
    error text NOT NULL DEFAULT ''::text,
    CONSTRAINT file_import_pk PRIMARY KEY (id),
    CONSTRAINT file_import_finished CHECK ((state = 'RUNNING'::text) = (finished_at IS NULL)),
    CONSTRAINT file_import_state_known CHECK (state = ANY (ARRAY['RUNNING'::text, 'DONE'::text, 'FAILED'::text]))
) WITH (fillfactor=80);
CREATE INDEX file_import_same ON postroom.file_import USING btree (sha256, import_name);
COMMENT ON TABLE postroom.file_import IS 'one row for each file that an import has taken';
COMMENT ON COLUMN postroom.file_import.modified_us IS 'the file''s time of change in microseconds since 1970, when it was taken';
COMMENT ON COLUMN postroom.file_import."position" IS 'bytes whose lines are messages or bad lines';
COMMENT ON COLUMN postroom.file_import.bad_bytes IS 'bytes of bad-lines.ndjson that count; what is behind them is of a process that died';
COMMENT ON COLUMN postroom.file_import.sha256 IS 'of the content; null: it was refused before it was read';

CREATE TABLE postroom.grouped (
    seq bigint NOT NULL,
    queue_id integer NOT NULL,
    priority smallint NOT NULL,
    failures smallint NOT NULL DEFAULT 0,
    crashes smallint NOT NULL DEFAULT 0,
    deliveries smallint NOT NULL DEFAULT 0,
    message_id uuid NOT NULL,
    group_key text COLLATE "C" NOT NULL,
    CONSTRAINT grouped_pk PRIMARY KEY (queue_id, group_key, seq)
) WITH (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=5000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX grouped_by_message ON postroom.grouped USING btree (message_id);

CREATE TABLE postroom.home (
    name text COLLATE "C" NOT NULL,
    id uuid,
    is_here boolean NOT NULL DEFAULT false,
    CONSTRAINT home_pk PRIMARY KEY (name),
    CONSTRAINT home_here_has_id CHECK (NOT is_here OR id IS NOT NULL)
);
CREATE UNIQUE INDEX home_here ON postroom.home USING btree (is_here) WHERE is_here;
COMMENT ON TABLE postroom.home IS 'the databases that queues live on, this one among them; empty: this database is the only one';
COMMENT ON COLUMN postroom.home.id IS 'made once by the home itself, so that another database under its name is found; null: not known here yet';
COMMENT ON COLUMN postroom.home.is_here IS 'whether it is this database';

CREATE TABLE postroom.home_past_rules (
    version bigint NOT NULL,
    rules text NOT NULL,
    CONSTRAINT home_past_rules_pk PRIMARY KEY (version)
);
COMMENT ON TABLE postroom.home_past_rules IS 'rules that this home had before: a queue that lived here by them and does not now has moved; empty: they were never changed';

CREATE TABLE postroom.home_rules (
    is_only boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    rules text NOT NULL,
    next_rules text,
    changed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    changed_by text NOT NULL DEFAULT SESSION_USER,
    CONSTRAINT home_rules_pk PRIMARY KEY (is_only),
    CONSTRAINT home_rules_is_one_row CHECK (is_only),
    CONSTRAINT home_rules_version CHECK (version > 0)
);
COMMENT ON TABLE postroom.home_rules IS 'where queues live, the same on each home; no row: this database is the only one';
COMMENT ON COLUMN postroom.home_rules.version IS 'how often they were changed, from 1';
COMMENT ON COLUMN postroom.home_rules.rules IS 'one rule a line, as in "orders = main, second"; see docs/scale.md';
COMMENT ON COLUMN postroom.home_rules.next_rules IS 'the rules that a change is about to store: queues that leave with them are closed already; null: no change goes on';

CREATE TABLE postroom.lease (
    id bigint NOT NULL DEFAULT (((((EXTRACT(epoch FROM clock_timestamp()) - (1577836800)::numeric) * (1000000)::numeric))::bigint << 12) | (nextval('postroom.lease_seq'::regclass) & (4095)::bigint)),
    claimed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    worker_id integer NOT NULL,
    queue_id integer NOT NULL,
    priority smallint NOT NULL,
    message_ids uuid[] NOT NULL,
    open bit varying NOT NULL,
    failures smallint[],
    crashes smallint[],
    deliveries smallint[],
    started integer,
    group_keys text[] COLLATE "C",
    CONSTRAINT lease_pk PRIMARY KEY (id)
) WITH (fillfactor=70, autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
COMMENT ON COLUMN postroom.lease.failures IS 'per message, before this claim; null means 0 for all (likewise crashes, deliveries)';
COMMENT ON COLUMN postroom.lease.started IS 'that many of message_ids, from the first, may have started; null means all';
COMMENT ON COLUMN postroom.lease.group_keys IS 'per message, its group; null: the groups of the queue are not limited';

CREATE TABLE postroom.limited_group (
    limiter_id integer NOT NULL,
    group_key text COLLATE "C" NOT NULL,
    booked_until bigint[] NOT NULL DEFAULT '{}'::bigint[],
    booked integer[] NOT NULL DEFAULT '{}'::integer[],
    free_at bigint,
    CONSTRAINT limited_group_pk PRIMARY KEY (limiter_id, group_key)
) WITH (fillfactor=70, autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX limited_group_free ON postroom.limited_group USING btree (limiter_id, free_at) WHERE (free_at IS NOT NULL);
COMMENT ON TABLE postroom.limited_group IS 'starts of the groups of queues that limit them; made by claims, removed by a job; read them with postroom.limited_groups(queue)';
COMMENT ON COLUMN postroom.limited_group.booked_until IS 'ends of slices that have starts, as in limiter';
COMMENT ON COLUMN postroom.limited_group.free_at IS 'microseconds since 1970: when a group at its limit may start the next; null: it is not at its limit';

CREATE TABLE postroom.limiter (
    id integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    queue_id integer,
    destination text COLLATE "C",
    max_starts integer,
    period interval,
    window_kind text NOT NULL DEFAULT 'sliding'::text,
    max_in_progress integer,
    max_starts_per_group integer,
    period_per_group interval,
    max_in_progress_per_group integer,
    looked_at timestamp with time zone,
    looked_priority smallint,
    looked_key text COLLATE "C",
    booked_until bigint[] NOT NULL DEFAULT '{}'::bigint[],
    booked integer[] NOT NULL DEFAULT '{}'::integer[],
    reached_at timestamp with time zone,
    armed boolean NOT NULL DEFAULT false,
    waits_for text[],
    waits_until timestamp with time zone,
    parked_until timestamp with time zone,
    probes integer,
    probes_started integer NOT NULL DEFAULT 0,
    probes_since timestamp with time zone,
    probes_tried uuid[],
    probes_lease bigint,
    set_by text NOT NULL,
    set_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT limiter_destination_unique UNIQUE (destination),
    CONSTRAINT limiter_pk PRIMARY KEY (id),
    CONSTRAINT limiter_queue_unique UNIQUE (queue_id),
    CONSTRAINT limiter_destination_wellformed CHECK (destination ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$'::text),
    CONSTRAINT limiter_groups_are_of_a_queue CHECK (queue_id IS NOT NULL OR max_starts_per_group IS NULL AND max_in_progress_per_group IS NULL),
    CONSTRAINT limiter_is_of_one CHECK (num_nonnulls(queue_id, destination) = 1),
    CONSTRAINT limiter_max_in_progress_per_group_range CHECK (max_in_progress_per_group >= 1 AND max_in_progress_per_group <= 1000000000),
    CONSTRAINT limiter_max_in_progress_range CHECK (max_in_progress >= 1 AND max_in_progress <= 1000000000),
    CONSTRAINT limiter_max_starts_per_group_range CHECK (max_starts_per_group >= 1 AND max_starts_per_group <= 1000000000),
    CONSTRAINT limiter_max_starts_range CHECK (max_starts >= 1 AND max_starts <= 1000000000),
    CONSTRAINT limiter_parked_until_finite CHECK (isfinite(parked_until)),
    CONSTRAINT limiter_period_is_of_starts CHECK ((max_starts IS NULL) = (period IS NULL)),
    CONSTRAINT limiter_period_per_group_is_of_starts CHECK ((max_starts_per_group IS NULL) = (period_per_group IS NULL)),
    CONSTRAINT limiter_period_per_group_range CHECK (period_per_group >= '00:00:00.1'::interval AND period_per_group <= '400 days'::interval),
    CONSTRAINT limiter_period_range CHECK (period >= '00:00:00.1'::interval AND period <= '400 days'::interval),
    CONSTRAINT limiter_set_by_known CHECK (set_by = ANY (ARRAY['declaration'::text, 'operator'::text])),
    CONSTRAINT limiter_window_kind_known CHECK (window_kind = ANY (ARRAY['fixed'::text, 'sliding'::text]))
) WITH (fillfactor=50, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0);
COMMENT ON TABLE postroom.limiter IS 'limits of queues and of destinations; set them with postroom.set_limiter, read them with postroom.limiters()';
COMMENT ON COLUMN postroom.limiter.max_starts_per_group IS 'of each group of a fair queue, in period_per_group; see limited_group';
COMMENT ON COLUMN postroom.limiter.looked_at IS 'when claims last looked for groups behind many at their limits: see look_for_groups';
COMMENT ON COLUMN postroom.limiter.looked_key IS 'how far they came in the lane looked_priority; null: they begin with it';
COMMENT ON COLUMN postroom.limiter.booked_until IS 'ends of slices that have starts, microseconds since 1970; a fixed period is one slice';
COMMENT ON COLUMN postroom.limiter.booked IS 'for each of them how many start, or have started, in it or before';
COMMENT ON COLUMN postroom.limiter.reached_at IS 'when a limit last kept a claim from more; starts are reported then';
COMMENT ON COLUMN postroom.limiter.armed IS 'whether claims from before it have ended';
COMMENT ON COLUMN postroom.limiter.waits_for IS 'virtual transactions in which such claims may be';
COMMENT ON COLUMN postroom.limiter.parked_until IS 'until when the destination takes nothing, as a handler said';
COMMENT ON COLUMN postroom.limiter.probes IS 'how many messages try whether it takes something again; null: as many as come';
COMMENT ON COLUMN postroom.limiter.probes_started IS 'how many of them have started';
COMMENT ON COLUMN postroom.limiter.probes_since IS 'when it was parked; what was claimed before is no try';
COMMENT ON COLUMN postroom.limiter.probes_tried IS 'the messages that try';
COMMENT ON COLUMN postroom.limiter.probes_lease IS 'the first lease that one of them had as a try';

CREATE TABLE postroom.mailbox (
    name text COLLATE "C" NOT NULL,
    source text NOT NULL DEFAULT ''::text,
    generation integer NOT NULL DEFAULT 0,
    uid_validity bigint NOT NULL DEFAULT 0,
    known_below bigint NOT NULL DEFAULT 0,
    "position" bigint NOT NULL DEFAULT 0,
    holder uuid,
    held_until timestamp with time zone,
    worker text NOT NULL DEFAULT ''::text,
    read_at timestamp with time zone,
    failing_since timestamp with time zone,
    error text NOT NULL DEFAULT ''::text,
    CONSTRAINT mailbox_pk PRIMARY KEY (name)
) WITH (fillfactor=50);
COMMENT ON TABLE postroom.mailbox IS 'one row for each mailbox whose mails become messages';
COMMENT ON COLUMN postroom.mailbox.source IS 'user, host and folder that the generation belongs to';
COMMENT ON COLUMN postroom.mailbox.known_below IS 'mails of the folder with smaller UIDs were there when the generation began';
COMMENT ON COLUMN postroom.mailbox."position" IS 'mails with UIDs up to this one are decided; POP3 has none';
COMMENT ON COLUMN postroom.mailbox.holder IS 'the reader that holds the lease';

CREATE TABLE postroom.message (
    id uuid NOT NULL,
    seq bigint NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT statement_timestamp(),
    expires_at timestamp with time zone,
    queue_id integer NOT NULL,
    type_version smallint NOT NULL DEFAULT 0,
    priority smallint NOT NULL,
    direction smallint NOT NULL,
    type text COLLATE "C",
    correlation_id text COLLATE "C",
    group_key text COLLATE "C",
    content_type text,
    created_by text,
    exchange text COLLATE "C",
    routing_key text COLLATE "C",
    queue_ids integer[],
    headers jsonb,
    payload jsonb,
    body bytea,
    CONSTRAINT message_pk PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX message_by_correlation ON postroom.message USING btree (correlation_id) WHERE (correlation_id IS NOT NULL);
CREATE INDEX message_by_expiry ON postroom.message USING btree (expires_at, id) WHERE (expires_at IS NOT NULL);
COMMENT ON COLUMN postroom.message.queue_id IS '0: it was routed to several queues, those of queue_ids';
COMMENT ON COLUMN postroom.message.direction IS '0 outgoing, 1 incoming';
COMMENT ON COLUMN postroom.message.exchange IS 'through which it was created; null: it named its queue';
COMMENT ON COLUMN postroom.message.routing_key IS 'with which it was created; null without an exchange';
COMMENT ON COLUMN postroom.message.queue_ids IS 'the queues it was routed to if they are several, else null; it has an entry in each';

CREATE TABLE postroom.message_group (
    queue_id integer NOT NULL,
    group_key text COLLATE "C" NOT NULL,
    message_id uuid,
    low bigint NOT NULL,
    epoch bigint NOT NULL,
    holders smallint NOT NULL DEFAULT 1,
    is_free boolean NOT NULL DEFAULT false,
    held_since timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT message_group_pk PRIMARY KEY (queue_id, group_key, epoch)
) WITH (fillfactor=70, autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
COMMENT ON COLUMN postroom.message_group.message_id IS 'the holder; null: it has ended, and the group is free or the next one could not be chosen yet';
COMMENT ON COLUMN postroom.message_group.low IS 'no message of the group in grouped has a seq below this one';
COMMENT ON COLUMN postroom.message_group.holders IS 'holders since the epoch began';

CREATE TABLE postroom.operation (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    stepped_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamp with time zone,
    canary_ended_at timestamp with time zone,
    planned bigint NOT NULL,
    processed bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    per_second integer NOT NULL,
    canary integer NOT NULL,
    canary_threshold integer NOT NULL,
    position_queue integer NOT NULL DEFAULT 0,
    position_message uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'::uuid,
    verb text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL DEFAULT 'running'::text,
    actor text NOT NULL,
    reason text NOT NULL,
    note text,
    filter jsonb NOT NULL,
    queue_ids integer[],
    canary_messages uuid[] NOT NULL DEFAULT '{}'::uuid[],
    canary_queues integer[] NOT NULL DEFAULT '{}'::integer[],
    allowed numeric NOT NULL DEFAULT 1,
    up_to bigint NOT NULL DEFAULT 0,
    position_seq bigint NOT NULL DEFAULT 0,
    position_priority smallint NOT NULL DEFAULT '-1'::integer,
    looks_in_vain smallint NOT NULL DEFAULT 0,
    CONSTRAINT operation_pk PRIMARY KEY (id),
    CONSTRAINT operation_finished CHECK ((state = 'running'::text) = (finished_at IS NULL)),
    CONSTRAINT operation_state_known CHECK (state = ANY (ARRAY['running'::text, 'finished'::text, 'stopped'::text, 'stopped_by_canary'::text])),
    CONSTRAINT operation_verb_known CHECK (verb = ANY (ARRAY['redrive'::text, 'discard'::text, 'purge'::text]))
) WITH (fillfactor=50);
CREATE INDEX operation_running ON postroom.operation USING btree (created_at) WHERE (finished_at IS NULL);
COMMENT ON TABLE postroom.operation IS 'redrives and discards of all dead letters that match a filter, and purges of queues';
COMMENT ON COLUMN postroom.operation.canary IS 'so many are redriven first, and waited for; 0: none';
COMMENT ON COLUMN postroom.operation.canary_threshold IS 'it stops when more of these die again';
COMMENT ON COLUMN postroom.operation.queue_ids IS 'the queues that the filter named when it began; null: all';
COMMENT ON COLUMN postroom.operation.allowed IS 'dead letters that its rate allows at stepped_at; the fraction counts for the next step';
COMMENT ON COLUMN postroom.operation.up_to IS 'of a purge: messages with larger numbers came later and stay';
COMMENT ON COLUMN postroom.operation.position_seq IS 'of a purge: READY is walked up to here, in the lane position_priority';
COMMENT ON COLUMN postroom.operation.looks_in_vain IS 'of a purge: so many steps since it found something';

CREATE TABLE postroom.operator_action (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL DEFAULT SESSION_USER,
    action text NOT NULL,
    queue_id integer,
    message_id uuid,
    filter jsonb,
    per_second integer,
    planned bigint,
    done bigint NOT NULL DEFAULT 0,
    cursor_id uuid,
    finished_at timestamp with time zone,
    note text,
    reason text,
    operation_id uuid,
    db_user text DEFAULT SESSION_USER,
    number bigint,
    sealed_at timestamp with time zone,
    hash bytea,
    CONSTRAINT operator_action_number UNIQUE (number),
    CONSTRAINT operator_action_pk PRIMARY KEY (id),
    CONSTRAINT operator_action_known CHECK (action = ANY (ARRAY['pause'::text, 'resume'::text, 'stop_consumers'::text, 'start_consumers'::text, 'cancel'::text, 'reschedule'::text, 'redrive'::text, 'discard'::text, 'purge'::text, 'declare'::text, 'delete'::text, 'run'::text, 'unpark'::text, 'stop_operation'::text, 'end_operation'::text, 'create_token'::text, 'revoke_token'::text])),
    CONSTRAINT operator_action_sealed CHECK ((number IS NULL) = (hash IS NULL) AND (number IS NULL) = (sealed_at IS NULL))
);
CREATE INDEX operator_action_at ON postroom.operator_action USING btree (at, id);
CREATE INDEX operator_action_unfinished ON postroom.operator_action USING btree (at) WHERE (finished_at IS NULL);
CREATE INDEX operator_action_unsealed ON postroom.operator_action USING btree (at) WHERE (number IS NULL);
COMMENT ON TABLE postroom.operator_action IS 'the ledger: what people did. Triggers refuse to change or remove a line; check_ledger() checks the chain';
COMMENT ON COLUMN postroom.operator_action.db_user IS 'the login of the session, whatever actor says; null: the line is older than this';
COMMENT ON COLUMN postroom.operator_action.number IS 'its place in the chain, without gaps; null: it is not sealed yet';
COMMENT ON COLUMN postroom.operator_action.sealed_at IS 'when it got its place: after its commit';
COMMENT ON COLUMN postroom.operator_action.hash IS 'SHA-256 of the hash of the line before it and of all its values: see ledger_hash';

CREATE TABLE postroom.purge_ledger (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    purged_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    queue_id integer NOT NULL,
    outcome smallint NOT NULL,
    messages bigint NOT NULL,
    first_id uuid NOT NULL,
    last_id uuid NOT NULL,
    how text NOT NULL,
    CONSTRAINT purge_ledger_pk PRIMARY KEY (id),
    CONSTRAINT purge_ledger_how_known CHECK (how = ANY (ARRAY['truncate'::text, 'delete'::text])),
    CONSTRAINT purge_ledger_outcome_finished CHECK (outcome = ANY (ARRAY[0, 1, 2]))
);

CREATE TABLE postroom.queue (
    id integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    name text COLLATE "C" NOT NULL,
    max_attempts integer NOT NULL DEFAULT 20,
    retry_after text NOT NULL DEFAULT '10s..6h'::text,
    crash_limit integer NOT NULL DEFAULT 3,
    time_to_live interval,
    retention interval NOT NULL DEFAULT '7 days'::interval,
    ordered boolean NOT NULL DEFAULT false,
    on_dead_letter text NOT NULL DEFAULT 'release'::text,
    settings_by text NOT NULL DEFAULT 'default'::text,
    paused_at timestamp with time zone,
    consumers_stopped_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL DEFAULT statement_timestamp(),
    deleted_at timestamp with time zone,
    dead_letter_exchange text COLLATE "C",
    dead_letter_routing_key text COLLATE "C",
    kind text NOT NULL DEFAULT 'durable'::text,
    owner uuid,
    had_consumer boolean NOT NULL DEFAULT false,
    max_length bigint,
    overflow text NOT NULL DEFAULT 'drop_head'::text,
    single_active_consumer boolean NOT NULL DEFAULT false,
    fair boolean NOT NULL DEFAULT false,
    expires_after interval,
    used_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    group_weights jsonb,
    weights_by text NOT NULL DEFAULT 'default'::text,
    has_limiter boolean NOT NULL DEFAULT false,
    destination text COLLATE "C",
    destination_by text NOT NULL DEFAULT 'default'::text,
    moved_to text,
    CONSTRAINT queue_name_unique UNIQUE (name),
    CONSTRAINT queue_pk PRIMARY KEY (id),
    CONSTRAINT queue_crash_limit_range CHECK (crash_limit >= 1 AND crash_limit <= 1000),
    CONSTRAINT queue_dead_letter_exchange_wellformed CHECK (dead_letter_exchange ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$'::text),
    CONSTRAINT queue_dead_letter_routing_key_has_exchange CHECK (dead_letter_routing_key IS NULL OR dead_letter_exchange IS NOT NULL),
    CONSTRAINT queue_dead_letter_routing_key_length CHECK (octet_length(dead_letter_routing_key) <= 255),
    CONSTRAINT queue_destination_by_known CHECK (destination_by = ANY (ARRAY['default'::text, 'declaration'::text, 'operator'::text])),
    CONSTRAINT queue_destination_wellformed CHECK (destination ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$'::text),
    CONSTRAINT queue_expires_after_range CHECK (expires_after >= '00:00:00.001'::interval AND expires_after <= '400 days'::interval),
    CONSTRAINT queue_fair_is_not_ordered CHECK (NOT (fair AND ordered)),
    CONSTRAINT queue_group_weights_object CHECK (jsonb_typeof(group_weights) = 'object'::text),
    CONSTRAINT queue_kind_known CHECK (kind = ANY (ARRAY['durable'::text, 'exclusive'::text, 'auto_delete'::text])),
    CONSTRAINT queue_max_attempts_range CHECK (max_attempts >= 1 AND max_attempts <= 1000),
    CONSTRAINT queue_max_length_range CHECK (max_length >= 1 AND max_length <= 1000000000),
    CONSTRAINT queue_name_wellformed CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$'::text),
    CONSTRAINT queue_on_dead_letter_known CHECK (on_dead_letter = ANY (ARRAY['block'::text, 'release'::text])),
    CONSTRAINT queue_overflow_known CHECK (overflow = ANY (ARRAY['drop_head'::text, 'reject'::text, 'reject_to_dead_letter_exchange'::text])),
    CONSTRAINT queue_owner_of_exclusive CHECK ((kind = 'exclusive'::text) = (owner IS NOT NULL)),
    CONSTRAINT queue_retention_range CHECK (retention >= '00:00:00'::interval AND retention <= '400 days'::interval OR retention = '365000 days'::interval),
    CONSTRAINT queue_retry_after_readable CHECK (
CASE
    WHEN retry_after = 'custom'::text THEN true
    WHEN retry_after ~* '^\s*\d{1,9}\s*(ms|s|m|h|d)\s*(,\s*\d{1,9}\s*(ms|s|m|h|d)\s*)*$'::text THEN '400 days'::interval >= ALL (string_to_array(retry_after, ','::text)::interval[])
    WHEN retry_after ~* '^\s*\d{1,9}\s*(ms|s|m|h|d)\s*\.\.\s*\d{1,9}\s*(ms|s|m|h|d)\s*$'::text THEN '00:00:00'::interval < split_part(retry_after, '..'::text, 1)::interval AND split_part(retry_after, '..'::text, 1)::interval <= split_part(retry_after, '..'::text, 2)::interval AND split_part(retry_after, '..'::text, 2)::interval <= '400 days'::interval
    ELSE false
END),
    CONSTRAINT queue_settings_by_known CHECK (settings_by = ANY (ARRAY['default'::text, 'declaration'::text, 'operator'::text])),
    CONSTRAINT queue_time_to_live_range CHECK (time_to_live >= '00:00:00.001'::interval AND time_to_live <= '400 days'::interval),
    CONSTRAINT queue_weights_by_known CHECK (weights_by = ANY (ARRAY['default'::text, 'declaration'::text, 'operator'::text]))
);
CREATE INDEX queue_fair ON postroom.queue USING btree (id) WHERE fair;
CREATE INDEX queue_with_a_limit ON postroom.queue USING btree (id) WHERE ((max_length IS NOT NULL) AND (deleted_at IS NULL));
CREATE INDEX queue_with_an_end ON postroom.queue USING btree (name) WHERE (((kind <> 'durable'::text) OR (expires_after IS NOT NULL)) AND (deleted_at IS NULL));
COMMENT ON COLUMN postroom.queue.retry_after IS 'the waits between attempts, each at most 400 days: 10s, or 10s, 1m, 5m (the last repeats), or 1s..1h (doubling with jitter). Units: ms, s, m, h, d. custom: those of the handler';
COMMENT ON COLUMN postroom.queue.time_to_live IS '1 millisecond to 400 days; null: messages without one of their own never expire';
COMMENT ON COLUMN postroom.queue.retention IS '0 to 400 days, or 365000 days: for ever. Not ''infinity'', which no version before 17 has and no duration in Java can be';
COMMENT ON COLUMN postroom.queue.ordered IS 'at most one message of each group is in progress, in the order in which they were sent; change it with postroom.set_ordered';
COMMENT ON COLUMN postroom.queue.on_dead_letter IS 'of an ordered queue, what becomes of the group of a dead letter: release, the next one runs; block, they wait until it is redriven';
COMMENT ON COLUMN postroom.queue.settings_by IS 'who set the settings last; a declaration does not overwrite an operator';
COMMENT ON COLUMN postroom.queue.consumers_stopped_at IS 'since when all consumers are told to stop, those that start later included; null: not all are';
COMMENT ON COLUMN postroom.queue.dead_letter_exchange IS 'through which dead letters go on, and messages that expire here; null: they stay. It may be missing: then they stay, too';
COMMENT ON COLUMN postroom.queue.dead_letter_routing_key IS 'with which they go on; null: with the message''s own';
COMMENT ON COLUMN postroom.queue.kind IS 'durable: stays until it is deleted; exclusive: belongs to one process and goes with it; auto_delete: goes with its last consumer';
COMMENT ON COLUMN postroom.queue.owner IS 'of an exclusive queue: worker.instance of the process that it belongs to';
COMMENT ON COLUMN postroom.queue.had_consumer IS 'of an auto_delete queue: whether it had a consumer since it was made; before that it is not deleted by itself';
COMMENT ON COLUMN postroom.queue.max_length IS 'most READY messages; null: as many as come';
COMMENT ON COLUMN postroom.queue.overflow IS 'what happens above max_length. drop_head: the oldest of the lowest priority goes; reject: the new message is refused; reject_to_dead_letter_exchange: the new message goes there';
COMMENT ON COLUMN postroom.queue.single_active_consumer IS 'only one process consumes at a time, and another one takes over when it stops or dies';
COMMENT ON COLUMN postroom.queue.fair IS 'the groups of its messages take turns: claim_fair takes from it; set it with postroom.set_fair';
COMMENT ON COLUMN postroom.queue.expires_after IS '1 millisecond to 400 days: the queue is deleted when nobody has consumed or declared it for so long; null: never';
COMMENT ON COLUMN postroom.queue.used_at IS 'of a queue with expires_after: when it was last declared or had a consumer, up to a tenth of that time or a minute earlier';
COMMENT ON COLUMN postroom.queue.group_weights IS 'how many messages of a group go in a turn of a fair queue, for those with more than one; set it with postroom.set_group_weight';
COMMENT ON COLUMN postroom.queue.weights_by IS 'who set group_weights last; a declaration does not overwrite an operator';
COMMENT ON COLUMN postroom.queue.has_limiter IS 'it has a limiter or a destination: claim_limited alone takes from it';
COMMENT ON COLUMN postroom.queue.destination IS 'the external system that its messages go to; null: none is named';
COMMENT ON COLUMN postroom.queue.destination_by IS 'who set the destination last; a declaration does not overwrite an operator';
COMMENT ON COLUMN postroom.queue.moved_to IS 'where messages of the queue are created now: on another home; deleted_at is infinity until the last ones here have ended';

CREATE TABLE postroom.queue_length (
    queue_id integer NOT NULL,
    max_length bigint,
    waiting bigint NOT NULL DEFAULT 0,
    counted_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    counted_seq bigint NOT NULL DEFAULT 0,
    free_until bigint NOT NULL DEFAULT 0,
    lowest bigint[],
    CONSTRAINT queue_length_pk PRIMARY KEY (queue_id)
) WITH (fillfactor=50);
COMMENT ON COLUMN postroom.queue_length.max_length IS 'the limit for which the other figures hold; null: nothing was counted yet';
COMMENT ON COLUMN postroom.queue_length.counted_seq IS 'the last number of ready_seq when the messages were counted';
COMMENT ON COLUMN postroom.queue_length.free_until IS 'until ready_seq has drawn this number, the queue cannot be above its limit';
COMMENT ON COLUMN postroom.queue_length.lowest IS 'the lowest seq of each priority, from which the next count begins';

CREATE TABLE postroom.ready (
    seq bigint NOT NULL,
    queue_id integer NOT NULL,
    priority smallint NOT NULL,
    failures smallint NOT NULL DEFAULT 0,
    crashes smallint NOT NULL DEFAULT 0,
    deliveries smallint NOT NULL DEFAULT 0,
    message_id uuid NOT NULL,
    moved boolean NOT NULL DEFAULT true,
    group_key text COLLATE "C" NOT NULL DEFAULT ''::text,
    CONSTRAINT ready_pk PRIMARY KEY (queue_id, priority, seq)
) WITH (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=5000, autovacuum_vacuum_cost_delay=0, autovacuum_analyze_scale_factor=0.2);
CREATE INDEX ready_by_group ON postroom.ready USING btree (queue_id, priority, group_key, seq) WHERE ((group_key <> ''::text) AND (crashes = 0));
CREATE INDEX ready_by_moved_message ON postroom.ready USING btree (message_id) WHERE moved;
CREATE INDEX ready_suspects ON postroom.ready USING btree (queue_id, priority, seq) WHERE (crashes > 0);
COMMENT ON COLUMN postroom.ready.moved IS 'not its first place: promoted, released, rescued or redriven; found by ready_by_moved_message';
COMMENT ON COLUMN postroom.ready.group_key IS 'in a fair queue the group of the message, or chr(1) for none; in others empty, which fits into the row without making it larger';

CREATE TABLE postroom.received_mail (
    mailbox text COLLATE "C" NOT NULL,
    generation integer NOT NULL,
    mail_id text COLLATE "C" NOT NULL,
    taken_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    message_id uuid,
    size bigint NOT NULL,
    is_marked boolean NOT NULL,
    fingerprint bytea,
    internet_id text NOT NULL DEFAULT ''::text,
    error text NOT NULL DEFAULT ''::text,
    CONSTRAINT received_mail_pk PRIMARY KEY (mailbox, generation, mail_id)
) WITH (fillfactor=80);
CREATE INDEX received_mail_rejected ON postroom.received_mail USING btree (mailbox, taken_at) WHERE (error <> ''::text);
CREATE INDEX received_mail_same ON postroom.received_mail USING btree (fingerprint, mailbox);
CREATE INDEX received_mail_unmarked ON postroom.received_mail USING btree (mailbox, generation) WHERE (NOT is_marked);
COMMENT ON TABLE postroom.received_mail IS 'one row for each mail that became a message or was put aside';
COMMENT ON COLUMN postroom.received_mail.mail_id IS 'the UID of IMAP, or the UIDL of POP3';
COMMENT ON COLUMN postroom.received_mail.message_id IS 'null: it was put aside, or had become a message in an earlier generation';
COMMENT ON COLUMN postroom.received_mail.is_marked IS 'whether the server was told; what is not marked is marked at the next look';
COMMENT ON COLUMN postroom.received_mail.internet_id IS 'the Message-ID of the mail';

CREATE TABLE postroom.routing_version (
    is_only boolean NOT NULL DEFAULT true,
    version uuid NOT NULL DEFAULT gen_random_uuid(),
    CONSTRAINT routing_version_pk PRIMARY KEY (is_only),
    CONSTRAINT routing_version_is_one_row CHECK (is_only)
) WITH (fillfactor=50);

CREATE TABLE postroom.schedule (
    id integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    due_at timestamp with time zone DEFAULT clock_timestamp(),
    planned_at timestamp with time zone,
    after_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    asked_at timestamp with time zone,
    last_planned_at timestamp with time zone,
    last_fired_at timestamp with time zone,
    last_message_id uuid,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    changed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    at timestamp with time zone,
    runs bigint NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    missed_limit integer NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    ended boolean NOT NULL DEFAULT false,
    every interval,
    after_end interval,
    name text COLLATE "C" NOT NULL,
    cron text,
    zone text,
    zone_version text COLLATE "C",
    missed text NOT NULL,
    overlap text NOT NULL,
    settings_by text NOT NULL,
    error text,
    error_at timestamp with time zone,
    message jsonb NOT NULL,
    CONSTRAINT schedule_name UNIQUE (name),
    CONSTRAINT schedule_pk PRIMARY KEY (id)
) WITH (fillfactor=80);
CREATE INDEX schedule_due ON postroom.schedule USING btree (due_at) WHERE (due_at IS NOT NULL);
COMMENT ON COLUMN postroom.schedule.after_at IS 'the next planned time is the first one after this';
COMMENT ON COLUMN postroom.schedule.asked_at IS 'when an operator asked for a run of its own that has not been fired yet';
COMMENT ON COLUMN postroom.schedule.ended IS 'it fired at the one time it had';
COMMENT ON COLUMN postroom.schedule.zone_version IS 'the time zone rules with which planned_at or error was found';
COMMENT ON COLUMN postroom.schedule.settings_by IS 'declaration: a later one may change it; operator: none does';

CREATE TABLE postroom.schedule_run (
    schedule_id integer NOT NULL,
    slot smallint NOT NULL,
    planned_at timestamp with time zone NOT NULL,
    fired_at timestamp with time zone NOT NULL,
    message_id uuid,
    outcome smallint NOT NULL,
    CONSTRAINT schedule_run_pk PRIMARY KEY (schedule_id, slot)
) WITH (fillfactor=80);
COMMENT ON COLUMN postroom.schedule_run.outcome IS '0 fired, 1 skipped: the message before was unfinished, 2 missed: its time had passed';

CREATE TABLE postroom.settings (
    name text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    endpoint text,
    max_attempts integer,
    retry_after text,
    headers jsonb NOT NULL DEFAULT '{}'::jsonb,
    templates jsonb NOT NULL DEFAULT '{}'::jsonb,
    properties jsonb NOT NULL DEFAULT '{}'::jsonb,
    secret text,
    valid_from timestamp with time zone,
    valid_until timestamp with time zone,
    enabled boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    settings_by text NOT NULL DEFAULT 'operator'::text,
    changed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    changed_by text NOT NULL DEFAULT SESSION_USER,
    CONSTRAINT settings_pk PRIMARY KEY (name),
    CONSTRAINT settings_by_known CHECK (settings_by = ANY (ARRAY['declaration'::text, 'operator'::text])),
    CONSTRAINT settings_max_attempts_range CHECK (max_attempts >= 1 AND max_attempts <= 1000),
    CONSTRAINT settings_name_wellformed CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$'::text),
    CONSTRAINT settings_objects CHECK (jsonb_typeof(headers) = 'object'::text AND jsonb_typeof(templates) = 'object'::text AND jsonb_typeof(properties) = 'object'::text),
    CONSTRAINT settings_secret_is_reference CHECK (secret ~ '^(env|file|property):'::text),
    CONSTRAINT settings_valid_from_finite CHECK (isfinite(valid_from)),
    CONSTRAINT settings_valid_until_finite CHECK (isfinite(valid_until)),
    CONSTRAINT settings_validity CHECK (valid_until > valid_from)
);
COMMENT ON TABLE postroom.settings IS 'one row for each external system; change it with postroom.set_settings';
COMMENT ON COLUMN postroom.settings.channel IS 'http, mail, file or a word of the host''s own';
COMMENT ON COLUMN postroom.settings.max_attempts IS 'most attempts of a message whose handler names this entry; null: as the handler says';
COMMENT ON COLUMN postroom.settings.secret IS 'where the secret is found: env:NAME, file:/path or property:name';
COMMENT ON COLUMN postroom.settings.version IS 'rises with each change, also over a deletion';
COMMENT ON COLUMN postroom.settings.settings_by IS 'declaration: a program, at its start; operator: a person, and no declaration changes it any more';
COMMENT ON COLUMN postroom.settings.changed_by IS 'the person if the console or API knew it, else the database user';

CREATE TABLE postroom.settings_change (
    name text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    changed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    changed_by text NOT NULL,
    settings_by text NOT NULL,
    before jsonb,
    after jsonb,
    CONSTRAINT settings_change_pk PRIMARY KEY (name, version)
);
COMMENT ON TABLE postroom.settings_change IS 'each change of an entry of settings; lines are kept';

CREATE TABLE postroom.shedlock (
    name character varying(64) NOT NULL,
    lock_until timestamp without time zone NOT NULL,
    locked_at timestamp without time zone NOT NULL,
    locked_by character varying(255) NOT NULL,
    CONSTRAINT shedlock_pk PRIMARY KEY (name)
);

CREATE TABLE postroom.worker (
    id integer GENERATED ALWAYS AS IDENTITY NOT NULL,
    instance uuid NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    started_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    beat_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    stopped_at timestamp with time zone,
    publishes_stats boolean NOT NULL DEFAULT false,
    address inet DEFAULT inet_client_addr(),
    CONSTRAINT worker_instance_unique UNIQUE (instance),
    CONSTRAINT worker_pk PRIMARY KEY (id)
) WITH (fillfactor=50);
COMMENT ON COLUMN postroom.worker.publishes_stats IS 'whether it counts the queues for metrics, unless a worker that started before does';
COMMENT ON COLUMN postroom.worker.address IS 'where its connection came from, which may be a pooler; null: a local socket';

CREATE VIEW postroom.access_tokens AS
 SELECT name,
    role,
    queues,
        CASE
            WHEN revoked_at IS NOT NULL THEN 'revoked'::text
            WHEN expires_at <= statement_timestamp() THEN 'expired'::text
            ELSE 'in use'::text
        END AS state,
    created_at,
    created_by,
    expires_at,
    last_used_at,
    revoked_at,
    revoked_by
   FROM postroom.access_token t;
COMMENT ON VIEW postroom.access_tokens IS 'who may use the HTTP API and the console; the tokens themselves are kept nowhere';
COMMENT ON COLUMN postroom.access_tokens.state IS 'in use, expired or revoked';
COMMENT ON COLUMN postroom.access_tokens.last_used_at IS 'exact to about a minute; null: never';

CREATE VIEW postroom.batches AS
 SELECT b.id AS batch,
    b.name,
    b.parent_id AS parent,
        CASE
            WHEN b.completed_at IS NOT NULL THEN 'COMPLETED'::text
            WHEN b.cancelled_at IS NOT NULL THEN 'CANCELLED'::text
            WHEN b.sealed_at IS NOT NULL THEN 'SEALED'::text
            ELSE 'OPEN'::text
        END AS state,
    COALESCE(p.unfinished, 0::bigint) + c.done + c.dead + COALESCE(p.dead, 0::bigint) + c.cancelled + c.expired + c.purged AS total,
    COALESCE(p.unfinished, 0::bigint) AS unfinished,
        CASE
            WHEN p.unfinished > 0 THEN LEAST(p.unfinished, ( SELECT count(DISTINCT u.message_id) AS count
               FROM postroom.lease l
                 CROSS JOIN LATERAL unnest(l.message_ids) WITH ORDINALITY u(message_id, place)
              WHERE SUBSTRING(l.open FROM u.place::integer FOR 1) = '1'::"bit" AND (( SELECT m.headers ->> 'postroom-batch'::text
                       FROM postroom.message m
                      WHERE m.id = u.message_id)) = b.id::text))
            ELSE 0::bigint
        END AS in_progress,
    c.done,
    c.dead + COALESCE(p.dead, 0::bigint) AS dead,
    c.cancelled,
    c.expired,
    c.purged,
    ( SELECT count(*) AS count
           FROM postroom.batch x
          WHERE x.parent_id = b.id) AS children,
    ( SELECT count(*) AS count
           FROM postroom.batch x
          WHERE x.parent_id = b.id AND x.completed_at IS NOT NULL) AS children_completed,
    b.created_at,
    b.created_by,
    b.sealed_at,
    b.cancelled_at,
    b.completed_at,
    b.completion_id,
    COALESCE(g.counted_at, b.completed_at) AS counted_at,
    g.problem
   FROM postroom.batch b
     LEFT JOIN postroom.batch_progress g ON g.batch_id = b.id
     CROSS JOIN LATERAL ( SELECT COALESCE(b.done, g.done, 0::bigint) AS done,
            COALESCE(b.dead, g.dead, 0::bigint) AS dead,
            COALESCE(b.cancelled, g.cancelled, 0::bigint) AS cancelled,
            COALESCE(b.expired, g.expired, 0::bigint) AS expired,
            COALESCE(b.purged, g.purged, 0::bigint) AS purged) c
     CROSS JOIN LATERAL ( SELECT sum(x.size) FILTER (WHERE NOT x.is_dead) AS unfinished,
            sum(x.size) FILTER (WHERE x.is_dead) AS dead
           FROM postroom.batch_part x
          WHERE x.batch_id = b.id) p;
COMMENT ON VIEW postroom.batches IS 'one row per batch: how far it is. Completed ones stay for seven days';
COMMENT ON COLUMN postroom.batches.state IS 'OPEN (takes members), SEALED (takes no more), CANCELLED (what waits is being cancelled), COMPLETED (all members have ended)';
COMMENT ON COLUMN postroom.batches.unfinished IS 'members that had not ended at counted_at: they wait or are in progress';
COMMENT ON COLUMN postroom.batches.in_progress IS 'those of them that are in progress now';
COMMENT ON COLUMN postroom.batches.purged IS 'members that were removed after their retention before they were counted; how they ended is unknown';
COMMENT ON COLUMN postroom.batches.counted_at IS 'when the counts were taken: while it is not completed, each second or two';
COMMENT ON COLUMN postroom.batches.problem IS 'why the completion message could not be created; it is tried again';

CREATE VIEW postroom.bindings AS
 SELECT e.name AS exchange,
    q.name AS queue,
    t.name AS to_exchange,
    b.routing_key,
    b.arguments,
    b.created_at
   FROM postroom.binding b
     JOIN postroom.exchange e ON e.id = b.exchange_id
     LEFT JOIN postroom.queue q ON q.id = b.queue_id
     LEFT JOIN postroom.exchange t ON t.id = b.to_exchange_id;
COMMENT ON VIEW postroom.bindings IS 'which exchange leads to which queue or other exchange, and for which messages';

CREATE VIEW postroom.consumer_stops AS
 SELECT q.name AS queue,
    COALESCE(w.name, ('worker '::text || s.worker_id) || ' (gone)'::text) AS worker,
    s.ordered_at,
    o.actor AS ordered_by,
    s.stopped_at,
    GREATEST(COALESCE(l.held, 0),
        CASE
            WHEN w.stopped_at IS NULL AND w.beat_at > (statement_timestamp() - '00:01:00'::interval) THEN s.held
            ELSE NULL::integer
        END) AS in_flight,
    w.beat_at,
    w.id IS NULL OR w.stopped_at IS NOT NULL AS ended,
    s.worker_id,
    s.order_id
   FROM postroom.consumer_stop s
     JOIN postroom.queue q ON q.id = s.queue_id
     LEFT JOIN postroom.worker w ON w.id = s.worker_id
     LEFT JOIN postroom.operator_action o ON o.id = s.order_id
     LEFT JOIN ( SELECT l_1.worker_id,
            l_1.queue_id,
            sum(bit_count(l_1.open::"bit"))::integer AS held
           FROM postroom.lease l_1
          GROUP BY l_1.worker_id, l_1.queue_id) l ON l.worker_id = s.worker_id AND l.queue_id = s.queue_id;
COMMENT ON VIEW postroom.consumer_stops IS 'consumers that were told to stop (stop_consumers), and their receipts; a row goes with start_consumers';
COMMENT ON COLUMN postroom.consumer_stops.ordered_by IS 'who told it; null: its process started after an order for all';
COMMENT ON COLUMN postroom.consumer_stops.stopped_at IS 'since when it claims no more; null: its process has not answered yet';
COMMENT ON COLUMN postroom.consumer_stops.in_flight IS 'messages of the queue that its process still holds';
COMMENT ON COLUMN postroom.consumer_stops.ended IS 'its process has ended in good order';

CREATE VIEW postroom.consumers AS
 SELECT q.name AS queue,
    c.handler,
    w.name AS worker,
        CASE c.direction
            WHEN 0 THEN 'OUTGOING'::text
            ELSE 'INCOMING'::text
        END AS direction,
    c.types,
    c.concurrency,
    c.mode,
    c.started_at,
    w.version,
    w.beat_at,
    w.stopped_at IS NULL AND w.beat_at > (statement_timestamp() - '00:01:00'::interval) AS live,
    q.consumers_stopped_at IS NOT NULL OR s.worker_id IS NOT NULL AS told_to_stop
   FROM postroom.consumer c
     JOIN postroom.queue q ON q.id = c.queue_id
     JOIN postroom.worker w ON w.id = c.worker_id
     LEFT JOIN postroom.consumer_stop s ON s.worker_id = c.worker_id AND s.queue_id = c.queue_id;
COMMENT ON VIEW postroom.consumers IS 'who handles what: one row per queue, process and handler';
COMMENT ON COLUMN postroom.consumers.types IS 'type/version it takes (versions up to that one); an empty text: messages without a type; *: any';
COMMENT ON COLUMN postroom.consumers.live IS 'its process gave a sign of life in the last minute';
COMMENT ON COLUMN postroom.consumers.told_to_stop IS 'by stop_consumers; consumer_stops has the receipts';

CREATE VIEW postroom.current_settings AS
 SELECT name,
    channel,
    endpoint,
    enabled,
    valid_from,
    valid_until,
    secret,
    max_attempts,
    retry_after,
    headers,
    templates,
    properties,
    version,
    settings_by,
    changed_at,
    changed_by
   FROM postroom.settings s;
COMMENT ON VIEW postroom.current_settings IS 'external systems, one row each; settings_history says who changed them';

CREATE VIEW postroom.dead_letters AS
 SELECT d.message_id,
    q.name AS queue,
    d.dead_at,
    d.reason,
    d.error_class,
    d.error,
    d.fingerprint,
    d.failures,
    d.crashes,
    d.deliveries,
    m.type,
    m.type_version,
    m.correlation_id,
    m.headers,
    m.payload,
    m.created_at
   FROM postroom.dead_letter d
     JOIN postroom.queue q ON q.id = d.queue_id
     LEFT JOIN postroom.message m ON m.id = d.message_id;
COMMENT ON VIEW postroom.dead_letters IS 'messages that were given up; they stay until redriven (postroom.redrive) or discarded (postroom.discard)';
COMMENT ON COLUMN postroom.dead_letters.reason IS 'attempts_spent, rejected, undecodable, crash_limit, quarantined; in a queue with a dead letter exchange also expired, maxlen, dlx_unroutable, cycle';
COMMENT ON COLUMN postroom.dead_letters.fingerprint IS 'the same for alike errors: class and message without their digits';

CREATE VIEW postroom.dropped_messages AS
 SELECT dropped_at,
    exchange,
    routing_key,
    message_id,
    type,
    correlation_id
   FROM postroom.dropped_message d;
COMMENT ON VIEW postroom.dropped_messages IS 'messages that reached no queue and were created with mandatory off: one row each, kept for seven days';

CREATE VIEW postroom.exchanges AS
 SELECT name AS exchange,
    kind,
    alternate,
    created_at
   FROM postroom.exchange e;
COMMENT ON VIEW postroom.exchanges IS 'exchanges: what takes messages that name no queue';

CREATE VIEW postroom.file_imports AS
 SELECT id,
    import_name,
    file,
    size,
    state,
    "position",
    lines,
    messages,
    bad_lines,
    started_at,
    changed_at,
    finished_at,
    error
   FROM postroom.file_import f;
COMMENT ON VIEW postroom.file_imports IS 'files that imports have taken, and how far each is';
COMMENT ON COLUMN postroom.file_imports.state IS 'RUNNING, DONE or FAILED; the file is in the folder processing, done or failed';
COMMENT ON COLUMN postroom.file_imports.bad_lines IS 'lines in bad-lines.ndjson beside the file, with their numbers and reasons';

CREATE VIEW postroom.group_weights AS
 SELECT q.name AS queue,
    w.key COLLATE "C" AS group_key,
    w.value::integer AS weight,
    q.fair
   FROM postroom.queue q
     CROSS JOIN LATERAL jsonb_each_text(q.group_weights) w(key, value)
  WHERE q.deleted_at IS NULL;
COMMENT ON VIEW postroom.group_weights IS 'groups of fair queues of which more than one message goes in a turn; groups that are not named have the weight 1';
COMMENT ON COLUMN postroom.group_weights.weight IS 'how many messages of the group go in one turn, 2 to 100';
COMMENT ON COLUMN postroom.group_weights.fair IS 'whether the queue is fair now; the weights of one that is not mean nothing';

CREATE VIEW postroom.homes AS
 SELECT h.name,
    h.is_here,
    r.rules,
    r.version,
    r.changed_at,
    r.changed_by
   FROM postroom.home h
     CROSS JOIN postroom.home_rules r;
COMMENT ON VIEW postroom.homes IS 'the databases that queues live on, and the rules that say where; empty: this database is the only one';

CREATE VIEW postroom.mailboxes AS
 SELECT name,
    source,
    "position",
    worker,
    (held_until > clock_timestamp()) IS TRUE AS held,
    read_at,
    failing_since,
    error,
    ( SELECT count(*) AS count
           FROM postroom.received_mail r
          WHERE r.mailbox = m.name AND r.message_id IS NOT NULL) AS messages,
    ( SELECT count(*) AS count
           FROM postroom.received_mail r
          WHERE r.mailbox = m.name AND r.error <> ''::text) AS rejected
   FROM postroom.mailbox m;
COMMENT ON VIEW postroom.mailboxes IS 'mailboxes whose mails become messages';
COMMENT ON COLUMN postroom.mailboxes.held IS 'whether a process reads it now';
COMMENT ON COLUMN postroom.mailboxes.read_at IS 'when all its mails were decided last';
COMMENT ON COLUMN postroom.mailboxes.messages IS 'mails of the last 90 days that became messages';
COMMENT ON COLUMN postroom.mailboxes.rejected IS 'mails of the last 90 days that were put aside';

CREATE VIEW postroom.message_content AS
 SELECT m.id AS message_id,
    q.name AS queue,
    m.type,
    m.type_version,
        CASE m.direction
            WHEN 0 THEN 'OUTGOING'::text
            ELSE 'INCOMING'::text
        END AS direction,
    m.priority,
    m.correlation_id,
    m.group_key,
    m.headers,
    m.payload,
    m.body,
    COALESCE(m.content_type, 'application/json'::text) AS content_type,
    m.created_at,
    m.created_by,
    m.exchange,
    m.routing_key,
    m.expires_at,
        CASE
            WHEN m.queue_ids IS NOT NULL THEN ARRAY( SELECT t.name
               FROM postroom.queue t
              WHERE t.id = ANY (m.queue_ids)
              ORDER BY t.name)
            ELSE NULL::text[]
        END AS queues
   FROM postroom.message m
     LEFT JOIN postroom.queue q ON q.id = m.queue_id;
COMMENT ON VIEW postroom.message_content IS 'one row per stored message, without where it stands: quick by message_id and correlation_id';
COMMENT ON COLUMN postroom.message_content.queue IS 'null: it was routed to several queues, those of queues';

CREATE VIEW postroom.message_history AS
 SELECT a.message_id,
    q.name AS queue,
        CASE
            WHEN a.lease_id IS NULL THEN 0
            ELSE a.number::integer
        END AS number,
        CASE
            WHEN a.worker_id IS NULL THEN ''::text
            ELSE COALESCE(w.name, ('worker '::text || a.worker_id) || ' (gone)'::text)
        END AS worker,
    a.started_at,
    a.finished_at,
    (ARRAY['done'::text, 'cancelled'::text, 'expired'::text, 'retry'::text, 'snooze'::text, 'not_now'::text, 'reject'::text, 'failed'::text, 'crashed'::text, 'undecodable'::text])[a.outcome + 1] AS outcome,
    a.error_class,
        CASE
            WHEN a.outcome <> 0 THEN a.error
            ELSE NULL::text
        END AS error,
        CASE
            WHEN a.outcome = 0 THEN a.error
            ELSE NULL::text
        END AS note,
    a.lease_id
   FROM postroom.attempt a
     JOIN postroom.queue q ON q.id = a.queue_id
     LEFT JOIN postroom.worker w ON w.id = a.worker_id;
COMMENT ON VIEW postroom.message_history IS 'what happened to messages: one row per attempt that ended, and one when it was cancelled or expired';
COMMENT ON COLUMN postroom.message_history.number IS 'the delivery it belongs to, from 1; 0: cancelled or expired while waiting';
COMMENT ON COLUMN postroom.message_history.worker IS 'the process that ran it; empty when none did';
COMMENT ON COLUMN postroom.message_history.outcome IS 'done, cancelled, expired (these three finish a message), retry, snooze, not_now, reject, failed (last attempt spent), crashed, undecodable (when a handler''s process could first not read it)';
COMMENT ON COLUMN postroom.message_history.error IS 'what went wrong; of a cancelled one the reason where there is one';
COMMENT ON COLUMN postroom.message_history.note IS 'what the handler noted of a message that it finished';
COMMENT ON COLUMN postroom.message_history.lease_id IS 'the fencing number it ran under; messages of one batch share it';

CREATE VIEW postroom.operations AS
 SELECT id,
    verb,
    state,
    filter,
    actor,
    reason,
    planned,
    processed,
    failed,
    per_second,
    canary,
    canary_threshold,
    state = 'running'::text AND canary > 0 AND canary_ended_at IS NULL AND cardinality(canary_messages) >= canary AS waits_for_canary,
    note,
    created_at,
    stepped_at,
    finished_at
   FROM postroom.operation o;
COMMENT ON VIEW postroom.operations IS 'redrives and discards of many dead letters, and purges of queues, and how far they are';
COMMENT ON COLUMN postroom.operations.state IS 'running, finished, stopped (by a person), stopped_by_canary';
COMMENT ON COLUMN postroom.operations.planned IS 'dead letters that matched when it began; of a purge: messages that waited, of 1,000,000 at most; later ones are not touched';
COMMENT ON COLUMN postroom.operations.processed IS 'dead letters that it redrove or discarded, or messages that it purged';
COMMENT ON COLUMN postroom.operations.failed IS 'dead letters that stay: their queue was deleted or full; note tells the last reason';
COMMENT ON COLUMN postroom.operations.canary IS 'so many are redriven first, and waited for; 0: none';
COMMENT ON COLUMN postroom.operations.canary_threshold IS 'it stops when more of these die again';
COMMENT ON COLUMN postroom.operations.waits_for_canary IS 'whether the first ones are redriven and not all have ended yet';

CREATE VIEW postroom.operator_log AS
 SELECT o.id,
    o.at,
    o.actor,
    o.action,
    q.name AS queue,
    o.message_id,
    o.filter,
    o.planned,
    o.done,
    o.finished_at,
    o.note,
    o.reason,
    o.operation_id,
    o.db_user,
    o.number,
    o.sealed_at,
    encode(o.hash, 'hex'::text) AS hash
   FROM postroom.operator_action o
     LEFT JOIN postroom.queue q ON q.id = o.queue_id;
COMMENT ON VIEW postroom.operator_log IS 'what people did: pause, resume, stop_consumers, start_consumers, cancel, reschedule, redrive, discard, purge, declare, delete, run, stop_operation; end_operation: an operation ended by itself';
COMMENT ON COLUMN postroom.operator_log.actor IS 'the person if the console or API knew it, else the database user';
COMMENT ON COLUMN postroom.operator_log.done IS 'how many messages it has moved; of an operation only its line end_operation tells';
COMMENT ON COLUMN postroom.operator_log.reason IS 'why, in the words of the actor';
COMMENT ON COLUMN postroom.operator_log.operation_id IS 'the operation that it began, stopped or ended: see operations';
COMMENT ON COLUMN postroom.operator_log.db_user IS 'the login of the session, whatever actor says';
COMMENT ON COLUMN postroom.operator_log.number IS 'its place in the chain of lines, without gaps; null: it is not sealed yet';
COMMENT ON COLUMN postroom.operator_log.sealed_at IS 'when it got its place: after its commit';
COMMENT ON COLUMN postroom.operator_log.hash IS 'SHA-256 of the hash of the line before it and of its own values, in hexadecimal';

CREATE VIEW postroom.place AS
 SELECT first.id AS message_id,
    r.queue_id,
    'READY'::text AS state,
    r.priority,
    r.seq,
    r.failures,
    r.crashes,
    r.deliveries,
    NULL::timestamp with time zone AS due_at,
    NULL::text AS reason,
    NULL::bigint AS lease_id,
    NULL::integer AS worker_id,
    NULL::timestamp with time zone AS claimed_at,
    NULL::timestamp with time zone AS finished_at
   FROM postroom.message first
     JOIN postroom.ready r ON (r.queue_id = ANY (COALESCE(first.queue_ids, ARRAY[first.queue_id]))) AND r.priority = first.priority AND r.seq = first.seq AND r.message_id = first.id
  WHERE NOT r.moved
UNION ALL
 SELECT r.message_id,
    r.queue_id,
    'READY'::text AS state,
    r.priority,
    r.seq,
    r.failures,
    r.crashes,
    r.deliveries,
    NULL::timestamp with time zone AS due_at,
    NULL::text AS reason,
    NULL::bigint AS lease_id,
    NULL::integer AS worker_id,
    NULL::timestamp with time zone AS claimed_at,
    NULL::timestamp with time zone AS finished_at
   FROM postroom.ready r
  WHERE r.moved
UNION ALL
 SELECT d.message_id,
    d.queue_id,
    'DELAYED'::text AS state,
    d.priority,
    NULL::bigint AS seq,
    d.failures,
    d.crashes,
    d.deliveries,
    d.due_at,
    d.reason,
    NULL::bigint AS lease_id,
    NULL::integer AS worker_id,
    NULL::timestamp with time zone AS claimed_at,
    NULL::timestamp with time zone AS finished_at
   FROM postroom.delayed d
UNION ALL
 SELECT w.message_id,
    w.queue_id,
    'READY'::text AS state,
    w.priority,
    w.seq,
    w.failures,
    w.crashes,
    w.deliveries,
    NULL::timestamp with time zone AS due_at,
    NULL::text AS reason,
    NULL::bigint AS lease_id,
    NULL::integer AS worker_id,
    NULL::timestamp with time zone AS claimed_at,
    NULL::timestamp with time zone AS finished_at
   FROM postroom.grouped w
UNION ALL
 SELECT u.message_id,
    l.queue_id,
    'IN_PROGRESS'::text AS state,
    l.priority,
    NULL::bigint AS seq,
    COALESCE(u.failures, 0::smallint) AS failures,
    COALESCE(u.crashes, 0::smallint) AS crashes,
    LEAST(COALESCE(u.deliveries::integer, 0) + 1, 32767)::smallint AS deliveries,
    NULL::timestamp with time zone AS due_at,
    NULL::text AS reason,
    l.id AS lease_id,
    l.worker_id,
    l.claimed_at,
    NULL::timestamp with time zone AS finished_at
   FROM postroom.lease l
     CROSS JOIN LATERAL UNNEST(l.message_ids, l.failures, l.crashes, l.deliveries) WITH ORDINALITY u(message_id, failures, crashes, deliveries, place)
  WHERE SUBSTRING(l.open FROM u.place::integer FOR 1) = '1'::"bit"
UNION ALL
 SELECT d.message_id,
    d.queue_id,
    'DEAD'::text AS state,
    d.priority,
    NULL::bigint AS seq,
    d.failures,
    d.crashes,
    d.deliveries,
    NULL::timestamp with time zone AS due_at,
    d.reason,
    NULL::bigint AS lease_id,
    NULL::integer AS worker_id,
    NULL::timestamp with time zone AS claimed_at,
    NULL::timestamp with time zone AS finished_at
   FROM postroom.dead_letter d
UNION ALL
 SELECT a.message_id,
    a.queue_id,
        CASE a.outcome
            WHEN 0 THEN 'DONE'::text
            WHEN 1 THEN 'CANCELLED'::text
            ELSE 'EXPIRED'::text
        END AS state,
    NULL::smallint AS priority,
    NULL::bigint AS seq,
    NULL::smallint AS failures,
    NULL::smallint AS crashes,
    a.number AS deliveries,
    NULL::timestamp with time zone AS due_at,
        CASE a.outcome
            WHEN 1 THEN a.error
            ELSE NULL::text
        END AS reason,
    a.lease_id,
    a.worker_id,
    NULL::timestamp with time zone AS claimed_at,
    a.finished_at
   FROM postroom.attempt a
  WHERE a.outcome <= 2;
COMMENT ON VIEW postroom.place IS 'Internal: where each message is; query queue_messages instead';

CREATE VIEW postroom.purge_log AS
 SELECT l.purged_at,
    q.name AS queue,
    (ARRAY['done'::text, 'cancelled'::text, 'expired'::text])[l.outcome + 1] AS outcome,
    l.messages,
    l.first_id,
    l.last_id,
    l.how
   FROM postroom.purge_ledger l
     LEFT JOIN postroom.queue q ON q.id = l.queue_id;
COMMENT ON VIEW postroom.purge_log IS 'what RemoveQueueMessages removed: one row per purge, queue and outcome';
COMMENT ON COLUMN postroom.purge_log.first_id IS 'lowest and, in last_id, highest id that left; not all between them did';
COMMENT ON COLUMN postroom.purge_log.how IS 'truncate: with its whole day; delete: in a batch';

CREATE VIEW postroom.queue_messages AS
 SELECT p.message_id,
    q.name AS queue,
    p.state,
    m.type,
    m.type_version,
        CASE m.direction
            WHEN 0 THEN 'OUTGOING'::text
            ELSE 'INCOMING'::text
        END AS direction,
    COALESCE(p.priority, m.priority) AS priority,
    m.correlation_id,
    m.group_key,
    m.headers,
    m.payload,
    m.body,
    COALESCE(m.content_type, 'application/json'::text) AS content_type,
    m.created_at,
    m.created_by,
    m.exchange,
    m.routing_key,
        CASE
            WHEN m.queue_ids IS NULL THEN m.expires_at
            ELSE LEAST(m.expires_at, ( SELECT x.expires_at
               FROM postroom.entry_expiry x
              WHERE x.message_id = p.message_id AND x.queue_id = p.queue_id))
        END AS expires_at,
        CASE
            WHEN p.failures IS NOT NULL THEN p.failures::integer
            WHEN p.deliveries <= 1 THEN 0
            ELSE ( SELECT count(*)::integer AS count
               FROM postroom.attempt a
              WHERE a.message_id = p.message_id AND a.queue_id = p.queue_id AND (a.outcome = ANY (ARRAY[3, 6, 7])))
        END AS failures,
        CASE
            WHEN p.crashes IS NOT NULL THEN p.crashes::integer
            WHEN p.deliveries <= 1 THEN 0
            ELSE ( SELECT count(*)::integer AS count
               FROM postroom.attempt a
              WHERE a.message_id = p.message_id AND a.queue_id = p.queue_id AND a.outcome = 8)
        END AS crashes,
    p.deliveries,
    p.seq,
    p.due_at,
    p.reason,
        CASE
            WHEN p.deliveries > 0 THEN ( SELECT a.error
               FROM postroom.attempt a
              WHERE a.message_id = p.message_id AND a.queue_id = p.queue_id AND a.error IS NOT NULL AND a.outcome <> 0
              ORDER BY a.finished_at DESC
             LIMIT 1)
            ELSE NULL::text
        END AS error,
        CASE
            WHEN p.state = 'IN_PROGRESS'::text THEN COALESCE(w.name, ('worker '::text || p.worker_id) || ' (gone)'::text)
            ELSE NULL::text
        END AS worker,
    p.claimed_at,
    p.finished_at,
    p.finished_at + q.retention AS removable_at
   FROM postroom.place p
     JOIN postroom.message m ON m.id = p.message_id
     JOIN postroom.queue q ON q.id = p.queue_id
     LEFT JOIN postroom.worker w ON w.id = p.worker_id;
COMMENT ON VIEW postroom.queue_messages IS 'one row per message and queue: what it is and where it stands';
COMMENT ON COLUMN postroom.queue_messages.state IS 'DELAYED, READY, IN_PROGRESS, DONE, DEAD, CANCELLED, EXPIRED';
COMMENT ON COLUMN postroom.queue_messages.type_version IS '0 without a type';
COMMENT ON COLUMN postroom.queue_messages.priority IS '9 first, 0 last';
COMMENT ON COLUMN postroom.queue_messages.group_key IS 'messages of one group run one after the other in an ordered queue; in others a label';
COMMENT ON COLUMN postroom.queue_messages.body IS 'the content when it is bytes; payload is null then';
COMMENT ON COLUMN postroom.queue_messages.exchange IS 'through which it was created; null: it named its queue';
COMMENT ON COLUMN postroom.queue_messages.expires_at IS 'a message still waiting then becomes EXPIRED; null: never';
COMMENT ON COLUMN postroom.queue_messages.failures IS 'attempts that failed since the last redrive; of a finished one all there were';
COMMENT ON COLUMN postroom.queue_messages.crashes IS 'how often its worker died after it had started; of a finished one all there were';
COMMENT ON COLUMN postroom.queue_messages.deliveries IS 'times it was claimed, the one in progress, releases and snoozes included';
COMMENT ON COLUMN postroom.queue_messages.seq IS 'when READY: its place in the order of its queue and priority, or in its group';
COMMENT ON COLUMN postroom.queue_messages.due_at IS 'when a DELAYED one becomes READY';
COMMENT ON COLUMN postroom.queue_messages.reason IS 'why it is DELAYED (delay, retry, snooze, not_now, no_handler, undecodable, payload_missing, not_run) DEAD (attempts_spent, rejected, undecodable, crash_limit, quarantined, expired, maxlen, dlx_unroutable, cycle) or CANCELLED (queue_deleted, queue_purged, maxlen, batch_cancelled, discarded; null: somebody asked for it)';
COMMENT ON COLUMN postroom.queue_messages.error IS 'the last recorded error';
COMMENT ON COLUMN postroom.queue_messages.worker IS 'who holds it while IN_PROGRESS, since claimed_at';
COMMENT ON COLUMN postroom.queue_messages.removable_at IS 'when the retention of its queue is over and RemoveQueueMessages may remove it; null: not finished';

CREATE VIEW postroom.queue_stats AS
 SELECT q.name AS queue,
    LEAST(r.ready, b.most) AS ready,
    COALESCE(d.delayed, 0::bigint) AS delayed,
    COALESCE(l.in_progress, 0::bigint) AS in_progress,
    LEAST(x.dead, b.most) AS dead,
    q.paused_at IS NOT NULL AS paused,
    h.oldest_ready_at,
    c.consumers,
    q.kind,
    w.name AS owner,
    q.max_length,
    q.overflow,
    q.single_active_consumer,
    aw.name AS active_consumer,
    q.expires_after,
    q.fair,
    r.ready > b.most AS ready_more,
    ( SELECT count(*) > 100000
           FROM ( SELECT
                   FROM postroom.delayed y_1
                  ORDER BY y_1.due_at
                 LIMIT 100001) y) AS delayed_more,
    x.dead > b.most AS dead_more,
    q.destination,
    (EXISTS ( SELECT
           FROM postroom.limiter y
          WHERE (y.queue_id = q.id OR y.destination = q.destination) AND num_nonnulls(y.max_starts, y.max_in_progress, y.max_starts_per_group, y.max_in_progress_per_group) > 0)) AS limited,
    ( SELECT y.parked_until
           FROM postroom.limiter y
          WHERE y.destination = q.destination AND y.parked_until > statement_timestamp()) AS parked_until
   FROM postroom.queue q
     CROSS JOIN ( SELECT GREATEST(1000::bigint, 1000000 / GREATEST(10::bigint, count(*))) AS most
           FROM postroom.queue y
          WHERE y.deleted_at IS NULL
         OFFSET 0) b
     CROSS JOIN LATERAL ( SELECT (( SELECT count(*) AS count
                   FROM ( SELECT
                           FROM postroom.ready y_1
                          WHERE y_1.queue_id = q.id
                          ORDER BY y_1.queue_id, y_1.priority, y_1.seq
                         LIMIT b.most + 1) y)) + (( SELECT count(*) AS count
                   FROM ( SELECT
                           FROM postroom.grouped y_1
                          WHERE y_1.queue_id = q.id
                          ORDER BY y_1.queue_id, y_1.group_key
                         LIMIT b.most + 1) y)) AS ready
         OFFSET 0) r
     CROSS JOIN LATERAL ( SELECT count(*) AS dead
           FROM ( SELECT
                   FROM postroom.dead_letter y_1
                  WHERE y_1.queue_id = q.id
                  ORDER BY y_1.queue_id, y_1.dead_at
                 LIMIT b.most + 1) y
         OFFSET 0) x
     CROSS JOIN LATERAL ( SELECT count(*)::integer AS consumers
           FROM postroom.consumer c_1
             JOIN postroom.worker w_1 ON w_1.id = c_1.worker_id
          WHERE c_1.queue_id = q.id AND w_1.stopped_at IS NULL AND w_1.beat_at > (statement_timestamp() - '00:01:00'::interval)) c
     CROSS JOIN LATERAL ( SELECT min(( SELECT m.created_at
                   FROM postroom.message m
                  WHERE m.id = head.message_id
                 LIMIT 1)) AS oldest_ready_at
           FROM generate_series(0, 9) lane(priority)
             CROSS JOIN LATERAL ( SELECT r_1.message_id
                   FROM postroom.ready r_1
                  WHERE r_1.queue_id = q.id AND r_1.priority = lane.priority::smallint
                  ORDER BY r_1.seq
                 LIMIT 1) head) h
     LEFT JOIN ( SELECT y.queue_id,
            count(*) AS delayed
           FROM ( SELECT d_1.queue_id
                   FROM postroom.delayed d_1
                  ORDER BY d_1.due_at
                 LIMIT 100000) y
          GROUP BY y.queue_id) d ON d.queue_id = q.id
     LEFT JOIN ( SELECT l_1.queue_id,
            sum(bit_count(l_1.open::"bit"))::bigint AS in_progress
           FROM postroom.lease l_1
          GROUP BY l_1.queue_id) l ON l.queue_id = q.id
     LEFT JOIN postroom.worker w ON w.instance = q.owner
     LEFT JOIN postroom.active_consumer ac ON ac.queue_id = q.id
     LEFT JOIN postroom.worker aw ON aw.id = ac.worker_id
  WHERE q.deleted_at IS NULL;
COMMENT ON VIEW postroom.queue_stats IS 'one row per queue: how much is in each place now; finished messages are not counted. Counts stop at 100,000, with more than 10 queues at 1,000,000 divided by their number, and never below 1,000; ready_more, delayed_more and dead_more say so';
COMMENT ON COLUMN postroom.queue_stats.oldest_ready_at IS 'when the oldest of the messages at the heads of its priorities was created; null: nothing is READY';
COMMENT ON COLUMN postroom.queue_stats.consumers IS 'live consumers in all processes: their process gave a sign of life in the last minute';
COMMENT ON COLUMN postroom.queue_stats.kind IS 'durable, exclusive (goes with its owner) or auto_delete (goes with its last consumer)';
COMMENT ON COLUMN postroom.queue_stats.owner IS 'the process that an exclusive queue belongs to';
COMMENT ON COLUMN postroom.queue_stats.max_length IS 'most READY messages; null: as many as come';
COMMENT ON COLUMN postroom.queue_stats.overflow IS 'above that: drop_head, reject or reject_to_dead_letter_exchange';
COMMENT ON COLUMN postroom.queue_stats.single_active_consumer IS 'whether only one process consumes at a time';
COMMENT ON COLUMN postroom.queue_stats.active_consumer IS 'the process that does; null: none has claimed yet since the last one left';
COMMENT ON COLUMN postroom.queue_stats.expires_after IS 'after how long without use the queue is deleted; null: never';
COMMENT ON COLUMN postroom.queue_stats.fair IS 'whether the groups of its messages take turns';
COMMENT ON COLUMN postroom.queue_stats.ready_more IS 'whether ready is at least that many: the count stopped';
COMMENT ON COLUMN postroom.queue_stats.delayed_more IS 'whether delayed is at least that many: of all queues together the 100,000 that are due first were counted';
COMMENT ON COLUMN postroom.queue_stats.dead_more IS 'whether dead is at least that many: the count stopped';
COMMENT ON COLUMN postroom.queue_stats.destination IS 'the external system that its messages go to; null: none is named';
COMMENT ON COLUMN postroom.queue_stats.limited IS 'whether the queue or its destination has a limit: SELECT * FROM postroom.limiters()';
COMMENT ON COLUMN postroom.queue_stats.parked_until IS 'until when its destination takes nothing; null: it is not parked';

CREATE VIEW postroom.received_mails AS
 SELECT mailbox,
    mail_id,
    taken_at,
    message_id,
    size,
    internet_id,
    error
   FROM postroom.received_mail r;
COMMENT ON VIEW postroom.received_mails IS 'mails of the last 90 days that became messages or were put aside';
COMMENT ON COLUMN postroom.received_mails.error IS 'why it was put aside; empty: it was not';

CREATE VIEW postroom.schedule_runs AS
 SELECT s.name,
    r.planned_at,
    r.fired_at,
        CASE r.outcome
            WHEN 0 THEN 'FIRED'::text
            WHEN 1 THEN 'SKIPPED'::text
            ELSE 'MISSED'::text
        END AS outcome,
    r.message_id
   FROM postroom.schedule_run r
     JOIN postroom.schedule s ON s.id = r.schedule_id;
COMMENT ON VIEW postroom.schedule_runs IS 'the last 20 runs of each schedule';
COMMENT ON COLUMN postroom.schedule_runs.outcome IS 'FIRED, SKIPPED (the message before was unfinished), MISSED (its time had passed, and missed is NONE)';

CREATE VIEW postroom.schedules AS
 SELECT name,
        CASE
            WHEN paused THEN 'PAUSED'::text
            WHEN error IS NOT NULL AND due_at IS NULL THEN 'FAILED'::text
            WHEN ended THEN 'ENDED'::text
            ELSE 'ACTIVE'::text
        END AS state,
    cron,
    zone,
    every,
    after_end,
    at,
    missed,
    missed_limit,
    overlap,
    message ->> 'queue'::text AS queue,
    message ->> 'exchange'::text AS exchange,
        CASE
            WHEN NOT paused THEN planned_at
            ELSE NULL::timestamp with time zone
        END AS next_at,
    last_planned_at,
    last_fired_at,
    last_message_id,
    runs,
    error,
    error_at,
    created_at,
    changed_at,
    settings_by
   FROM postroom.schedule s;
COMMENT ON VIEW postroom.schedules IS 'one row per schedule: its times, and where it stands';
COMMENT ON COLUMN postroom.schedules.state IS 'ACTIVE, PAUSED, ENDED (it fired at its one time), FAILED (it never fires; see error)';
COMMENT ON COLUMN postroom.schedules.next_at IS 'the next planned time; null: it is being planned, the message before is unfinished, or it does not fire';
COMMENT ON COLUMN postroom.schedules.last_planned_at IS 'the planned time of the last run; it was fired at last_fired_at';
COMMENT ON COLUMN postroom.schedules.error IS 'why the last try failed; it is repeated while the state is ACTIVE';

CREATE VIEW postroom.settings_history AS
 SELECT name,
    version,
    changed_at,
    changed_by,
    settings_by,
        CASE
            WHEN before IS NULL THEN 'create'::text
            WHEN after IS NULL THEN 'delete'::text
            ELSE 'change'::text
        END AS action,
    ARRAY( SELECT COALESCE(b.key, a.key) AS "coalesce"
           FROM jsonb_each(c.before) b(key, value)
             FULL JOIN jsonb_each(c.after) a(key, value) ON a.key = b.key
          WHERE a.value IS DISTINCT FROM b.value
          ORDER BY (COALESCE(b.key, a.key))) AS changed,
    before,
    after
   FROM postroom.settings_change c;
COMMENT ON VIEW postroom.settings_history IS 'who changed which entry of settings, when, from what to what';
COMMENT ON COLUMN postroom.settings_history.changed IS 'the members that differ';

CREATE OR REPLACE FUNCTION postroom.add_member(p_batch uuid, p_message uuid, p_entries integer)
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    INSERT INTO postroom.batch_part (batch_id, first_id, last_id, size, entries, is_dead, members)
    VALUES (p_batch, p_message, p_message, 1, p_entries, false, ARRAY[p_message])
$function$
;
COMMENT ON FUNCTION postroom.add_member IS 'Internal: makes a new message a member of a batch that require_open_batch has locked.';

CREATE OR REPLACE FUNCTION postroom.admit(p_queues integer[], p_names text[], p_messages integer[])
 RETURNS TABLE(queue_id integer, queue text, answer integer, max_length bigint, waiting bigint, surplus bigint, after_seq bigint)
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    target     record;
    known      postroom.queue_length;
    fresh      postroom.queue_length;
    last_seq   bigint;
    is_above   boolean;
    is_locked  boolean;
BEGIN
    RETURN QUERY
    SELECT k.id, k.name, 1, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint
    FROM unnest(p_queues, p_names) k (id, name)
    WHERE NOT EXISTS (SELECT FROM postroom.queue q WHERE q.id = k.id AND q.name = k.name AND q.deleted_at IS NULL);
    IF FOUND THEN
        RETURN;
    END IF;
    FOR target IN
        SELECT q.id, q.name, q.max_length, k.messages,
               CASE WHEN q.overflow = 'reject_to_dead_letter_exchange' AND q.dead_letter_exchange IS NULL THEN 'reject'
                    ELSE q.overflow END AS overflow
        FROM unnest(p_queues, p_messages) k (id, messages)
        JOIN postroom.queue q ON q.id = k.id
        WHERE q.max_length IS NOT NULL
          AND k.messages > 0
        ORDER BY q.id
    LOOP
        is_locked := true;
        IF current_setting('postroom.wait_for_room', true) = 'off' THEN
            SELECT * INTO known FROM postroom.queue_length s WHERE s.queue_id = target.id FOR NO KEY UPDATE SKIP LOCKED;
            is_locked := FOUND;
            IF NOT is_locked THEN
                SELECT * INTO known FROM postroom.queue_length s WHERE s.queue_id = target.id;
                known.queue_id := target.id;
            END IF;
        ELSE
            known := postroom.lock_length(target.id);
        END IF;
        last_seq := postroom.last_ready_seq();
        IF known.max_length = target.max_length
           AND last_seq >= known.counted_seq
           AND last_seq + target.messages <= known.free_until THEN
            CONTINUE;
        ELSIF target.overflow = 'drop_head' THEN
            IF is_locked THEN
                RETURN QUERY SELECT target.id, target.name, 3, target.max_length, NULL::bigint, 0::bigint, last_seq;
            END IF;
            CONTINUE;
        END IF;
        fresh := known;
        is_above := true;
        IF known.max_length IS DISTINCT FROM target.max_length
           OR last_seq < known.counted_seq
           OR known.waiting < target.max_length
           OR current_setting('postroom.recount', true) = 'on' -- this transaction has replaced a message, which may have made room
           OR clock_timestamp() NOT BETWEEN known.counted_at AND known.counted_at + target.max_length * interval '10 microseconds' THEN
            fresh := postroom.count_length(known, last_seq, NULL);
            fresh.max_length := target.max_length;
            fresh.free_until := last_seq + greatest(target.max_length - fresh.waiting, 0);
            is_above := fresh.waiting + target.messages > target.max_length;
            IF NOT is_above THEN
                fresh.waiting := fresh.waiting + target.messages; -- both are committed, or neither
            END IF;
            IF is_locked THEN
                PERFORM postroom.store_length(known, fresh, false);
            END IF;
        END IF;
        IF is_above AND target.overflow = 'reject' THEN
            RETURN QUERY SELECT target.id, target.name, 2, target.max_length, fresh.waiting, NULL::bigint, NULL::bigint;
            RETURN;
        ELSIF is_above THEN
            RETURN QUERY SELECT target.id, target.name, 3, target.max_length, fresh.waiting,
                                least(fresh.waiting + target.messages - target.max_length, target.messages), last_seq;
        END IF;
    END LOOP;
END
$function$
;
COMMENT ON FUNCTION postroom.admit IS 'Internal: called before messages are created. Whether there is room for them in queues with a limit.';

CREATE OR REPLACE FUNCTION postroom.advance_after(p_queues integer[], p_messages uuid[])
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
DECLARE
    queues    int[];
    keys      text[];
    messages  uuid[];
BEGIN
    SELECT array_agg(u.queue_id), array_agg(m.group_key), array_agg(m.id) INTO queues, keys, messages
    FROM unnest(p_queues, p_messages) u (queue_id, message_id)
    JOIN postroom.queue q ON q.id = u.queue_id
    JOIN postroom.message m ON m.id = u.message_id
    WHERE q.ordered
      AND m.group_key IS NOT NULL;
    IF keys IS NULL THEN
        RETURN 0;
    END IF;
    RETURN postroom.advance_groups(queues, keys, messages, array_fill(false, ARRAY[cardinality(keys)]));
END
$function$
;
COMMENT ON FUNCTION postroom.advance_after IS 'Internal: called where messages end that were not in progress. Hands their groups to the next messages.';

CREATE OR REPLACE FUNCTION postroom.advance_groups(p_queues integer[], p_groups text[], p_holders uuid[], p_dead boolean[])
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_nestloop TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
DECLARE
    queues       int[];
    keys         text[];
    lows         bigint[];
    places       tid[];
    handed_over  int;
BEGIN
    SELECT array_agg(g.queue_id), array_agg(g.group_key), array_agg(g.low), array_agg(g.place) INTO queues, keys, lows, places
    FROM (
        SELECT u.queue_id, u.group_key, u.holder
        FROM unnest(p_queues, p_groups, p_holders, p_dead) u (queue_id, group_key, holder, is_dead)
        LEFT JOIN postroom.queue q ON q.id = u.queue_id
        WHERE NOT coalesce(u.is_dead AND q.on_dead_letter = 'block', false)
           OR NOT EXISTS (SELECT FROM postroom.dead_letter d -- it went on through a dead letter exchange
                          WHERE d.message_id = u.holder AND d.queue_id = u.queue_id)
        ORDER BY u.queue_id, u.group_key COLLATE "C"
    ) w
    CROSS JOIN LATERAL (
        SELECT n.epoch
        FROM postroom.message_group n
        WHERE n.queue_id = w.queue_id AND n.group_key = w.group_key
        ORDER BY n.epoch DESC
        LIMIT 1
    ) n
    CROSS JOIN LATERAL (
        SELECT x.queue_id, x.group_key, x.low, x.ctid AS place
        FROM postroom.message_group x
        WHERE x.queue_id = w.queue_id
          AND x.group_key = w.group_key
          AND x.epoch = n.epoch
          AND x.message_id IS NOT DISTINCT FROM w.holder
          AND NOT x.is_free
        FOR UPDATE
    ) g;
    IF keys IS NULL THEN
        RETURN 0;
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        -- The snapshot of an ATOMIC handler's transaction may be older than the lock. What it does not show would wait for ever.
        UPDATE postroom.message_group g
        SET message_id = NULL
        WHERE g.ctid = ANY (places);
        RETURN cardinality(keys);
    END IF;

    WITH head AS MATERIALIZED (
        SELECT h.queue_id, h.group_key, h.group_place, n.place
        FROM unnest(queues, keys, lows, places) h (queue_id, group_key, low, group_place)
        LEFT JOIN LATERAL (
            SELECT w.ctid AS place
            FROM postroom.grouped w
            WHERE w.queue_id = h.queue_id
              AND w.group_key = h.group_key
              AND w.seq >= h.low
            ORDER BY w.queue_id, w.group_key, w.seq
            LIMIT 1
        ) n ON true
    ), next AS MATERIALIZED (
        SELECT w.ctid AS place, w.seq, w.queue_id, w.group_key, w.priority, w.failures, w.crashes, w.deliveries, w.message_id
        FROM postroom.grouped w
        WHERE w.ctid = ANY (ARRAY(SELECT h.place FROM head h))
        FOR UPDATE SKIP LOCKED
    ), removed AS (
        DELETE FROM postroom.grouped w
        WHERE w.ctid = ANY (ARRAY(SELECT n.place FROM next n))
    ), handed AS (
        INSERT INTO postroom.ready (seq, queue_id, priority, failures, crashes, deliveries, message_id)
        SELECT nextval('postroom.ready_seq'), n.queue_id, n.priority, n.failures, n.crashes, n.deliveries, n.message_id
        FROM next n
    ), passed AS (
        UPDATE postroom.message_group g
        SET message_id = n.message_id,
            low        = n.seq + 1,
            epoch      = g.epoch + CASE WHEN g.holders >= 16 THEN 1 ELSE 0 END,
            holders    = CASE WHEN g.holders >= 16 THEN 1 ELSE g.holders + 1 END,
            held_since = clock_timestamp()
        FROM next n
        JOIN head h ON h.place = n.place
        WHERE g.ctid = h.group_place
          AND g.ctid = ANY (places) -- pins the plan: see complete_done
    ), paused AS (
        UPDATE postroom.message_group g
        SET message_id = NULL
        FROM head h
        WHERE h.place IS NOT NULL
          AND NOT EXISTS (SELECT FROM next n WHERE n.place = h.place)
          AND g.ctid = h.group_place
          AND g.ctid = ANY (places)
    ), let_go AS (
        UPDATE postroom.message_group g
        SET message_id = NULL, is_free = true, held_since = clock_timestamp()
        FROM head h
        WHERE h.place IS NULL
          AND g.ctid = h.group_place
          AND g.ctid = ANY (places)
    )
    SELECT count(*) INTO handed_over FROM next;
    RETURN cardinality(keys);
END
$function$
;
COMMENT ON FUNCTION postroom.advance_groups IS 'Internal: called where messages end. Hands the groups of ordered queues to their next messages.';

CREATE OR REPLACE FUNCTION postroom.announce_starts(p_worker integer, p_leases bigint[], p_started integer[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
BEGIN
    UPDATE postroom.lease l
    SET started = u.started
    FROM unnest(p_leases, p_started) u (lease_id, started)
    WHERE l.id = u.lease_id
      AND l.id = ANY (p_leases) -- pins the plan: see complete_done
      AND l.worker_id = p_worker
      AND l.started < u.started;
END
$function$
;
COMMENT ON FUNCTION postroom.announce_starts IS 'Internal: called by workers. Says which messages under leases may have started.';

CREATE OR REPLACE FUNCTION postroom.arm_limiter(p_limiter postroom.limiter)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    claims  text[] := p_limiter.waits_for;
BEGIN
    IF claims IS NULL THEN
        claims := ARRAY(SELECT l.virtualtransaction
                        FROM pg_locks l
                        WHERE l.relation = 'postroom.lease'::regclass
                          AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                          AND l.mode = 'RowExclusiveLock'
                          AND l.pid IS DISTINCT FROM pg_backend_pid());
        UPDATE postroom.limiter l SET waits_for = claims, waits_until = clock_timestamp() + interval '15 seconds' WHERE l.id = p_limiter.id;
        p_limiter.waits_until := clock_timestamp() + interval '15 seconds';
    END IF;
    IF p_limiter.waits_until > clock_timestamp()
       AND p_limiter.waits_until <= clock_timestamp() + interval '15 seconds'
       AND EXISTS (SELECT FROM pg_locks l WHERE l.virtualtransaction = ANY (claims)) THEN
        RETURN false;
    END IF;
    UPDATE postroom.limiter l SET armed = true, waits_for = NULL, waits_until = NULL WHERE l.id = p_limiter.id;
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.arm_limiter IS 'Internal: called by claims. Whether claims from before a limiter was set have ended.';

CREATE OR REPLACE FUNCTION postroom.as_deaths(p_text text)
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF jsonb_typeof(p_text::jsonb) = 'array' THEN
        RETURN p_text::jsonb;
    END IF;
    RETURN '[]';
EXCEPTION
    WHEN others THEN RETURN '[]'; -- whoever created the message wrote something else there
END
$function$
;
COMMENT ON FUNCTION postroom.as_deaths IS 'Internal: the header x-death as an array; an empty one when it is none.';

CREATE OR REPLACE FUNCTION postroom.batch_result(p_batch postroom.batch)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT jsonb_build_object(
        'batch', p_batch.id,
        'name', p_batch.name,
        'cancelRequested', p_batch.cancelled_at IS NOT NULL,
        'total', p_batch.done + p_batch.dead + p_batch.cancelled + p_batch.expired + p_batch.purged,
        'done', p_batch.done,
        'dead', p_batch.dead,
        'cancelled', p_batch.cancelled,
        'expired', p_batch.expired,
        'purged', p_batch.purged)
$function$
;
COMMENT ON FUNCTION postroom.batch_result IS 'Internal: the outcome of a completed batch.';

CREATE OR REPLACE FUNCTION postroom.batch_state(p_batch postroom.batch)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT CASE WHEN p_batch.id IS NULL THEN 'unknown'
                WHEN p_batch.completed_at IS NOT NULL THEN 'completed'
                WHEN p_batch.cancelled_at IS NOT NULL THEN 'cancelled'
                WHEN p_batch.sealed_at IS NOT NULL THEN 'sealed'
                ELSE 'open' END
$function$
;
COMMENT ON FUNCTION postroom.batch_state IS 'Internal: unknown, completed, cancelled, sealed or open.';

CREATE OR REPLACE FUNCTION postroom.begin_expiry()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    NEW.used_at := clock_timestamp();
    RETURN NEW;
END
$function$
;
COMMENT ON FUNCTION postroom.begin_expiry IS 'Internal: a trigger. Begins the time without use anew when expires_after changes.';

CREATE OR REPLACE FUNCTION postroom.begin_length()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF NEW.ordered THEN
        PERFORM postroom.refuse('maxLength', format('left out for the ordered queue "%s"', NEW.name), NEW.max_length::text);
    END IF;
    INSERT INTO postroom.queue_length (queue_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$function$
;
COMMENT ON FUNCTION postroom.begin_length IS 'Internal: a trigger. Makes the row of a limited queue in queue_length, and refuses a limit for an ordered queue.';

CREATE OR REPLACE FUNCTION postroom.begin_single_active_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO postroom.active_consumer AS a (queue_id, worker_id) VALUES (NEW.id, 0)
    ON CONFLICT (queue_id) DO UPDATE SET worker_id = 0, active_at = clock_timestamp(), waits_for = NULL;
    RETURN NULL;
END
$function$
;
COMMENT ON FUNCTION postroom.begin_single_active_change IS 'Internal: a trigger. Lets nobody claim while claims may be under way from before a queue had a single active consumer.';

CREATE OR REPLACE FUNCTION postroom.bind(exchange text, queue text DEFAULT NULL::text, routing_key text DEFAULT ''::text, arguments jsonb DEFAULT '{}'::jsonb, to_exchange text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    source       postroom.exchange;
    to_queue_id  int;
    to_id        int;
BEGIN
    IF num_nonnulls(bind.queue, bind.to_exchange) <> 1 THEN
        PERFORM postroom.refuse('queue', 'given if to_exchange is not, and only then', bind.queue,
            'Name one destination: queue or to_exchange');
    END IF;
    PERFORM postroom.require_name('exchange', bind.exchange);
    IF EXISTS (
        SELECT
        FROM postroom.bindings b
        WHERE b.exchange = bind.exchange
          AND b.routing_key = bind.routing_key
          AND b.arguments = bind.arguments
          AND (b.queue = bind.queue OR b.to_exchange = bind.to_exchange))
    THEN
        RETURN false; -- a start that binds anew what is bound writes nothing and locks nothing
    END IF;
    PERFORM postroom.change_routing();
    source := postroom.existing_exchange('exchange', bind.exchange);
    PERFORM postroom.require_routing_key(bind.routing_key);
    PERFORM postroom.require_binding_arguments(source.kind, bind.arguments);
    IF bind.to_exchange IS NOT NULL THEN
        to_id := (postroom.existing_exchange('to_exchange', bind.to_exchange)).id;
    ELSE
        PERFORM postroom.require_name('queue', bind.queue);
        SELECT q.id INTO to_queue_id FROM postroom.queue q WHERE q.name = bind.queue AND q.deleted_at IS NULL FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'queue "%" does not exist. Declare it first; nothing was bound', bind.queue
                USING ERRCODE = '22023', COLUMN = 'queue';
        END IF;
    END IF;
    INSERT INTO postroom.binding (exchange_id, queue_id, to_exchange_id, routing_key, arguments)
    VALUES (source.id, to_queue_id, to_id, bind.routing_key, bind.arguments)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$function$
;
COMMENT ON FUNCTION postroom.bind IS 'Binds an exchange to a queue: SELECT postroom.bind(''orders'', ''mail'', ''order.*.paid''),
or to another exchange: SELECT postroom.bind(''orders'', to_exchange => ''audit'', routing_key => ''#'').
routing_key is the key of a direct exchange or the pattern of a topic exchange. arguments are for headers exchanges:
x-match (all, any, all-with-x, any-with-x) and the headers wanted. true: it is new. A repeat changes nothing.';

CREATE OR REPLACE FUNCTION postroom.book_groups(p_limiter postroom.limiter, p_allowed jsonb, p_left jsonb, p_until bigint, p_now bigint)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    period  constant bigint := extract(epoch FROM p_limiter.period_per_group) * 1000000;
    width   constant bigint := CASE p_limiter.window_kind WHEN 'fixed' THEN period ELSE greatest(period / 100, 1000) END;
    keep    constant bigint := CASE p_limiter.window_kind WHEN 'fixed' THEN 0 ELSE period END;
    ends    constant bigint := (p_until + width - 1) / width * width;
    latest  constant bigint := postroom.start_slice(period, p_limiter.window_kind, p_now + 1250000); -- see start_time
BEGIN
    INSERT INTO postroom.limited_group AS g (limiter_id, group_key, booked_until, booked, free_at)
    SELECT p_limiter.id, k.key, coalesce(x.until, '{}'), coalesce(x.booked, '{}'),
           CASE WHEN x.used >= p_limiter.max_starts_per_group THEN (
                    SELECT min(c.at)
                    FROM (SELECT u.at, sum(u.n) OVER (ORDER BY u.at) AS n FROM unnest(x.until, x.booked) u (at, n)) c
                    WHERE c.n > x.used - p_limiter.max_starts_per_group) + keep
                WHEN o.free_at IS NOT NULL AND k.starts > 0 THEN p_now END
    FROM (
        SELECT a.key, (a.value::int - (p_left ->> a.key)::int) AS starts,
               (SELECT s
                FROM postroom.limited_group s
                WHERE s.limiter_id = p_limiter.id
                  AND s.group_key = a.key COLLATE "C") AS known -- in the list: see group_allowance
        FROM jsonb_each_text(p_allowed) a
        OFFSET 0
    ) k
    CROSS JOIN LATERAL (SELECT (k.known).booked_until, (k.known).booked, (k.known).free_at) o
    CROSS JOIN LATERAL (
        SELECT array_agg(c.at ORDER BY c.at) AS until, array_agg(c.n ORDER BY c.at) AS booked, sum(c.n) AS used
        FROM (
            SELECT b.at, sum(b.n)::int AS n
            FROM (
                SELECT least(u.at, latest) AS at, u.n FROM unnest(o.booked_until, o.booked) u (at, n) WHERE u.n > 0
                UNION ALL
                SELECT ends, k.starts WHERE k.starts > 0
            ) b
            WHERE b.at + keep > p_now
            GROUP BY b.at
        ) c
    ) x
    WHERE k.starts > 0 OR o.free_at IS NOT NULL OR x.used >= p_limiter.max_starts_per_group
    ON CONFLICT (limiter_id, group_key) DO UPDATE
    SET booked_until = excluded.booked_until, booked = excluded.booked, free_at = excluded.free_at;
END
$function$
;
COMMENT ON FUNCTION postroom.book_groups IS 'Internal: notes which groups a claim took messages from, and when those at their limit may start the next.';

CREATE OR REPLACE FUNCTION postroom.bound_old(p_parent text, p_most integer, p_rows integer)
 RETURNS date
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
 SET "TimeZone" TO 'UTC'
AS $function$
DECLARE
    old       constant text := p_parent || '_old';
    partition record;
    held      bigint;
    until     date;
    total     int;
BEGIN
    SELECT count(*) INTO total FROM postroom.partitions(p_parent);
    FOR partition IN SELECT * FROM postroom.partitions(p_parent) p WHERE isfinite(p.from_at) AND isfinite(p.to_at) LOOP
        EXIT WHEN total <= p_most OR partition.to_at > clock_timestamp() - interval '25 hours';
        EXECUTE format('SELECT count(*) FROM (SELECT FROM postroom.%I LIMIT $1) x', partition.name) INTO held USING p_rows + 1;
        EXIT WHEN held > p_rows;
        until := partition.to_at;
        total := total - 1;
    END LOOP;
    IF EXISTS (
        SELECT FROM pg_constraint c
        WHERE c.conrelid = ('postroom.' || quote_ident(old))::regclass AND c.conname = old || '_ends') THEN
        EXECUTE format('ALTER TABLE postroom.%I DROP CONSTRAINT %I', old, old || '_ends');  -- left by a run that stopped half-way
    END IF;
    IF until IS NOT NULL THEN
        EXECUTE format('ALTER TABLE postroom.%I ADD CONSTRAINT %I CHECK (%I < %s) NOT VALID',
            old, old || '_ends', CASE p_parent WHEN 'message' THEN 'id' ELSE 'finished_at' END, postroom.day_bound(p_parent, until));
    END IF;
    RETURN until;
END
$function$
;
COMMENT ON FUNCTION postroom.bound_old IS 'Internal: the day up to which the _old partition can take over the days after it; null: nothing to fold.';

CREATE OR REPLACE FUNCTION postroom.bound_tail(p_parent text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
 SET "TimeZone" TO 'UTC'
AS $function$
DECLARE
    tail      constant text := p_parent || '_tail';
    today     constant date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    key       constant text := CASE p_parent WHEN 'message' THEN 'id' ELSE 'finished_at' END;
    low       constant date := postroom.tail_begins(p_parent);
    promised  date;
    highest   date := today;
    until     date;
    has_rows  boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM postroom.%I)', tail) INTO has_rows;
    IF NOT has_rows OR low >= today + 3 THEN
        RETURN false;  -- the tail is empty, or need not move yet
    END IF;
    promised := postroom.promised_end(p_parent);
    IF promised >= today + 7 THEN
        RETURN false;
    END IF;
    IF p_parent = 'message' THEN
        EXECUTE format('SELECT postroom.instant_of(id) FROM postroom.%I ORDER BY id DESC LIMIT 1', tail) INTO highest;
    END IF;
    until := greatest(today + 10, highest + 3);
    IF promised IS NOT NULL THEN
        EXECUTE format('ALTER TABLE postroom.%I DROP CONSTRAINT %I', tail, tail || '_ends');
    END IF;
    EXECUTE format('ALTER TABLE postroom.%I ADD CONSTRAINT %I CHECK (%I >= %s AND %I < %s) NOT VALID',
        tail, tail || '_ends', key, postroom.day_bound(p_parent, low), key, postroom.day_bound(p_parent, until));
    EXECUTE format('COMMENT ON CONSTRAINT %I ON postroom.%I IS %L', tail || '_ends', tail, until::text);
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.bound_tail IS 'Internal: promises an end for a tail that has rows. false: the tail is empty, or the promise stands.';

CREATE OR REPLACE FUNCTION postroom.cancel_batch(batch uuid, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    changed int;
BEGIN
    PERFORM postroom.require_reason_if_given(cancel_batch.reason, cancel_batch.actor);
    UPDATE postroom.batch b
    SET cancelled_at = clock_timestamp(), sealed_at = coalesce(b.sealed_at, clock_timestamp())
    WHERE (b.id = cancel_batch.batch OR b.parent_id = cancel_batch.batch)
      AND b.cancelled_at IS NULL
      AND b.completed_at IS NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed = 0 AND NOT EXISTS (SELECT FROM postroom.batch b WHERE b.id = cancel_batch.batch) THEN
        PERFORM postroom.refuse('batch', 'the id of a batch', cancel_batch.batch::text);
    ELSIF changed > 0 THEN
        INSERT INTO postroom.operator_action (actor, action, planned, done, finished_at, note, reason)
        VALUES (coalesce(cancel_batch.actor, session_user), 'cancel', changed, changed, clock_timestamp(),
                'batch ' || cancel_batch.batch, cancel_batch.reason);
    END IF;
    RETURN changed > 0;
END
$function$
;
COMMENT ON FUNCTION postroom.cancel_batch IS 'Cancels a batch with its children, in the transaction of the caller: SELECT postroom.cancel_batch(''...''). It takes no more members.
Members that wait become CANCELLED (batch_cancelled) in the next seconds; those in progress finish. Then it is completed, and its completion
message is created. Answers whether that was a change; false: it is cancelled or completed. An unknown batch is refused (22023).';

CREATE OR REPLACE FUNCTION postroom.cancel_deleted(p_older_than interval, p_limit integer, p_delayed boolean)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
DECLARE
    gone       int[] := ARRAY(SELECT q.id FROM postroom.queue q WHERE q.deleted_at < statement_timestamp() - p_older_than);
    lately     int[] := ARRAY(SELECT q.id FROM postroom.queue q
                              WHERE q.deleted_at < statement_timestamp() - p_older_than
                                AND q.deleted_at > statement_timestamp() - interval '1 day');
    done       int;
    cancelled  int := 0;
BEGIN
    FOR n IN 1 .. cardinality(gone) LOOP
        WITH candidates AS MATERIALIZED (
            SELECT r.ctid, r.message_id, r.deliveries
            FROM postroom.ready r
            WHERE r.queue_id = gone[n]
              AND EXISTS (SELECT FROM postroom.queue q WHERE q.id = gone[n] AND q.deleted_at IS NOT NULL)
            ORDER BY r.queue_id, r.priority, r.seq
            LIMIT p_limit - cancelled
            FOR UPDATE SKIP LOCKED
        ), removed AS (
            DELETE FROM postroom.ready WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM candidates c))
            RETURNING queue_id, message_id, deliveries
        ), history AS (
            INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
            SELECT d.message_id, clock_timestamp(), clock_timestamp(), d.queue_id, d.deliveries, 1, 'queue_deleted' FROM removed d
        )
        SELECT count(*) INTO done FROM removed;
        cancelled := cancelled + done;
        EXIT WHEN cancelled >= p_limit;

        WITH candidates AS MATERIALIZED (
            SELECT w.ctid, w.message_id, w.deliveries
            FROM postroom.grouped w
            WHERE w.queue_id = gone[n]
              AND EXISTS (SELECT FROM postroom.queue q WHERE q.id = gone[n] AND q.deleted_at IS NOT NULL)
            ORDER BY w.queue_id, w.group_key, w.seq
            LIMIT p_limit - cancelled
            FOR UPDATE SKIP LOCKED
        ), removed AS (
            DELETE FROM postroom.grouped WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM candidates c))
            RETURNING queue_id, message_id, deliveries
        ), history AS (
            INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
            SELECT d.message_id, clock_timestamp(), clock_timestamp(), d.queue_id, d.deliveries, 1, 'queue_deleted' FROM removed d
        )
        SELECT count(*) INTO done FROM removed;
        cancelled := cancelled + done;
        EXIT WHEN cancelled >= p_limit;
    END LOOP;
    IF p_delayed AND cancelled < p_limit AND cardinality(lately) > 0 THEN
        WITH candidates AS MATERIALIZED (
            SELECT d.ctid
            FROM postroom.delayed d
            WHERE d.queue_id = ANY (lately)
              AND EXISTS (SELECT FROM postroom.queue q WHERE q.id = d.queue_id AND q.deleted_at IS NOT NULL)
            LIMIT p_limit - cancelled
            FOR UPDATE SKIP LOCKED
        ), removed AS (
            DELETE FROM postroom.delayed WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM candidates c))
            RETURNING queue_id, message_id, deliveries
        ), history AS (
            INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
            SELECT d.message_id, clock_timestamp(), clock_timestamp(), d.queue_id, d.deliveries, 1, 'queue_deleted' FROM removed d
        )
        SELECT count(*) INTO done FROM removed;
        cancelled := cancelled + done;
    END IF;
    RETURN cancelled;
END
$function$
;
COMMENT ON FUNCTION postroom.cancel_deleted IS 'Internal: called by a job. Messages that wait in deleted queues become CANCELLED.';

CREATE OR REPLACE FUNCTION postroom.cancel_members(p_messages uuid[])
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_custom_plan'
 SET jit TO 'off'
AS $function$
DECLARE
    cancelled int;
BEGIN
    WITH first_places AS MATERIALIZED (
        SELECT m.id, e.queue_id, m.priority, m.seq
        FROM postroom.message m
        CROSS JOIN LATERAL unnest(coalesce(m.queue_ids, ARRAY[m.queue_id])) e (queue_id)
        WHERE m.id = ANY (p_messages)
    ), first_ready AS MATERIALIZED (
        SELECT r.ctid, r.message_id, r.queue_id, r.deliveries
        FROM first_places f
        CROSS JOIN LATERAL (
            SELECT x.ctid, x.message_id, x.queue_id, x.deliveries
            FROM postroom.ready x
            WHERE x.queue_id = f.queue_id AND x.priority = f.priority AND x.seq = f.seq AND x.message_id = f.id AND NOT x.moved
            FOR UPDATE SKIP LOCKED) r
    ), moved AS MATERIALIZED (
        SELECT r.ctid, r.message_id, r.queue_id, r.deliveries
        FROM postroom.ready r
        WHERE r.moved AND r.message_id = ANY (p_messages)
        FOR UPDATE SKIP LOCKED
    ), put_off AS MATERIALIZED (
        SELECT d.ctid, d.message_id, d.queue_id, d.deliveries
        FROM postroom.delayed d
        WHERE d.message_id = ANY (p_messages)
        FOR UPDATE SKIP LOCKED
    ), behind AS MATERIALIZED (
        SELECT w.ctid, w.message_id, w.queue_id, w.deliveries
        FROM postroom.grouped w
        WHERE w.message_id = ANY (p_messages)
        FOR UPDATE SKIP LOCKED
    ), not_ready AS (
        DELETE FROM postroom.ready
        WHERE ctid = ANY (ARRAY(SELECT f.ctid FROM first_ready f UNION ALL SELECT m.ctid FROM moved m))
        RETURNING message_id, queue_id, deliveries
    ), not_delayed AS (
        DELETE FROM postroom.delayed WHERE ctid = ANY (ARRAY(SELECT p.ctid FROM put_off p))
        RETURNING message_id, queue_id, deliveries
    ), not_grouped AS (
        DELETE FROM postroom.grouped WHERE ctid = ANY (ARRAY(SELECT b.ctid FROM behind b))
        RETURNING message_id, queue_id, deliveries
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
        SELECT c.message_id, clock_timestamp(), clock_timestamp(), c.queue_id, c.deliveries, 1, 'batch_cancelled'
        FROM (SELECT * FROM not_ready UNION ALL SELECT * FROM not_delayed UNION ALL SELECT * FROM not_grouped) c
        RETURNING 1
    )
    SELECT count(*) INTO cancelled FROM history;
    RETURN cancelled;
END
$function$
;
COMMENT ON FUNCTION postroom.cancel_members IS 'Internal: called by a job. Those of these messages that wait become CANCELLED; answers how many entries.';

CREATE OR REPLACE FUNCTION postroom.cancel_message(message_id uuid, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS integer
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT postroom.cancel(cancel_message.message_id, cancel_message.reason, cancel_message.actor)
$function$
;
COMMENT ON FUNCTION postroom.cancel_message IS 'The same as postroom.cancel, under the name that goes with create_message: SELECT postroom.cancel_message(''...'').';

CREATE OR REPLACE FUNCTION postroom.cancel_older(p_message uuid)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    limit_before  constant text := current_setting('lock_timeout');
    cancelled     int;
BEGIN
    PERFORM set_config('lock_timeout', '100ms', true);
    cancelled := postroom.cancel(p_message) + postroom.cancel_running(p_message); -- its entries may be in several queues
    IF cancelled = 0 THEN
        cancelled := postroom.cancel(p_message);
    END IF;
    PERFORM set_config('lock_timeout', limit_before, true);
    RETURN cancelled;
EXCEPTION WHEN lock_not_available THEN
    RETURN 0;
END
$function$
;
COMMENT ON FUNCTION postroom.cancel_older IS 'Internal: cancels the last message of a schedule, waiting or in progress. Answers how many entries.';

CREATE OR REPLACE FUNCTION postroom.cancel_running(p_message uuid, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    held       postroom.lease;
    place      int;
    rest       bit varying;
    cancelled  int := 0;
BEGIN
    PERFORM postroom.require_reason_if_given(cancel_running.reason, cancel_running.actor);
    FOR held IN
        SELECT *
        FROM postroom.lease l
        WHERE p_message = ANY (l.message_ids)
          AND substring(l.open FROM array_position(l.message_ids, p_message) FOR 1) = B'1'
        ORDER BY l.id
        FOR UPDATE
    LOOP
        place := array_position(held.message_ids, p_message);
        rest := set_bit(held.open, place - 1, 0);
        IF bit_count(rest) = 0 THEN
            DELETE FROM postroom.lease l WHERE l.id = held.id;
        ELSE
            UPDATE postroom.lease l SET open = rest WHERE l.id = held.id;
        END IF;
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, lease_id, queue_id, worker_id, number, outcome)
        VALUES (p_message, held.claimed_at, clock_timestamp(), held.id, held.queue_id, held.worker_id,
                least(coalesce(held.deliveries[place], 0) + 1, 32767), 1);
        INSERT INTO postroom.operator_action (actor, action, queue_id, message_id, planned, done, finished_at, note, reason)
        VALUES (coalesce(cancel_running.actor, session_user), 'cancel', held.queue_id, p_message, 1, 1, clock_timestamp(),
                'while it was in progress', cancel_running.reason);
        INSERT INTO postroom.cancelled_run (worker_id, message_id) VALUES (held.worker_id, p_message) ON CONFLICT DO NOTHING;
        PERFORM postroom.advance_after(ARRAY[held.queue_id], ARRAY[p_message]);
        cancelled := cancelled + 1;
    END LOOP;
    RETURN cancelled;
END
$function$
;
COMMENT ON FUNCTION postroom.cancel_running IS 'Cancels a message that is in progress, in the transaction of the caller: SELECT postroom.cancel_running(''...'').
Its handler is interrupted within the poll interval, and its result is refused. Answers how many entries became CANCELLED; 0: none was in
progress.';

CREATE OR REPLACE FUNCTION postroom.cancel(p_message uuid, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    done   int[] := '{}';
    found  int[];
BEGIN
    PERFORM postroom.require_reason_if_given(cancel.reason, cancel.actor);
    FOR look IN 1 .. 50 LOOP
        WITH taken AS (
            SELECT * FROM postroom.take_waiting(p_message, done)
        ), history AS (
            INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
            SELECT p_message, clock_timestamp(), clock_timestamp(), t.queue_id, t.deliveries, 1 FROM taken t
        ), logged AS (
            INSERT INTO postroom.operator_action (actor, action, queue_id, message_id, planned, done, finished_at, reason)
            SELECT coalesce(cancel.actor, session_user), 'cancel', t.queue_id, p_message, 1, 1, clock_timestamp(), cancel.reason
            FROM taken t
        )
        SELECT array_agg(t.queue_id) INTO found FROM taken t;
        done := done || found;
        EXIT WHEN NOT postroom.may_wait(p_message, done);
        PERFORM pg_sleep(0.002);
    END LOOP;
    IF cardinality(done) > 0 THEN
        PERFORM postroom.advance_after(done, array_fill(p_message, ARRAY[cardinality(done)]));
    END IF;
    RETURN cardinality(done);
END
$function$
;
COMMENT ON FUNCTION postroom.cancel IS 'Cancels a waiting message, in the transaction of the caller: SELECT postroom.cancel(''...''),
SELECT postroom.cancel(''...'', reason => ''sent twice'', actor => ''ann''). Both go on record; neither is needed.
Answers how many entries became CANCELLED; 0: it is in progress, dead, finished or unknown.';

CREATE OR REPLACE FUNCTION postroom.carry_starts(p_period interval, p_window text, p_new_period interval, p_new_window text, p_until bigint[], p_booked integer[], OUT until bigint[], OUT booked integer[])
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    now_us  constant bigint := extract(epoch FROM clock_timestamp()) * 1000000;
    used    bigint := 0;
BEGIN
    until := '{}';
    booked := '{}';
    IF p_period IS NOT NULL AND p_new_period IS NOT NULL THEN
        SELECT c.used INTO used
        FROM postroom.count_starts((extract(epoch FROM p_period) * 1000000)::bigint, p_window, p_until, p_booked, now_us) c;
    END IF;
    IF used > 0 THEN
        booked := ARRAY[least(used, 1000000000)::int];
        until := ARRAY[postroom.start_slice(
            (extract(epoch FROM p_new_period) * 1000000)::bigint, p_new_window,
            now_us + 1250000)]; -- see start_time: the longest that one may still wait
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.carry_starts IS 'Internal: called by set_limiter. Which booked starts count on under another period.';

CREATE OR REPLACE FUNCTION postroom.change_access_tokens()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    UPDATE postroom.access_token_version SET version = version + 1;
    RETURN NULL;
END
$function$
;
COMMENT ON FUNCTION postroom.change_access_tokens IS 'Internal: a trigger. Tells all processes that tokens have changed.';

CREATE OR REPLACE FUNCTION postroom.change_routing()
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    INSERT INTO postroom.routing_version (version)
    SELECT gen_random_uuid()
    WHERE current_setting('postroom.routing_changed_in', true) IS DISTINCT FROM pg_current_xact_id()::text
    ON CONFLICT (is_only) DO UPDATE SET version = excluded.version
$function$
;
COMMENT ON FUNCTION postroom.change_routing IS 'Internal: gives the exchanges and bindings another version, so that no process uses the ones that it remembers.';

CREATE OR REPLACE FUNCTION postroom.check_ledger(known_number bigint DEFAULT NULL::bigint, known_hash text DEFAULT NULL::text, OUT lines bigint, OUT unsealed bigint, OUT unsealed_since timestamp with time zone, OUT last_number bigint, OUT last_hash text, OUT broken_number bigint, OUT broken_id uuid, OUT problem text)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    found text;
BEGIN
    IF (known_number IS NULL) <> (known_hash IS NULL) THEN
        PERFORM postroom.refuse('known_number', 'given together with known_hash', known_number::text);
    END IF;
    SELECT count(*) FILTER (WHERE o.number IS NOT NULL), count(*) FILTER (WHERE o.number IS NULL), min(o.at) FILTER (WHERE o.number IS NULL)
    INTO lines, unsealed, unsealed_since
    FROM postroom.operator_action o;
    SELECT o.number, encode(o.hash, 'hex') INTO last_number, last_hash
    FROM postroom.operator_action o
    WHERE o.number IS NOT NULL
    ORDER BY o.number DESC
    LIMIT 1;
    WITH chain AS (
        SELECT o AS line, lag(o.number) OVER w AS number_before, lag(o.hash) OVER w AS hash_before
        FROM postroom.operator_action o
        WHERE o.number IS NOT NULL
        WINDOW w AS (ORDER BY o.number)
    ), checked AS (
        SELECT (c.line).number, (c.line).id,
               CASE WHEN (c.line).number > coalesce(c.number_before, 0) + 1
                    THEN format('before it, lines %s to %s are missing', coalesce(c.number_before, 0) + 1, (c.line).number - 1)
                    WHEN (c.line).hash <> postroom.ledger_hash(c.line, c.hash_before)
                    THEN 'it was changed, or its place in the chain was' END AS problem
        FROM chain c
    )
    SELECT c.number, c.id, c.problem INTO broken_number, broken_id, problem
    FROM checked c
    WHERE c.problem IS NOT NULL
    ORDER BY c.number
    LIMIT 1;
    IF problem IS NULL AND known_number IS NOT NULL THEN
        SELECT encode(o.hash, 'hex') INTO found FROM postroom.operator_action o WHERE o.number = known_number;
        IF found IS DISTINCT FROM lower(known_hash) THEN
            broken_number := known_number;
            problem := CASE WHEN found IS NULL THEN 'it is missing; the last line is ' || coalesce(last_number, 0)
                            ELSE 'it has another hash than the one that is known: the chain was written anew' END;
        END IF;
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.check_ledger IS 'Checks the chain of the lines of operator_log: SELECT * FROM postroom.check_ledger().
problem is null when all is well; else broken_number is the first line that was changed, or that follows lines that were removed. Keep
last_number and last_hash elsewhere and give them at the next check: SELECT * FROM postroom.check_ledger(812, ''9f86d0...'').
Only that shows that the last lines were removed or the whole chain was written anew. unsealed lines were written a moment ago, or no
worker runs.';

CREATE OR REPLACE FUNCTION postroom.check_settings()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    last_version  constant bigint := coalesce((SELECT max(c.version) FROM postroom.settings_change c WHERE c.name = NEW.name), 0);
BEGIN
    PERFORM postroom.require_settings(postroom.settings_document(NEW));
    IF NEW.version <= last_version THEN
        NEW.version := last_version + 1;
    END IF;
    IF coalesce(current_setting('postroom.settings_actor', true), '') = '' THEN -- by hand
        NEW.settings_by := 'operator';
        NEW.changed_by := session_user;
        NEW.changed_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$function$
;
COMMENT ON FUNCTION postroom.check_settings IS 'Internal: a trigger. Refuses an entry that breaks a limit, and gives a change by hand its version.';

CREATE OR REPLACE FUNCTION postroom.claim_each(p_worker integer, p_queues integer[], p_queue_names text[], p_priorities smallint[], p_cursors bigint[], p_limits integer[], p_lease_sizes integer[], p_started integer[])
 RETURNS TABLE(queue_id integer, lease_id bigint, lease_count integer, ordinal integer, priority smallint, lane_seq bigint, message_id uuid, failures smallint, crashes smallint, deliveries smallint, stored boolean, expired boolean, created_at timestamp with time zone, type text, type_version smallint, direction smallint, correlation_id text, content_type text, exchange text, routing_key text, headers text, payload text, body bytea, group_key text)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_nestloop TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    places       tid[];
    entries      int[];
    seqs         bigint[];
    ids          uuid[];
    failed       smallint[];
    delivered    smallint[];
    lane_firsts  int[]; -- of each lease: where its queue's messages begin and end in the arrays above,
    lane_lasts   int[];
    firsts       int[]; -- and where its own do
    lasts        int[];
    owners       int[]; -- and the entry of its queue
    new_leases   bigint[];
    sorted       uuid[];
    low          uuid;
    high         uuid;
BEGIN
    LOCK TABLE postroom.lease IN ROW EXCLUSIVE MODE; -- before it reads the queues: see begin_single_active_change
    SELECT array_agg(c.ctid), array_agg(c.entry), array_agg(c.seq), array_agg(c.message_id), array_agg(c.failures), array_agg(c.deliveries)
    INTO places, entries, seqs, ids, failed, delivered
    FROM (
        SELECT r.ctid, e.entry::int AS entry, r.seq, r.message_id, r.failures, r.deliveries
        FROM unnest(p_queues, p_queue_names, p_priorities, p_cursors, p_limits)
             WITH ORDINALITY e (queue_id, queue_name, priority, from_seq, most, entry)
        -- The lock on queue is held until the end of the transaction: see claim.
        CROSS JOIN LATERAL (
            SELECT
            FROM postroom.queue q
            WHERE q.id = e.queue_id
              AND CASE WHEN q.name <> e.queue_name OR q.ordered OR q.fair OR q.has_limiter THEN false
                       WHEN q.single_active_consumer THEN postroom.take_active(p_worker, q.id)
                       ELSE true END
            OFFSET 0) known
        CROSS JOIN LATERAL (
            SELECT r.ctid, r.seq, r.message_id, r.failures, r.deliveries
            FROM postroom.ready r
            WHERE r.queue_id = e.queue_id
              AND r.priority = e.priority
              AND r.seq >= e.from_seq
              AND r.crashes = 0
            ORDER BY r.queue_id, r.priority, r.seq
            LIMIT e.most
            FOR UPDATE SKIP LOCKED
        ) r
        ORDER BY e.entry, r.seq
    ) c;
    IF ids IS NULL THEN
        RETURN;
    END IF;

    DELETE FROM postroom.ready WHERE ctid = ANY (places);

    SELECT array_agg(s.lane_first), array_agg(s.lane_last), array_agg(s.first), array_agg(s.last), array_agg(s.entry)
    INTO lane_firsts, lane_lasts, firsts, lasts, owners
    FROM (
        SELECT g.entry, g.lane_first, g.lane_last, p.first, least(p.first + p_lease_sizes[g.entry] - 1, g.lane_last) AS last
        FROM (
            SELECT u.entry, min(u.place)::int AS lane_first, max(u.place)::int AS lane_last
            FROM unnest(entries) WITH ORDINALITY u (entry, place)
            GROUP BY u.entry
        ) g
        CROSS JOIN LATERAL generate_series(g.lane_first, g.lane_last, p_lease_sizes[g.entry]) p (first)
        ORDER BY p.first
    ) s;

    WITH leased AS (
        INSERT INTO postroom.lease AS l (worker_id, queue_id, priority, message_ids, open, failures, deliveries, started)
        SELECT p_worker, p_queues[s.entry], p_priorities[s.entry], ids[s.first : s.last], repeat('1', s.last - s.first + 1)::bit varying,
               CASE WHEN 0 < ANY (failed) THEN failed[s.first : s.last] END,
               CASE WHEN 0 < ANY (delivered) THEN delivered[s.first : s.last] END,
               CASE WHEN p_started[s.entry] < s.last - s.lane_first + 1 THEN greatest(p_started[s.entry] - (s.first - s.lane_first), 0) END
        FROM unnest(lane_firsts, firsts, lasts, owners) s (lane_first, first, last, entry)
        RETURNING l.id
    )
    SELECT array_agg(l.id) INTO new_leases FROM leased l;

    SELECT array_agg(u.id ORDER BY u.id) INTO sorted FROM unnest(ids) u (id);
    low := sorted[1];
    high := sorted[cardinality(sorted)];

    RETURN QUERY
    SELECT p_queues[k.entry], new_leases[k.lease], k.last - k.first + 1, k.place - k.first,
           p_priorities[k.entry], seqs[k.lane_last], k.message_id, k.failures, 0::smallint, k.deliveries,
           m.id IS NOT NULL,
           coalesce(m.expires_at <= clock_timestamp(), false)
               OR m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, p_queues[k.entry]),
           m.created_at,
           m.type, m.type_version, m.direction, m.correlation_id, m.content_type,
           m.exchange, m.routing_key, m.headers::text, m.payload::text, m.body, m.group_key
    FROM (
        SELECT s.entry, s.lease, s.first, s.last, s.lane_last, p.place,
               ids[p.place] AS message_id, failed[p.place] AS failures, delivered[p.place] AS deliveries
        FROM unnest(lane_lasts, firsts, lasts, owners) WITH ORDINALITY s (lane_last, first, last, entry, lease)
        CROSS JOIN LATERAL generate_series(s.first, s.last) p (place)
    ) k
    LEFT JOIN (SELECT x.id, x.expires_at, x.created_at, x.type, x.type_version, x.direction, x.correlation_id, x.content_type,
                      x.exchange, x.routing_key, x.queue_ids, x.headers, x.payload, x.body, x.group_key
               FROM postroom.message x
               WHERE x.id = ANY (sorted) AND x.id BETWEEN low AND high
               OFFSET 0 -- a step of its own: see claim
              ) m ON m.id = k.message_id;
END
$function$
;
COMMENT ON FUNCTION postroom.claim_each IS 'Internal: called by workers. Takes ready messages of many queues and puts them under leases.';

CREATE OR REPLACE FUNCTION postroom.claim_fair(p_worker integer, p_queue integer, p_queue_name text, p_priorities smallint[], p_floors bigint[], p_turns text[], p_limit integer, p_lease_size integer, p_started integer, p_kind integer, p_limiter integer DEFAULT NULL::integer, p_until bigint DEFAULT NULL::bigint)
 RETURNS TABLE(lease_id bigint, lease_count integer, ordinal integer, priority smallint, lane_seq bigint, message_id uuid, failures smallint, crashes smallint, deliveries smallint, stored boolean, expired boolean, created_at timestamp with time zone, type text, type_version smallint, direction smallint, correlation_id text, content_type text, exchange text, routing_key text, headers text, payload text, body bytea, group_key text, turn text)
 LANGUAGE plpgsql
 ROWS 100
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET enable_nestloop TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    wanted       int := p_limit;
    starting     int := p_started;
    weights      jsonb;
    prio         smallint;
    from_seq     bigint;
    own_key      text; -- the group that the process last took from (null: none),
    own_weight   int;
    own_rest     int; -- and how many more it may give in that turn
    last_key     text; -- where the round is,
    wraps        boolean; -- whether it has passed the end of the lane,
    is_round     boolean; -- and whether it has come back to where it began
    first_plain  bigint; -- rows without a key among the first of the lane
    last_plain   bigint;
    found_keys   text[];
    keys         text[]; -- whose turn it is, their weights, and how much each may give
    turns        int[];
    quotas       int[];
    all_turns    int;
    rounds       int;
    rest         int;
    waiting      text[]; -- groups whose turn it is, but for which nothing was left to want
    again        text[]; -- groups that gave all they might, so that they may have more
    part         record;
    places       tid[];
    seqs         bigint[];
    ids          uuid[];
    failed       smallint[];
    delivered    smallint[];
    taken_keys   text[];
    in_a_row     int; -- how many of its last messages are of one group
    taken        int;
    new_leases   bigint[];
    sorted       uuid[];
    low          uuid;
    high         uuid;
    limiter      postroom.limiter;
    starts_of    int; -- the limiter, if it limits starts
    now_us       bigint;
    running      jsonb;
    full_keys    text[];
    released     text[]; -- groups that were at their limits
    passed_by    text[];
    in_round     int; -- the last message of those whose group was met in the round
    allowed      jsonb; -- of each group that was met: how many may start,
    open_starts  jsonb; -- and how many are left; null: groups are not limited
    part_keys    text[];
BEGIN
    LOCK TABLE postroom.lease IN ROW EXCLUSIVE MODE; -- before it reads the queue: see begin_single_active_change
    -- The lock on queue is held until the end of the transaction: see claim.
    SELECT q.group_weights INTO weights
    FROM postroom.queue q
    WHERE q.id = p_queue
      AND CASE WHEN q.name <> p_queue_name OR NOT q.fair OR q.has_limiter AND p_kind < 4 THEN false
               WHEN q.single_active_consumer THEN postroom.take_active(p_worker, p_queue)
               ELSE true END;
    IF NOT FOUND OR p_kind % 4 > 0 THEN
        RETURN;
    END IF;
    IF p_limiter IS NOT NULL THEN
        SELECT * INTO limiter FROM postroom.limiter l WHERE l.id = p_limiter;
        now_us := extract(epoch FROM clock_timestamp()) * 1000000;
        running := CASE WHEN limiter.max_in_progress_per_group IS NOT NULL THEN postroom.running_groups(p_queue) END;
        full_keys := CASE WHEN running IS NULL THEN '{}' ELSE postroom.full_groups(limiter, running) END;
        starts_of := CASE WHEN limiter.max_starts_per_group IS NOT NULL THEN p_limiter END;
        released := CASE WHEN starts_of IS NULL THEN '{}'
                         ELSE postroom.released_groups(p_limiter, full_keys, now_us, greatest(wanted, 64)) END;
        passed_by := full_keys || released; -- of which the job may remove the row meanwhile, so that it looks open: step 6
        allowed := '{}';
        open_starts := '{}';
    END IF;
    FOR lane IN 1 .. cardinality(p_priorities) LOOP
        prio := p_priorities[lane];
        from_seq := p_floors[lane];
        own_key := substr(p_turns[lane], strpos(p_turns[lane], ':') + 1);
        own_weight := coalesce((weights ->> own_key)::int, 1);
        own_rest := CASE WHEN own_weight > 1 THEN least(split_part(p_turns[lane], ':', 1)::int, own_weight - 1) ELSE 0 END;
        last_key := own_key;
        wraps := own_key IS NULL;
        is_round := false;
        waiting := '{}';
        again := '{}';
        places := '{}';
        seqs := '{}';
        ids := '{}';
        failed := '{}';
        delivered := '{}';
        taken_keys := '{}';

        -- Step 1.
        SELECT min(x.seq), max(x.seq) INTO first_plain, last_plain
        FROM (
            SELECT r.seq, r.group_key
            FROM postroom.ready r
            WHERE r.queue_id = p_queue
              AND r.priority = prio
              AND r.seq >= from_seq
              AND r.crashes = 0
            ORDER BY r.queue_id, r.priority, r.seq
            LIMIT greatest(64, wanted)
        ) x
        WHERE x.group_key = '';
        IF p_limiter IS NOT NULL THEN
            IF first_plain IS NOT NULL THEN -- step 5 of group_limit.sql
                UPDATE postroom.ready r
                SET group_key = postroom.fair_key(r.message_id)
                WHERE r.ctid = ANY (ARRAY(
                    SELECT x.ctid
                    FROM postroom.ready x
                    WHERE x.queue_id = p_queue
                      AND x.priority = prio
                      AND x.seq BETWEEN first_plain AND last_plain
                      AND x.crashes = 0
                      AND x.group_key = ''
                    FOR UPDATE SKIP LOCKED));
            END IF;
            first_plain := NULL;
            waiting := released[1 : CASE WHEN wanted > 1 THEN wanted / 2 WHEN random() < 0.5 THEN 1 ELSE 0 END];
            again := released[cardinality(waiting) + 1 :]; -- once the round is over
        END IF;

        LOOP
            IF own_rest > 0 THEN
                keys := ARRAY[own_key];
                turns := ARRAY[own_weight];
                quotas := ARRAY[least(own_rest, wanted)];
            ELSE
                keys := waiting;
                waiting := '{}';
                IF NOT wraps AND cardinality(keys) < wanted THEN
                    keys := keys || CASE
                        WHEN p_limiter IS NULL THEN
                            postroom.next_groups(p_queue, prio, from_seq, last_key, '', wanted - cardinality(keys))
                        ELSE postroom.next_open_groups(
                            starts_of, passed_by, p_queue, prio, from_seq, last_key, '', wanted - cardinality(keys)) END;
                    wraps := cardinality(keys) < wanted;
                    last_key := CASE WHEN NOT wraps THEN keys[wanted] END;
                    IF wraps AND own_key <> '' AND first_plain IS NOT NULL THEN
                        keys := array_append(keys, '');
                    END IF;
                END IF;
                IF wraps AND NOT is_round AND cardinality(keys) < wanted THEN
                    found_keys := CASE
                        WHEN p_limiter IS NULL THEN postroom.next_groups(
                            p_queue, prio, from_seq, last_key, coalesce(own_key, ''), wanted - cardinality(keys))
                        ELSE postroom.next_open_groups(
                            starts_of, passed_by, p_queue, prio, from_seq, last_key, coalesce(own_key, ''),
                            wanted - cardinality(keys)) END;
                    is_round := cardinality(found_keys) < wanted - cardinality(keys);
                    last_key := found_keys[cardinality(found_keys)];
                    keys := keys || found_keys;
                    IF is_round AND coalesce(own_key, '') = '' AND first_plain IS NOT NULL THEN
                        keys := array_append(keys, '');
                    END IF;
                END IF;
                IF is_round THEN
                    keys := keys || again;
                    again := '{}';
                END IF;
                EXIT WHEN cardinality(keys) = 0; -- it is round

                -- How often all get their turn, and who gets one more.
                turns := CASE WHEN weights IS NOT NULL THEN ARRAY(
                    SELECT coalesce((weights ->> u.group_key)::int, 1)
                    FROM unnest(keys) WITH ORDINALITY u (group_key, place)
                    ORDER BY u.place) END;
                all_turns := CASE WHEN weights IS NULL THEN cardinality(keys) ELSE (SELECT sum(t)::int FROM unnest(turns) t) END;
                rounds := wanted / all_turns;
                rest := wanted % all_turns;
                quotas := CASE
                    WHEN weights IS NULL THEN
                        array_fill(rounds + 1, ARRAY[rest]) || array_fill(rounds, ARRAY[cardinality(keys) - rest])
                    ELSE ARRAY(
                        SELECT (rounds * u.turn + greatest(0, least(u.turn, rest - u.before)))::int
                        FROM (SELECT t.turn, t.place, sum(t.turn) OVER (ORDER BY t.place) - t.turn AS before
                              FROM unnest(turns) WITH ORDINALITY t (turn, place)) u
                        ORDER BY u.place) END;
            END IF;
            IF p_limiter IS NOT NULL THEN
                part_keys := ARRAY(
                    SELECT k.group_key
                    FROM unnest(keys, quotas) k (group_key, quota)
                    WHERE k.quota > 0 AND NOT allowed ? k.group_key);
                running := coalesce(running, '{}');
                allowed := allowed || postroom.group_allowance(limiter, part_keys, running, now_us);
                open_starts := allowed || open_starts;
                quotas := ARRAY(
                    SELECT CASE WHEN k.quota > 0 THEN least(k.quota, (open_starts ->> k.group_key)::int) ELSE 0 END
                    FROM unnest(keys, quotas) WITH ORDINALITY k (group_key, quota, place)
                    ORDER BY k.place);
            END IF;

            WITH given AS MATERIALIZED (
                SELECT k.place, coalesce(k.turn, 1) AS turn, k.group_key, r.*
                FROM unnest(keys, quotas, turns) WITH ORDINALITY k (group_key, quota, turn, place)
                CROSS JOIN LATERAL (
                    SELECT r.ctid AS spot, r.seq, r.message_id, r.failures, r.deliveries
                    FROM postroom.ready r
                    WHERE r.queue_id = p_queue
                      AND r.priority = prio
                      -- Not =, which would let ready_pk give the order as well: it walks over the rows of all other groups.
                      AND (r.group_key, r.seq) >= (k.group_key COLLATE "C", from_seq)
                      AND r.group_key <= k.group_key COLLATE "C"
                      AND r.group_key <> ''
                      AND r.crashes = 0
                      AND r.seq <> ALL (seqs)
                    ORDER BY r.queue_id, r.priority, r.group_key, r.seq
                    LIMIT k.quota
                    FOR UPDATE SKIP LOCKED
                ) r
                UNION ALL
                SELECT k.place, 1, '', r.*
                FROM unnest(keys, quotas) WITH ORDINALITY k (group_key, quota, place)
                CROSS JOIN LATERAL (
                    SELECT r.ctid AS spot, r.seq, r.message_id, r.failures, r.deliveries
                    FROM postroom.ready r
                    WHERE r.queue_id = p_queue
                      AND r.priority = prio
                      AND r.seq BETWEEN first_plain AND last_plain
                      AND r.seq <> ALL (seqs)
                      AND r.crashes = 0
                      AND r.group_key = ''
                    ORDER BY r.queue_id, r.priority, r.seq
                    LIMIT k.quota
                    FOR UPDATE SKIP LOCKED
                ) r
                WHERE k.group_key = ''
            )
            SELECT array_agg(g.spot ORDER BY g.turns, g.place, g.seq) AS places,
                   array_agg(g.seq ORDER BY g.turns, g.place, g.seq) AS seqs,
                   array_agg(g.message_id ORDER BY g.turns, g.place, g.seq) AS ids,
                   array_agg(g.failures ORDER BY g.turns, g.place, g.seq) AS failed,
                   array_agg(g.deliveries ORDER BY g.turns, g.place, g.seq) AS delivered,
                   array_agg(g.group_key ORDER BY g.turns, g.place, g.seq) AS keys,
                   count(*)::int AS messages
            INTO part
            FROM (
                SELECT x.*, (x.nth - 1) / x.turn AS turns
                FROM (SELECT v.*, row_number() OVER (PARTITION BY v.place ORDER BY v.seq) AS nth FROM given v) x
            ) g;
            places := places || part.places;
            seqs := seqs || part.seqs;
            ids := ids || part.ids;
            failed := failed || part.failed;
            delivered := delivered || part.delivered;
            taken_keys := taken_keys || part.keys;
            wanted := wanted - part.messages;
            IF part.messages > 0 AND p_limiter IS NOT NULL THEN
                open_starts := open_starts || (
                    SELECT jsonb_object_agg(g.group_key, (open_starts ->> g.group_key)::int - g.messages)
                    FROM (SELECT u.group_key, count(*) AS messages FROM unnest(part.keys) u (group_key) GROUP BY u.group_key) g);
            END IF;
            IF wanted > 0 AND own_rest = 0 THEN
                waiting := ARRAY(
                    SELECT k.group_key
                    FROM unnest(keys, quotas) WITH ORDINALITY k (group_key, quota, place)
                    WHERE k.quota = 0 AND coalesce((open_starts ->> k.group_key)::int, 1) > 0
                    ORDER BY k.place);
                again := again || ARRAY(
                    SELECT k.group_key
                    FROM unnest(keys, quotas) WITH ORDINALITY k (group_key, quota, place)
                    LEFT JOIN (SELECT u.group_key, count(*) AS messages FROM unnest(part.keys) u (group_key) GROUP BY u.group_key) g
                         ON g.group_key = k.group_key
                    WHERE k.quota > 0 AND g.messages >= k.quota AND coalesce((open_starts ->> k.group_key)::int, 1) > 0
                    ORDER BY k.place);
            END IF;
            own_rest := 0;
            EXIT WHEN wanted <= 0;
        END LOOP;
        taken := cardinality(ids);
        CONTINUE WHEN taken = 0;

        -- A released group has a turn of its own: it does not move the place of the round, or groups behind that would starve.
        in_round := CASE WHEN p_limiter IS NULL THEN taken
                         ELSE (SELECT max(u.place) FROM unnest(taken_keys) WITH ORDINALITY u (key, place) WHERE u.key <> ALL (released))
                    END;
        turn := '0:' || coalesce(taken_keys[in_round], own_key, taken_keys[taken]);
        IF in_round = taken AND weights ->> taken_keys[taken] IS NOT NULL THEN
            in_a_row := taken - coalesce((
                SELECT max(u.place) FROM unnest(taken_keys) WITH ORDINALITY u (key, place) WHERE u.key <> taken_keys[taken]), 0);
            -- A whole turn more or less makes no difference.
            IF in_a_row = taken AND own_key = taken_keys[taken] AND own_weight > 1 THEN
                in_a_row := in_a_row + own_weight - least(split_part(p_turns[lane], ':', 1)::int, own_weight - 1);
            END IF;
            own_weight := (weights ->> taken_keys[taken])::int;
            turn := (own_weight - in_a_row % own_weight) % own_weight || ':' || taken_keys[taken];
        END IF;

        DELETE FROM postroom.ready WHERE ctid = ANY (places);

        SELECT array_agg(u.id ORDER BY u.id) INTO sorted FROM unnest(ids) u (id);
        low := sorted[1];
        high := sorted[taken];

        WITH leased AS (
            INSERT INTO postroom.lease AS l (worker_id, queue_id, priority, message_ids, open, failures, deliveries, started, group_keys)
            SELECT p_worker, p_queue, prio, ids[g.first : g.last], repeat('1', least(g.last, taken) - g.first + 1)::bit varying,
                   CASE WHEN 0 < ANY (failed) THEN failed[g.first : g.last] END,
                   CASE WHEN 0 < ANY (delivered) THEN delivered[g.first : g.last] END,
                   CASE WHEN starting < least(g.last, taken) THEN greatest(starting - g.first + 1, 0) END,
                   CASE WHEN p_limiter IS NOT NULL THEN taken_keys[g.first : g.last] END
            FROM (SELECT s.first, s.first + p_lease_size - 1 AS last FROM generate_series(1, taken, p_lease_size) s (first)) g
            RETURNING l.id
        )
        SELECT array_agg(l.id) INTO new_leases FROM leased l;

        RETURN QUERY
        SELECT new_leases[p.part + 1], least(p_lease_size, taken - p.part * p_lease_size), p.place - p.part * p_lease_size,
               prio, (SELECT max(s) FROM unnest(seqs) s), p.message_id, p.failures, 0::smallint, p.deliveries,
               m.id IS NOT NULL,
               coalesce(m.expires_at <= clock_timestamp(), false)
                   OR m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, p_queue),
               m.created_at,
               m.type, m.type_version, m.direction, m.correlation_id, m.content_type,
               m.exchange, m.routing_key, m.headers::text, m.payload::text, m.body, m.group_key, turn
        FROM (SELECT u.message_id, u.failures, u.deliveries, u.place::int - 1 AS place, (u.place::int - 1) / p_lease_size AS part
              FROM unnest(ids, failed, delivered) WITH ORDINALITY u (message_id, failures, deliveries, place)) p
        LEFT JOIN (SELECT x.id, x.expires_at, x.created_at, x.type, x.type_version, x.direction, x.correlation_id, x.content_type,
                          x.exchange, x.routing_key, x.queue_ids, x.headers, x.payload, x.body, x.group_key
                   FROM postroom.message x
                   WHERE x.id = ANY (sorted) AND x.id BETWEEN low AND high
                   OFFSET 0 -- a step of its own: see claim
                  ) m ON m.id = p.message_id;

        starting := starting - taken;
        EXIT WHEN wanted <= 0;
    END LOOP;
    IF starts_of IS NOT NULL AND allowed <> '{}' THEN
        PERFORM postroom.book_groups(limiter, allowed, open_starts, p_until, now_us);
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.claim_fair IS 'Internal: called by workers. Takes ready messages of a fair queue, the groups in turn, and puts them under leases.';

CREATE OR REPLACE FUNCTION postroom.claim_group_suspect(p_worker integer, p_queue integer, p_queue_name text, p_priorities smallint[], p_started integer, p_kind integer, p_limiter integer, p_until bigint)
 RETURNS TABLE(lease_id bigint, lease_count integer, ordinal integer, priority smallint, lane_seq bigint, message_id uuid, failures smallint, crashes smallint, deliveries smallint, stored boolean, expired boolean, created_at timestamp with time zone, type text, type_version smallint, direction smallint, correlation_id text, content_type text, exchange text, routing_key text, headers text, payload text, body bytea, group_key text, turn text)
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    now_us       constant bigint := extract(epoch FROM clock_timestamp()) * 1000000;
    limiter      postroom.limiter;
    crash_limit  int;
    running      jsonb;
    allowed      jsonb;
    prio         smallint;
    suspect      record;
    new_lease    bigint;
BEGIN
    SELECT q.crash_limit INTO crash_limit
    FROM postroom.queue q
    WHERE q.id = p_queue
      AND q.name = p_queue_name
      AND CASE WHEN q.single_active_consumer THEN postroom.take_active(p_worker, p_queue) ELSE true END;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT * INTO limiter FROM postroom.limiter l WHERE l.id = p_limiter;
    running := CASE WHEN limiter.max_in_progress_per_group IS NOT NULL THEN postroom.running_groups(p_queue) END;
    FOREACH prio IN ARRAY p_priorities LOOP
        allowed := postroom.group_allowance(limiter, ARRAY(
            SELECT DISTINCT CASE s.group_key WHEN '' THEN postroom.fair_key(s.message_id) ELSE s.group_key END
            FROM (SELECT r.group_key, r.message_id
                  FROM postroom.ready r
                  WHERE r.queue_id = p_queue
                    AND r.priority = prio
                    AND r.crashes > 0
                    AND (r.crashes + 1 >= crash_limit) = (p_kind = 2)
                  ORDER BY r.queue_id, r.priority, r.seq
                  LIMIT 100) s), running, now_us);
        SELECT r.ctid AS spot, r.message_id, r.failures, r.crashes, r.deliveries,
               CASE r.group_key WHEN '' THEN postroom.fair_key(r.message_id) ELSE r.group_key END AS key
        INTO suspect
        FROM postroom.ready r
        WHERE r.queue_id = p_queue
          AND r.priority = prio
          AND r.crashes > 0
          AND (r.crashes + 1 >= crash_limit) = (p_kind = 2)
          AND (allowed ->> CASE r.group_key WHEN '' THEN postroom.fair_key(r.message_id) ELSE r.group_key END)::int > 0
        ORDER BY r.queue_id, r.priority, r.seq
        LIMIT 1
        FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;

        DELETE FROM postroom.ready WHERE ctid = suspect.spot;
        INSERT INTO postroom.lease AS l
            (worker_id, queue_id, priority, message_ids, open, failures, crashes, deliveries, started, group_keys)
        VALUES (p_worker, p_queue, prio, ARRAY[suspect.message_id], B'1'::bit varying,
                CASE WHEN suspect.failures > 0 THEN ARRAY[suspect.failures] END, ARRAY[suspect.crashes],
                CASE WHEN suspect.deliveries > 0 THEN ARRAY[suspect.deliveries] END,
                CASE WHEN p_started < 1 THEN 0 END, ARRAY[suspect.key])
        RETURNING l.id INTO new_lease;
        IF limiter.max_starts_per_group IS NOT NULL THEN
            PERFORM postroom.book_groups(
                limiter, jsonb_build_object(suspect.key, 1), jsonb_build_object(suspect.key, 0), p_until, now_us);
        END IF;
        RETURN QUERY
        SELECT new_lease, 1, 0, prio, 0::bigint, suspect.message_id, suspect.failures, suspect.crashes, suspect.deliveries,
               m.id IS NOT NULL,
               coalesce(m.expires_at <= clock_timestamp(), false)
                   OR m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, p_queue),
               m.created_at,
               m.type, m.type_version, m.direction, m.correlation_id, m.content_type,
               m.exchange, m.routing_key, m.headers::text, m.payload::text, m.body, m.group_key, NULL::text
        FROM (SELECT) one -- answers a row even when the payload is not visible
        LEFT JOIN postroom.message m ON m.id = suspect.message_id;
        RETURN;
    END LOOP;
END
$function$
;
COMMENT ON FUNCTION postroom.claim_group_suspect IS 'Internal: called by claim_limited. Takes a suspect whose group may start a message.';

CREATE OR REPLACE FUNCTION postroom.claim_limited(p_worker integer, p_queue integer, p_queue_name text, p_priorities smallint[], p_cursors bigint[], p_limit integer, p_lease_size integer, p_started integer, p_kind integer, p_ordered boolean, p_limits text, p_deadlines bigint[], p_starts bigint[], p_counts integer[], p_turns text[])
 RETURNS TABLE(lease_id bigint, lease_count integer, ordinal integer, priority smallint, lane_seq bigint, message_id uuid, failures smallint, crashes smallint, deliveries smallint, stored boolean, expired boolean, created_at timestamp with time zone, type text, type_version smallint, direction smallint, correlation_id text, content_type text, exchange text, routing_key text, headers text, payload text, body bytea, group_key text, turn text, start_within bigint, start_guard bigint, held_back boolean, next_start bigint, booked_at bigint, limits text, reported boolean, by_group boolean, by_end boolean, start_after bigint[])
 LANGUAGE plpgsql
 ROWS 100
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    is_limited    boolean;
    own_destination  text;
    ids           int[];
    limiters      postroom.limiter[] := '{}';
    one           postroom.limiter;
    met           text := '';
    is_reported   boolean;
    period_us     bigint;
    now_us        bigint;
    booking_us    bigint;
    usage         record;
    most          bigint := p_limit;
    running       bigint;
    trying        bigint;
    taken         int := 0;
    starts        int := 0;
    ends          bigint;
    within        bigint;
    guard         bigint;
    is_close      boolean := false;
    is_set_back   boolean := false; -- the clock
    wait          bigint := 0;
    grouped       postroom.limiter; -- the one with limits of groups
    expired_keys  text[] := '{}';
    tried         uuid[] := '{}';
    first_lease   bigint;
    ahead         bigint := CASE WHEN p_kind = 0 THEN 25000 ELSE 0 END; -- step 5
    free_from     bigint[]; -- when each message may start; null: all may at once
    free_of_one   bigint[];
BEGIN
    LOCK TABLE postroom.lease IN ROW EXCLUSIVE MODE; -- before it reads the queue: see arm_limiter
    SELECT q.has_limiter, q.destination INTO is_limited, own_destination
    FROM postroom.queue q
    WHERE q.id = p_queue
      AND q.name = p_queue_name
      AND q.ordered = p_ordered -- the claims below ask again
      AND (q.fair = (p_turns IS NOT NULL) OR p_kind > 0);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    held_back := true; -- until it is known better
    IF is_limited THEN
        SELECT array_agg(l.id) INTO ids
        FROM postroom.limiter l
        WHERE l.queue_id = p_queue OR l.destination = own_destination;
        FOR one IN
            SELECT l.* FROM postroom.limiter l WHERE l.id = ANY (ids) ORDER BY l.id FOR UPDATE SKIP LOCKED
        LOOP
            limiters := array_append(limiters, one);
            met := met || one.id || '@' || one.set_at || ' ';
            ahead := CASE WHEN one.max_starts IS NOT NULL AND one.window_kind = 'sliding'
                               AND num_nonnulls(one.max_in_progress, one.probes, one.max_starts_per_group,
                                                one.max_in_progress_per_group) = 0
                          THEN least(ahead, postroom.start_ahead((extract(epoch FROM one.period) * 1000000)::bigint)) ELSE 0 END;
        END LOOP;
        IF cardinality(limiters) < coalesce(cardinality(ids), 0) THEN
            RETURN NEXT; -- step 1
            RETURN;
        END IF;
    END IF;
    is_reported := p_limits = met AND cardinality(p_deadlines) > 0;

    -- Step 2: each statement from here on sees all that was committed before the locks.
    FOR i IN 1 .. cardinality(limiters) LOOP
        one := limiters[i];
        IF NOT one.armed AND NOT postroom.arm_limiter(one) THEN
            next_start := 20000;
            RETURN NEXT; -- step 4
            RETURN;
        END IF;
        IF one.parked_until > clock_timestamp() THEN
            most := 0;
            wait := greatest(wait, extract(epoch FROM one.parked_until - clock_timestamp()) * 1000000);
        END IF;
        IF one.max_in_progress IS NOT NULL OR one.probes IS NOT NULL THEN
            SELECT coalesce(sum(bit_count(l.open)), 0),
                   coalesce(sum(bit_count(l.open)) FILTER (
                       WHERE l.claimed_at >= one.probes_since OR one.probes_since > clock_timestamp()), 0)
            INTO running, trying
            FROM postroom.lease l
            WHERE l.queue_id = ANY (CASE WHEN one.queue_id IS NOT NULL THEN ARRAY[one.queue_id]
                ELSE ARRAY(SELECT q.id FROM postroom.queue q WHERE q.destination = one.destination) END);
            most := least(most, CASE WHEN one.max_in_progress IS NOT NULL THEN greatest(one.max_in_progress - running, 0) END);
        END IF;
        IF one.probes IS NOT NULL THEN
            IF one.probes_started > 0 AND trying = 0 THEN -- they have ended, and nobody has parked it again
                IF postroom.has_any_started(one.probes_tried, one.probes_lease) THEN
                    one.probes := CASE WHEN one.probes < 64 THEN one.probes * 2 END;
                END IF;
                one.probes_started := 0;
                UPDATE postroom.limiter l SET probes = one.probes, probes_started = 0 WHERE l.id = one.id;
            END IF;
            most := least(most, CASE WHEN one.probes IS NOT NULL THEN greatest(one.probes - one.probes_started, 0) END);
        END IF;
        IF num_nonnulls(one.max_starts_per_group, one.max_in_progress_per_group) > 0 THEN
            grouped := one;
        END IF;
        FOREACH period_us IN ARRAY ARRAY[
            (extract(epoch FROM one.period) * 1000000)::bigint, (extract(epoch FROM one.period_per_group) * 1000000)::bigint]
        LOOP
            CONTINUE WHEN period_us IS NULL;
            -- Later than the moment at which the worker sent the claim, and before any of the starts.
            now_us := extract(epoch FROM clock_timestamp()) * 1000000;
            booking_us := coalesce(booking_us, now_us);
            ends := postroom.start_time(period_us);
            IF one.window_kind = 'fixed' THEN
                ends := least(ends, postroom.start_slice(period_us, 'fixed', booking_us + 1) - booking_us);
            END IF;
            guard := least(guard, postroom.start_guard(period_us));
            within := least(within, ends);
            IF ends < 2 * postroom.start_guard(period_us) THEN
                most := 0; -- it could start in the next period
                wait := greatest(wait, ends);
            END IF;
        END LOOP;
        IF one.max_starts IS NOT NULL THEN
            period_us := extract(epoch FROM one.period) * 1000000;
            IF is_reported THEN
                SELECT m.until, m.booked INTO one.booked_until, one.booked
                FROM postroom.move_starts(period_us, one.window_kind, one.booked_until, one.booked, p_deadlines, p_starts, p_counts) m;
            END IF;
            SELECT c.used, c.until, c.booked INTO usage
            FROM postroom.count_starts(period_us, one.window_kind, one.booked_until, one.booked, now_us) c;
            is_set_back := is_set_back OR (SELECT max(u) FROM unnest(one.booked_until) u) > usage.until[cardinality(usage.until)];
            one.booked_until := usage.until;
            one.booked := usage.booked;
            IF ahead = 0 OR one.max_starts - usage.used >= most THEN
                most := least(most, greatest(one.max_starts - usage.used, 0));
            ELSE
                free_of_one := postroom.free_starts(
                    one.max_starts, period_us, usage.until, usage.booked, now_us, now_us + ahead, most::int);
                most := cardinality(free_of_one);
                free_from := CASE WHEN free_from IS NULL THEN free_of_one
                                  ELSE ARRAY(SELECT greatest(f.before, f.at)
                                             FROM unnest(free_from, free_of_one) WITH ORDINALITY f (before, at, place)
                                             ORDER BY f.place
                                             LIMIT most) END;
            END IF;
        END IF;
        limiters[i] := one;
    END LOOP;

    IF most > 0 THEN
        held_back := NULL;
        FOR lease_id, lease_count, ordinal, priority, lane_seq, message_id, failures, crashes, deliveries, stored, expired, created_at,
            type, type_version, direction, correlation_id, content_type, exchange, routing_key, headers, payload, body, group_key, turn IN
            SELECT c.*, NULL::text
            FROM postroom.claim(p_worker, p_queue, p_queue_name, p_priorities, p_cursors,
                                most::int, p_lease_size, p_started, p_kind + 4) c
            WHERE NOT p_ordered AND p_turns IS NULL AND grouped.id IS NULL
            UNION ALL
            SELECT c.*
            FROM postroom.claim_fair(p_worker, p_queue, p_queue_name, p_priorities, p_cursors, p_turns,
                                     most::int, p_lease_size, p_started, p_kind + 4, grouped.id, booking_us + within) c
            WHERE p_turns IS NOT NULL
            UNION ALL
            SELECT c.*
            FROM postroom.claim_group_suspect(
                p_worker, p_queue, p_queue_name, p_priorities, p_started, p_kind, grouped.id, booking_us + within) c
            WHERE p_kind > 0 AND grouped.id IS NOT NULL
            UNION ALL
            SELECT c.*, NULL::text
            FROM postroom.claim_ordered(p_worker, p_queue, p_queue_name, p_priorities, p_cursors,
                                        most::int, p_lease_size, p_started, p_kind + 4) c
            WHERE p_ordered
        LOOP
            taken := taken + 1;
            IF NOT expired THEN
                starts := starts + 1;
                tried := CASE WHEN starts <= 64 THEN tried || message_id END; -- null: too many to be tries
                first_lease := least(first_lease, lease_id);
            ELSIF grouped.max_starts_per_group IS NOT NULL THEN -- an expired message never starts
                expired_keys := array_append(expired_keys, coalesce(group_key, E'\x01'));
            END IF;
            RETURN NEXT;
        END LOOP;
    END IF;
    held_back := taken >= most AND most < p_limit;
    by_group := false;
    by_end := false;
    IF cardinality(expired_keys) > 0 THEN
        PERFORM postroom.unbook_groups(grouped.id, expired_keys);
    END IF;
    IF grouped.id IS NOT NULL AND taken < most AND p_kind = 0 THEN
        SELECT w.waits, w.waits, w.by_end, coalesce(w.next_start, 0) INTO held_back, by_group, by_end, wait
        FROM postroom.group_wait(grouped, p_queue, p_priorities, p_cursors, p_limit) w;
    END IF;

    UPDATE postroom.limiter l
    SET probes_started = l.probes_started + starts,
        probes_tried = CASE WHEN l.probes_started = 0 THEN tried ELSE l.probes_tried || tried END,
        probes_lease = CASE WHEN l.probes_started = 0 THEN first_lease ELSE l.probes_lease END
    WHERE starts > 0 AND l.id = ANY (ids) AND l.probes IS NOT NULL;
    FOREACH one IN ARRAY limiters LOOP
        CONTINUE WHEN one.max_starts IS NULL;
        period_us := extract(epoch FROM one.period) * 1000000;
        IF starts > 0 THEN
            ends := postroom.start_slice(period_us, one.window_kind, booking_us + within);
            IF one.booked_until[cardinality(one.booked_until)] = ends THEN
                one.booked[cardinality(one.booked)] := one.booked[cardinality(one.booked)] + starts;
            ELSE
                one.booked_until := one.booked_until || ends;
                one.booked := one.booked || starts;
            END IF;
        END IF;
        IF held_back AND NOT by_group THEN
            one.reached_at := clock_timestamp();
        END IF;
        is_close := is_close OR one.reached_at > clock_timestamp() - 10 * one.period - interval '10 seconds'
                    OR (SELECT sum(n) FROM unnest(one.booked) n) > one.max_starts / 2;
        -- Bookings of the time to come are noted as those of now. Otherwise they would be of now at each claim, until that time.
        IF starts > 0 OR is_reported OR is_set_back THEN
            UPDATE postroom.limiter l
            SET booked_until = one.booked_until, booked = one.booked, reached_at = one.reached_at
            WHERE l.id = one.id;
        END IF;
        IF held_back AND NOT by_group THEN
            wait := greatest(wait, postroom.next_start(
                one.max_starts, period_us, one.window_kind, one.booked_until, one.booked,
                (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
                CASE WHEN ahead > 0 THEN p_limit ELSE least(p_limit, greatest(1, one.max_starts / 200)) END, ahead));
        END IF;
    END LOOP;
    lease_id := NULL;
    message_id := NULL;
    start_within := within - guard;
    start_guard := guard;
    next_start := CASE WHEN held_back AND wait > 0 THEN wait END;
    booked_at := booking_us;
    limits := met;
    reported := is_close;
    now_us := extract(epoch FROM clock_timestamp()) * 1000000;
    IF taken > 0 AND free_from[taken] > now_us THEN
        start_after := ARRAY(
            SELECT greatest(f.at - now_us, 0)
            FROM unnest(free_from) WITH ORDINALITY f (at, place)
            WHERE f.place <= taken
            ORDER BY f.place);
    END IF;
    RETURN NEXT;
END
$function$
;
COMMENT ON FUNCTION postroom.claim_limited IS 'Internal: called by workers. Takes ready messages of a queue with limiters, no more than may start.';

CREATE OR REPLACE FUNCTION postroom.claim_ordered(p_worker integer, p_queue integer, p_queue_name text, p_priorities smallint[], p_floors bigint[], p_limit integer, p_lease_size integer, p_started integer, p_kind integer)
 RETURNS TABLE(lease_id bigint, lease_count integer, ordinal integer, priority smallint, lane_seq bigint, message_id uuid, failures smallint, crashes smallint, deliveries smallint, stored boolean, expired boolean, created_at timestamp with time zone, type text, type_version smallint, direction smallint, correlation_id text, content_type text, exchange text, routing_key text, headers text, payload text, body bytea, group_key text)
 LANGUAGE plpgsql
 ROWS 100
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_nestloop TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    wanted       int := p_limit;
    starting     int := p_started;
    most         int := least(p_limit + p_limit / 4 + 16, 2000); -- rows to look at in each lane
    crash_limit  int;
    looks        int := 0;
    from_seqs    bigint[] := p_floors; -- where the next look begins in each lane,
    up_to        bigint := 9223372036854775807; -- and where it ends
    next_seq     bigint;
    began_at     bigint;
    held_back    text[] := '{}'; -- groups of which a look before this one left something in ready
    passed_over  bigint[] := '{}'; -- rows that others have locked
    wished       int[];
    changed      int := 0;
    is_all       boolean;
    places       tid[]; -- what was looked at, in the order of handling
    seqs         bigint[];
    prios        smallint[];
    ids          uuid[];
    failed       smallint[];
    crashed      smallint[];
    delivered    smallint[];
    keys         text[];
    is_stored    boolean;
    busy_keys    text[]; -- groups whose rows are locked here, and their holders
    holders      uuid[];
    free_keys    text[]; -- free groups that have a row, which is locked here, too
    free_places  tid[];
    ending_keys  text[]; -- groups whose rows somebody else has locked
    taken        int[]; -- places in the arrays: what goes under a lease,
    firsts       int[]; -- what of it gets its group with it,
    moved        int[]; -- and what goes behind its group
    gone         tid[];
    locked       bigint[];
    last_seq     bigint;
    sorted       uuid[];
    low          uuid;
    high         uuid;
BEGIN
    LOCK TABLE postroom.lease IN ROW EXCLUSIVE MODE; -- before it reads the queue: see begin_single_active_change
    -- The lock on queue is held until the end of the transaction: whether the queue is ordered cannot change meanwhile (see set_ordered).
    SELECT q.crash_limit INTO crash_limit
    FROM postroom.queue q
    WHERE q.id = p_queue
      AND CASE WHEN q.name <> p_queue_name OR NOT q.ordered OR q.has_limiter AND p_kind < 4 THEN false
               WHEN q.single_active_consumer THEN postroom.take_active(p_worker, p_queue)
               ELSE true END;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    p_kind := p_kind % 4;
    PERFORM pg_advisory_xact_lock(1349481332, p_queue);
    began_at := coalesce(pg_sequence_last_value('postroom.ready_seq'), 0);

    LOOP
        looks := looks + 1;
        IF p_kind > 0 THEN
            SELECT array_agg(c.ctid), array_agg(c.seq), array_agg(c.priority), array_agg(c.message_id),
                   array_agg(c.failures), array_agg(c.crashes), array_agg(c.deliveries), true
            INTO places, seqs, prios, ids, failed, crashed, delivered, is_all
            FROM (
                SELECT r.ctid, r.seq, r.priority, r.message_id, r.failures, r.crashes, r.deliveries
                FROM unnest(p_priorities) WITH ORDINALITY l (priority, nth)
                CROSS JOIN LATERAL (
                    SELECT x.ctid, x.seq, x.priority, x.message_id, x.failures, x.crashes, x.deliveries
                    FROM postroom.ready x
                    WHERE x.queue_id = p_queue
                      AND x.priority = l.priority
                      AND x.crashes > 0
                      AND (x.crashes + 1 >= crash_limit) = (p_kind = 2)
                      AND x.seq <> ALL (passed_over)
                    ORDER BY x.queue_id, x.priority, x.seq
                    LIMIT 1
                ) r
                ORDER BY l.nth
            ) c;
        ELSE
            WITH looked AS MATERIALIZED (
                SELECT r.ctid AS place, r.seq, r.priority, r.message_id, r.failures, r.crashes, r.deliveries
                FROM unnest(p_priorities, from_seqs) l (priority, from_seq)
                CROSS JOIN LATERAL (
                    SELECT x.ctid, x.seq, x.priority, x.message_id, x.failures, x.crashes, x.deliveries
                    FROM postroom.ready x
                    WHERE x.queue_id = p_queue
                      AND x.priority = l.priority
                      AND x.seq >= l.from_seq
                      AND x.seq <= up_to
                    ORDER BY x.queue_id, x.priority, x.seq
                    LIMIT most
                ) r
            ), bound AS MATERIALIZED (
                -- Step 2: of a lane with more rows than were looked at, nothing is known beyond the last of them.
                SELECT min(x.last_seq) AS seq
                FROM (SELECT max(k.seq) AS last_seq FROM looked k GROUP BY k.priority HAVING count(*) >= most) x
            )
            SELECT array_agg(c.place), array_agg(c.seq), array_agg(c.priority), array_agg(c.message_id),
                   array_agg(c.failures), array_agg(c.crashes), array_agg(c.deliveries), min(c.bound_seq)
            INTO places, seqs, prios, ids, failed, crashed, delivered, next_seq
            FROM (
                SELECT k.*, b.seq AS bound_seq
                FROM looked k
                CROSS JOIN bound b
                WHERE b.seq IS NULL OR k.seq <= b.seq
                ORDER BY k.deliveries = 0, k.seq -- what was claimed before and comes back (a redrive) goes in front
            ) c;
            is_all := next_seq IS NULL;
        END IF;
        EXIT WHEN ids IS NULL;

        SELECT array_agg(u.id ORDER BY u.id) INTO sorted FROM unnest(ids) u (id);
        low := sorted[1];
        high := sorted[cardinality(sorted)];
        FOR again IN 1 .. 2 LOOP
            SELECT array_agg(m.group_key ORDER BY u.place), bool_and(m.id IS NOT NULL) INTO keys, is_stored
            FROM unnest(ids) WITH ORDINALITY u (id, place)
            LEFT JOIN (SELECT x.id, x.group_key
                       FROM postroom.message x
                       WHERE x.id = ANY (sorted) AND x.id BETWEEN low AND high
                       OFFSET 0 -- a step of its own: see claim
                      ) m ON m.id = u.id;
            -- While the day of a message is freed, a snapshot may miss it; the next one sees it. What is gone for good has no group.
            EXIT WHEN is_stored;
        END LOOP;

        -- Step 3. A row that is gone by the time it is locked counts as locked by others: the next claim sees what became of it.
        SELECT array_agg(g.group_key) FILTER (WHERE NOT g.is_free), array_agg(g.message_id) FILTER (WHERE NOT g.is_free),
               array_agg(g.group_key) FILTER (WHERE g.is_free), array_agg(g.place) FILTER (WHERE g.is_free),
               array_agg(g.group_key) FILTER (WHERE g.place IS NULL)
        INTO busy_keys, holders, free_keys, free_places, ending_keys
        FROM (
            SELECT k.group_key, x.place, x.message_id, x.is_free
            FROM (SELECT DISTINCT u.group_key FROM unnest(keys) u (group_key) WHERE u.group_key IS NOT NULL) k
            CROSS JOIN LATERAL (
                SELECT n.epoch
                FROM postroom.message_group n
                WHERE n.queue_id = p_queue AND n.group_key = k.group_key
                ORDER BY n.epoch DESC
                LIMIT 1
            ) n
            LEFT JOIN LATERAL (
                SELECT r.ctid AS place, r.message_id, r.is_free
                FROM postroom.message_group r
                WHERE r.queue_id = p_queue AND r.group_key = k.group_key AND r.epoch = n.epoch
                FOR KEY SHARE SKIP LOCKED
            ) x ON true
        ) g;

        WITH entry AS MATERIALIZED (
            SELECT e.place::int AS place, e.id, e.group_key, e.prio, e.crashed, e.seq, b.holder,
                   b.group_key IS NOT NULL AS is_busy, d.group_key IS NOT NULL AS is_ending,
                   k.group_key IS NOT NULL AS is_held_back, p.seq IS NOT NULL AS is_passed_over,
                   row_number() OVER (PARTITION BY e.group_key ORDER BY e.place) AS nth
            FROM unnest(ids, keys, prios, crashed, seqs) WITH ORDINALITY e (id, group_key, prio, crashed, seq, place)
            LEFT JOIN unnest(busy_keys, holders) b (group_key, holder) ON b.group_key = e.group_key
            LEFT JOIN unnest(ending_keys) d (group_key) ON d.group_key = e.group_key
            LEFT JOIN unnest(held_back) k (group_key) ON k.group_key = e.group_key
            LEFT JOIN unnest(passed_over) p (seq) ON p.seq = e.seq
        ), chosen AS MATERIALIZED (
            -- A message without a group, one that holds its group, or the first one of a free group.
            SELECT c.place, c.group_key, c.is_first
            FROM (
                SELECT e.place, e.group_key, e.group_key IS NOT NULL AND NOT e.is_busy AS is_first,
                       row_number() OVER (ORDER BY e.prio DESC, e.place) AS nth
                FROM entry e
                WHERE (e.crashed > 0) = (p_kind > 0)
                  AND NOT e.is_passed_over
                  AND (e.group_key IS NULL
                       OR e.is_busy AND e.holder = e.id
                       OR NOT e.is_busy AND NOT e.is_ending AND NOT e.is_held_back AND e.nth = 1)
            ) c
            WHERE c.nth <= wanted
        )
        SELECT (SELECT array_agg(c.place ORDER BY c.place) FROM chosen c),
               (SELECT array_agg(c.place ORDER BY c.place) FROM chosen c WHERE c.is_first),
               (SELECT array_agg(e.place ORDER BY e.place)
                FROM entry e
                LEFT JOIN chosen c ON c.group_key = e.group_key
                WHERE CASE WHEN e.group_key IS NULL OR e.is_held_back THEN false
                           WHEN e.is_busy THEN e.holder IS DISTINCT FROM e.id
                           ELSE NOT e.is_ending AND c.is_first AND c.place <> e.place END)
        INTO taken, firsts, moved;
        taken := coalesce(taken, '{}');
        firsts := coalesce(firsts, '{}');
        moved := coalesce(moved, '{}');

        -- Step 4.
        wished := taken;
        SELECT array_agg(e.spot) INTO gone
        FROM unnest(places) WITH ORDINALITY e (spot, place)
        JOIN unnest(taken || moved) k (place) ON k.place = e.place;
        SELECT coalesce(array_agg(r.seq), '{}') INTO locked
        FROM (SELECT x.seq FROM postroom.ready x WHERE x.ctid = ANY (gone) FOR UPDATE SKIP LOCKED) r;
        IF cardinality(locked) < cardinality(taken) + cardinality(moved) THEN
            SELECT coalesce(array_agg(k.place ORDER BY k.place) FILTER (WHERE k.is_taken AND k.is_locked), '{}'),
                   coalesce(array_agg(k.place ORDER BY k.place) FILTER (WHERE k.is_first AND k.is_locked), '{}'),
                   coalesce(array_agg(k.place ORDER BY k.place) FILTER (WHERE NOT k.is_taken AND k.all_locked), '{}'),
                   array_agg(k.spot) FILTER (WHERE CASE WHEN k.is_taken THEN k.is_locked ELSE k.all_locked END)
            INTO taken, firsts, moved, gone
            FROM (
                SELECT e.place, e.spot, t.place IS NOT NULL AS is_taken, f.place IS NOT NULL AS is_first, l.seq IS NOT NULL AS is_locked,
                       -- of the group: this one and all before it; a holder is no part of that
                       bool_and(l.seq IS NOT NULL) OVER (PARTITION BY e.group_key, t.place IS NOT NULL AND f.place IS NULL
                                                         ORDER BY e.place) AS all_locked
                FROM (SELECT u.place::int AS place, u.spot, u.seq, u.group_key
                      FROM unnest(places, seqs, keys) WITH ORDINALITY u (spot, seq, group_key, place)) e
                JOIN unnest(taken || moved) k (place) ON k.place = e.place
                LEFT JOIN unnest(taken) t (place) ON t.place = e.place
                LEFT JOIN unnest(firsts) f (place) ON f.place = e.place
                LEFT JOIN unnest(locked) l (seq) ON l.seq = e.seq
            ) k;
        END IF;

        IF cardinality(firsts) > 0 THEN
            -- low: what comes behind this group from now on has a higher seq. It is a new epoch, too: higher than all the group had,
            -- because each holder has drawn at least one seq.
            last_seq := coalesce(pg_sequence_last_value('postroom.ready_seq'), 0);
            INSERT INTO postroom.message_group (queue_id, group_key, message_id, low, epoch)
            SELECT p_queue, e.group_key, e.id, last_seq, last_seq
            FROM unnest(ids, keys) WITH ORDINALITY e (id, group_key, place)
            JOIN unnest(firsts) k (place) ON k.place = e.place
            LEFT JOIN unnest(free_keys) f (group_key) ON f.group_key = e.group_key
            WHERE f.group_key IS NULL;
            IF free_keys IS NOT NULL THEN
                UPDATE postroom.message_group g
                SET message_id = t.id,
                    low        = last_seq,
                    epoch      = g.epoch + CASE WHEN g.holders >= 16 THEN 1 ELSE 0 END,
                    holders    = CASE WHEN g.holders >= 16 THEN 1 ELSE g.holders + 1 END,
                    is_free    = false,
                    held_since = clock_timestamp()
                FROM (
                    SELECT e.id, f.place
                    FROM unnest(ids, keys) WITH ORDINALITY e (id, group_key, place)
                    JOIN unnest(firsts) k (place) ON k.place = e.place
                    JOIN unnest(free_keys, free_places) f (group_key, place) ON f.group_key = e.group_key
                ) t
                WHERE g.ctid = t.place
                  AND g.ctid = ANY (free_places);
            END IF;
        END IF;
        IF cardinality(moved) > 0 THEN
            INSERT INTO postroom.grouped (seq, queue_id, priority, failures, crashes, deliveries, message_id, group_key)
            SELECT nextval('postroom.ready_seq') - CASE WHEN e.delivered > 0 THEN 4611686018427387904 ELSE 0 END, -- in front
                   p_queue, e.prio, e.failed, e.crashed, e.delivered, e.id, e.group_key
            FROM (
                SELECT x.*
                FROM unnest(prios, failed, crashed, delivered, ids, keys) WITH ORDINALITY
                         x (prio, failed, crashed, delivered, id, group_key, place)
                JOIN unnest(moved) k (place) ON k.place = x.place
                ORDER BY x.place
            ) e;
            UPDATE postroom.message_group g
            SET low = -9223372036854775808
            WHERE g.queue_id = p_queue
              AND g.group_key = ANY (ARRAY(
                  SELECT x.group_key
                  FROM unnest(delivered, keys) WITH ORDINALITY x (delivered, group_key, place)
                  JOIN unnest(moved) k (place) ON k.place = x.place
                  WHERE x.delivered > 0));
        END IF;
        IF gone IS NOT NULL THEN
            DELETE FROM postroom.ready WHERE ctid = ANY (gone);
        END IF;

        IF cardinality(taken) > 0 THEN
            SELECT array_agg(e.id ORDER BY e.id) INTO sorted
            FROM unnest(ids) WITH ORDINALITY e (id, place)
            JOIN unnest(taken) k (place) ON k.place = e.place;
            low := sorted[1];
            high := sorted[cardinality(sorted)];

            RETURN QUERY
            WITH part AS MATERIALIZED (
                SELECT t.prio, t.part, count(*)::int AS messages,
                       array_agg(t.id ORDER BY t.place) AS ids, array_agg(t.failed ORDER BY t.place) AS failed,
                       array_agg(t.crashed ORDER BY t.place) AS crashed, array_agg(t.delivered ORDER BY t.place) AS delivered
                FROM (
                    SELECT e.*, (row_number() OVER (PARTITION BY e.prio ORDER BY e.place) - 1) / p_lease_size AS part
                    FROM unnest(prios, failed, crashed, delivered, ids) WITH ORDINALITY e (prio, failed, crashed, delivered, id, place)
                    JOIN unnest(taken) k (taken_place) ON k.taken_place = e.place
                ) t
                GROUP BY t.prio, t.part
            ), leased AS (
                INSERT INTO postroom.lease AS l (worker_id, queue_id, priority, message_ids, open, failures, crashes, deliveries, started)
                SELECT p_worker, p_queue, p.prio, p.ids, repeat('1', p.messages)::bit varying,
                       CASE WHEN 0 < ANY (p.failed) THEN p.failed END,
                       CASE WHEN 0 < ANY (p.crashed) THEN p.crashed END,
                       CASE WHEN 0 < ANY (p.delivered) THEN p.delivered END,
                       CASE WHEN starting < p.last_place THEN greatest(starting - (p.last_place - p.messages), 0) END
                FROM (SELECT x.*, (sum(x.messages) OVER (ORDER BY x.prio DESC, x.part))::int AS last_place FROM part x) p
                ORDER BY p.prio DESC, p.part
                RETURNING l.id, l.priority, l.message_ids, l.failures, l.crashes, l.deliveries
            )
            SELECT k.id, k.lease_count, k.place::int - 1, k.priority, (SELECT max(s.seq) FROM unnest(seqs) s (seq)), k.message_id,
                   coalesce(k.failures, 0::smallint), coalesce(k.crashes, 0::smallint), coalesce(k.deliveries, 0::smallint),
                   m.id IS NOT NULL,
                   coalesce(m.expires_at <= clock_timestamp(), false)
                       OR m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, p_queue),
                   m.created_at,
                   m.type, m.type_version, m.direction, m.correlation_id, m.content_type,
                   m.exchange, m.routing_key, m.headers::text, m.payload::text, m.body, m.group_key
            FROM (
                SELECT l.id, cardinality(l.message_ids) AS lease_count, l.priority,
                       u.message_id, u.failures, u.crashes, u.deliveries, u.place
                FROM leased l
                CROSS JOIN LATERAL unnest(l.message_ids, l.failures, l.crashes, l.deliveries)
                    WITH ORDINALITY u (message_id, failures, crashes, deliveries, place)
            ) k
            LEFT JOIN (SELECT x.id, x.expires_at, x.created_at, x.type, x.type_version, x.direction, x.correlation_id, x.content_type,
                              x.exchange, x.routing_key, x.queue_ids, x.headers, x.payload, x.body, x.group_key
                       FROM postroom.message x
                       WHERE x.id = ANY (sorted) AND x.id BETWEEN low AND high
                       OFFSET 0 -- a step of its own: see claim
                      ) m ON m.id = k.message_id;
        END IF;

        wanted := wanted - cardinality(taken);
        starting := starting - cardinality(taken);
        changed := changed + cardinality(taken) + cardinality(moved);
        EXIT WHEN wanted <= 0 OR looks >= CASE WHEN changed > 0 THEN 10 ELSE 30 END;

        IF cardinality(taken) < cardinality(wished) THEN
            -- Others have locked some of it: looks at the same rows again, for what is free in their stead. Leaves out all that is locked
            -- among them, not only what was wished: a claim of one would need a look for each.
            SELECT coalesce(array_agg(r.seq), '{}') INTO locked
            FROM (SELECT x.seq FROM postroom.ready x WHERE x.ctid = ANY (places) FOR UPDATE SKIP LOCKED) r;
            passed_over := passed_over || ARRAY(
                SELECT e.seq
                FROM unnest(seqs) e (seq)
                LEFT JOIN unnest(locked || passed_over) k (seq) ON k.seq = e.seq
                WHERE k.seq IS NULL);
            held_back := held_back || ARRAY(
                SELECT DISTINCT keys[w.place]
                FROM unnest(wished) w (place)
                WHERE w.place <> ALL (taken) AND keys[w.place] <> ALL (held_back));
            CONTINUE;
        END IF;
        EXIT WHEN is_all AND (p_kind = 0 OR cardinality(taken) > 0);

        -- The next look does not see what was committed below it since the first one. So it must not see what was sent after that: it ends
        -- where the numbers stood before the first look. Of a group that has left something in ready it takes no more than the holder.
        held_back := held_back || ARRAY(
            SELECT DISTINCT e.group_key
            FROM unnest(keys) WITH ORDINALITY e (group_key, place)
            LEFT JOIN unnest(taken || moved) t (place) ON t.place = e.place
            LEFT JOIN unnest(held_back) k (group_key) ON k.group_key = e.group_key
            WHERE e.group_key IS NOT NULL AND t.place IS NULL AND k.group_key IS NULL);
        IF p_kind > 0 THEN
            passed_over := passed_over || seqs; -- somebody ends the group of this one, but not of the next
            CONTINUE;
        END IF;
        from_seqs := array_fill(next_seq + 1, ARRAY[cardinality(p_priorities)]);
        up_to := began_at;
        most := least(most * 4, 5000);
    END LOOP;
END
$function$
;
COMMENT ON FUNCTION postroom.claim_ordered IS 'Internal: called by workers. Takes ready messages of an ordered queue, at most one of each group, and puts them under leases.';

CREATE OR REPLACE FUNCTION postroom.claim(p_worker integer, p_queue integer, p_queue_name text, p_priorities smallint[], p_cursors bigint[], p_limit integer, p_lease_size integer, p_started integer, p_kind integer)
 RETURNS TABLE(lease_id bigint, lease_count integer, ordinal integer, priority smallint, lane_seq bigint, message_id uuid, failures smallint, crashes smallint, deliveries smallint, stored boolean, expired boolean, created_at timestamp with time zone, type text, type_version smallint, direction smallint, correlation_id text, content_type text, exchange text, routing_key text, headers text, payload text, body bytea, group_key text)
 LANGUAGE plpgsql
 ROWS 100
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET enable_nestloop TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    wanted       int := p_limit;
    starting     int := p_started;
    crash_limit  int;
    taken        int;
    prio         smallint;
    places       tid[];
    seqs         bigint[];
    ids          uuid[];
    failed       smallint[];
    crashed      smallint[];
    delivered    smallint[];
    new_lease    bigint;
    new_leases   bigint[];
    sorted       uuid[];
    low          uuid;
    high         uuid;
BEGIN
    LOCK TABLE postroom.lease IN ROW EXCLUSIVE MODE; -- before it reads the queue: see begin_single_active_change
    -- The lock on queue is held until the end of the transaction, so TRUNCATE and DROP come before this line or after the claim.
    -- An ordered queue has a function of its own, claim_ordered, and a fair one claim_fair for all but suspects. That of a queue with a
    -- limiter, claim_limited, calls this one.
    SELECT q.crash_limit INTO crash_limit
    FROM postroom.queue q
    WHERE q.id = p_queue
      AND CASE WHEN q.name <> p_queue_name OR q.ordered OR q.fair AND p_kind % 4 = 0 OR q.has_limiter AND p_kind < 4 THEN false
               WHEN q.single_active_consumer THEN postroom.take_active(p_worker, p_queue)
               ELSE true END;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    p_kind := p_kind % 4;
    FOR lane IN 1 .. cardinality(p_priorities) LOOP
        prio := p_priorities[lane];
        IF p_kind > 0 THEN
            SELECT array_agg(c.ctid), array_agg(0::bigint), array_agg(c.message_id),
                   array_agg(c.failures), array_agg(c.crashes), array_agg(c.deliveries)
            INTO places, seqs, ids, failed, crashed, delivered
            FROM (
                SELECT r.ctid, r.message_id, r.failures, r.crashes, r.deliveries
                FROM postroom.ready r
                WHERE r.queue_id = p_queue
                  AND r.priority = prio
                  AND r.crashes > 0
                  AND (r.crashes + 1 >= crash_limit) = (p_kind = 2)
                ORDER BY r.queue_id, r.priority, r.seq
                LIMIT 1
                FOR UPDATE SKIP LOCKED
            ) c;
        ELSE
            SELECT array_agg(c.ctid), array_agg(c.seq), array_agg(c.message_id), array_agg(c.failures), array_agg(c.deliveries)
            INTO places, seqs, ids, failed, delivered
            FROM (
                SELECT r.ctid, r.seq, r.message_id, r.failures, r.deliveries
                FROM postroom.ready r
                WHERE r.queue_id = p_queue
                  AND r.priority = prio
                  AND r.seq >= p_cursors[lane]
                  AND r.crashes = 0
                ORDER BY r.queue_id, r.priority, r.seq
                LIMIT wanted
                FOR UPDATE SKIP LOCKED
            ) c;
        END IF;
        CONTINUE WHEN ids IS NULL;
        taken := cardinality(ids);

        DELETE FROM postroom.ready WHERE ctid = ANY (places);

        IF taken = 1 THEN -- one message alone needs no sort, no cutting into leases and no join
            INSERT INTO postroom.lease AS l (worker_id, queue_id, priority, message_ids, open, failures, crashes, deliveries, started)
            VALUES (p_worker, p_queue, prio, ids, B'1'::bit varying,
                    CASE WHEN failed[1] > 0 THEN failed END, crashed, CASE WHEN delivered[1] > 0 THEN delivered END,
                    CASE WHEN starting < 1 THEN 0 END)
            RETURNING l.id INTO new_lease;
            RETURN QUERY
            SELECT new_lease, 1, 0, prio, seqs[1], ids[1], failed[1], coalesce(crashed[1], 0::smallint), delivered[1],
                   m.id IS NOT NULL,
                   coalesce(m.expires_at <= clock_timestamp(), false)
                       OR m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, p_queue),
                   m.created_at,
                   m.type, m.type_version, m.direction, m.correlation_id, m.content_type,
                   m.exchange, m.routing_key, m.headers::text, m.payload::text, m.body, m.group_key
            FROM (SELECT) one -- answers a row even when the payload is not visible
            LEFT JOIN postroom.message m ON m.id = ids[1];
        ELSE
            SELECT array_agg(u.id ORDER BY u.id) INTO sorted FROM unnest(ids) u (id);
            low := sorted[1];
            high := sorted[taken];

            WITH leased AS (
                INSERT INTO postroom.lease AS l (worker_id, queue_id, priority, message_ids, open, failures, crashes, deliveries, started)
                SELECT p_worker, p_queue, prio, ids[g.first : g.last], repeat('1', least(g.last, taken) - g.first + 1)::bit varying,
                       CASE WHEN 0 < ANY (failed) THEN failed[g.first : g.last] END,
                       crashed[g.first : g.last],
                       CASE WHEN 0 < ANY (delivered) THEN delivered[g.first : g.last] END,
                       CASE WHEN starting < least(g.last, taken) THEN greatest(starting - g.first + 1, 0) END
                FROM (SELECT s.first, s.first + p_lease_size - 1 AS last FROM generate_series(1, taken, p_lease_size) s (first)) g
                RETURNING l.id
            )
            SELECT array_agg(l.id) INTO new_leases FROM leased l;

            RETURN QUERY
            SELECT new_leases[p.part + 1], least(p_lease_size, taken - p.part * p_lease_size), p.place - p.part * p_lease_size,
                   prio, seqs[taken], p.message_id, p.failures, coalesce(p.crashes, 0::smallint), p.deliveries,
                   m.id IS NOT NULL,
                   coalesce(m.expires_at <= clock_timestamp(), false)
                       OR m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, p_queue),
                   m.created_at,
                   m.type, m.type_version, m.direction, m.correlation_id, m.content_type,
                   m.exchange, m.routing_key, m.headers::text, m.payload::text, m.body, m.group_key
            FROM (SELECT u.message_id, u.failures, u.crashes, u.deliveries, u.place::int - 1 AS place,
                         (u.place::int - 1) / p_lease_size AS part
                  FROM unnest(ids, failed, crashed, delivered) WITH ORDINALITY u (message_id, failures, crashes, deliveries, place)) p
            LEFT JOIN (SELECT x.id, x.expires_at, x.created_at, x.type, x.type_version, x.direction, x.correlation_id, x.content_type,
                              x.exchange, x.routing_key, x.queue_ids, x.headers, x.payload, x.body, x.group_key
                       FROM postroom.message x
                       WHERE x.id = ANY (sorted) AND x.id BETWEEN low AND high
                       OFFSET 0 -- a step of its own: reads these ids through message_pk before the join
                      ) m ON m.id = p.message_id;
        END IF;

        wanted := wanted - taken;
        starting := starting - taken;
        EXIT WHEN wanted <= 0;
    END LOOP;
END
$function$
;
COMMENT ON FUNCTION postroom.claim IS 'Internal: called by workers. Takes ready messages and puts them under leases.';

CREATE OR REPLACE FUNCTION postroom.close_day(p_leaf text)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
AS $function$
BEGIN
    PERFORM postroom.require_read_committed();
    BEGIN
        EXECUTE format('LOCK TABLE postroom.%I IN SHARE MODE', p_leaf);
    EXCEPTION
        WHEN lock_not_available OR deadlock_detected THEN RETURN NULL;
    END;
    RETURN (SELECT coalesce(jsonb_object_agg(q.id, q.retention), '{}') FROM postroom.queue q);
END
$function$
;
COMMENT ON FUNCTION postroom.close_day IS 'Internal: called by a job. First step of freeing a partition: nothing is written into it any more. Answers the retention of each queue,
for free_day. null: try again later.';

CREATE OR REPLACE FUNCTION postroom.complete_batch(p_batch postroom.batch)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    limit_before  constant text := current_setting('lock_timeout');
    created       uuid;
BEGIN
    IF p_batch.completion IS NOT NULL THEN
        BEGIN
            PERFORM set_config('postroom.wait_for_room', 'off', true); -- nobody's open transaction is to hold up all batches
            PERFORM set_config('lock_timeout', '100ms', true);
            SELECT CASE WHEN c.is_new THEN c.id END INTO created
            FROM postroom.create_messages(jsonb_build_array(postroom.completion_message(p_batch))) c;
            PERFORM set_config('postroom.wait_for_room', 'on', true);
            PERFORM set_config('lock_timeout', limit_before, true);
        EXCEPTION -- the settings are as they were before this block
            WHEN data_exception OR unique_violation OR lock_not_available
                OR SQLSTATE 'PR404' OR SQLSTATE 'PR421' OR SQLSTATE 'PR429' THEN
                UPDATE postroom.batch_progress g
                SET problem = left(CASE SQLSTATE WHEN '55P03' THEN 'another transaction has a lock that the completion message needs, '
                                       'perhaps on the name of its queue: ' ELSE '' END || SQLERRM, 1000),
                    look_at = clock_timestamp() + interval '5 seconds'
                WHERE g.batch_id = p_batch.id;
                RETURN false;
        END;
    END IF;
    UPDATE postroom.batch b
    SET completed_at = clock_timestamp(), completion_id = created,
        done = p_batch.done, dead = p_batch.dead, cancelled = p_batch.cancelled, expired = p_batch.expired, purged = p_batch.purged
    WHERE b.id = p_batch.id;
    DELETE FROM postroom.batch_part p WHERE p.batch_id = p_batch.id;
    DELETE FROM postroom.batch_progress g WHERE g.batch_id = p_batch.id;
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.complete_batch IS 'Internal: called by a job. Completes a batch all of whose members have ended. false: its message was refused.';

CREATE OR REPLACE FUNCTION postroom.complete_done(p_worker integer, p_leases bigint[], p_masks text[], p_lease_of bigint[], p_ordinals integer[], p_messages uuid[], p_numbers smallint[], p_started_ago bigint[], p_finished_ago bigint[])
 RETURNS TABLE(lease_id bigint, completed text)
 LANGUAGE plpgsql
 ROWS 10
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH held AS MATERIALIZED (
        SELECT l.id, l.queue_id, l.open & w.mask::bit varying AS completed, l.open & ~(w.mask::bit varying) AS rest
        FROM (SELECT u.lease_id, u.mask FROM unnest(p_leases, p_masks) u (lease_id, mask) ORDER BY u.lease_id) w
        CROSS JOIN LATERAL ( -- one look-up in lease_pk for each lease, whatever the statistics say
            SELECT x.id, x.queue_id, x.open
            FROM postroom.lease x
            WHERE x.id = w.lease_id AND x.worker_id = p_worker
            FOR UPDATE) l
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, lease_id, queue_id, worker_id, number, outcome)
        SELECT r.message_id,
               statement_timestamp() - r.started_ago * interval '1 microsecond',
               statement_timestamp() - r.finished_ago * interval '1 microsecond',
               h.id, h.queue_id, p_worker, r.number, 0
        FROM unnest(p_lease_of, p_ordinals, p_messages, p_numbers, p_started_ago, p_finished_ago)
                 r (lease_id, ordinal, message_id, number, started_ago, finished_ago)
        JOIN held h ON h.id = r.lease_id AND get_bit(h.completed, r.ordinal) = 1
    ), dropped AS (
        DELETE FROM postroom.lease l
        WHERE l.id = ANY (ARRAY(SELECT h.id FROM held h WHERE bit_count(h.rest) = 0))
    ), kept AS (
        -- Names its leases twice to pin the plan: the array makes PostgreSQL go through lease_pk. From the join alone it would plan by the
        -- statistics of lease, which are wrong while a snapshot keeps ended leases from being cleaned up.
        UPDATE postroom.lease l
        SET open = h.rest
        FROM held h
        WHERE l.id = h.id
          AND bit_count(h.rest) > 0
          AND l.id = ANY (ARRAY(SELECT h.id FROM held h WHERE bit_count(h.rest) > 0))
    )
    SELECT h.id, h.completed::text FROM held h;
END
$function$
;
COMMENT ON FUNCTION postroom.complete_done IS 'Internal: called by workers. Finishes messages whose handlers succeeded.';

CREATE OR REPLACE FUNCTION postroom.complete_one(p_worker integer, p_lease bigint, p_message uuid, p_number smallint, p_started_ago bigint, p_finished_ago bigint)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
DECLARE
    queue int;
BEGIN
    DELETE FROM postroom.lease l
    WHERE l.id = p_lease
      AND l.worker_id = p_worker
      AND l.open = B'1'
      AND l.message_ids = ARRAY[p_message]
    RETURNING l.queue_id INTO queue;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO postroom.attempt (message_id, started_at, finished_at, lease_id, queue_id, worker_id, number, outcome)
    VALUES (p_message,
            statement_timestamp() - p_started_ago * interval '1 microsecond',
            statement_timestamp() - p_finished_ago * interval '1 microsecond',
            p_lease, queue, p_worker, p_number, 0);
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.complete_one IS 'Internal: called by workers. Finishes a message with a lease of its own whose handler succeeded.';

CREATE OR REPLACE FUNCTION postroom.complete(p_worker integer, p_leases bigint[], p_masks text[], p_lease_of bigint[], p_ordinals integer[], p_messages uuid[], p_numbers smallint[], p_started_ago bigint[], p_finished_ago bigint[], p_outcomes smallint[], p_nexts smallint[], p_delays bigint[], p_reasons text[], p_error_classes text[], p_errors text[], p_fingerprints text[], p_failures smallint[], p_crashes smallint[])
 RETURNS TABLE(lease_id bigint, completed text)
 LANGUAGE plpgsql
 ROWS 10
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH held AS MATERIALIZED (
        SELECT l.id, l.queue_id, l.priority, l.open & w.mask::bit varying AS completed, l.open & ~(w.mask::bit varying) AS rest
        FROM (SELECT u.lease_id, u.mask FROM unnest(p_leases, p_masks) u (lease_id, mask) ORDER BY u.lease_id) w
        CROSS JOIN LATERAL (
            SELECT x.id, x.queue_id, x.priority, x.open
            FROM postroom.lease x
            WHERE x.id = w.lease_id AND x.worker_id = p_worker
            FOR UPDATE) l
    ), results AS MATERIALIZED (
        SELECT h.id AS lease_id, h.queue_id, h.priority, r.*,
               CASE WHEN r.outcome = 2 THEN postroom.passes_on(h.queue_id) ELSE false END AS passes_on
        FROM unnest(p_lease_of, p_ordinals, p_messages, p_numbers, p_started_ago, p_finished_ago,
                    p_outcomes, p_nexts, p_delays, p_reasons, p_error_classes, p_errors, p_fingerprints, p_failures, p_crashes)
                 r (of_lease, ordinal, message_id, number, started_ago, finished_ago,
                    outcome, next, delay, reason, error_class, error, fingerprint, failures, crashes)
        JOIN held h ON h.id = r.of_lease AND get_bit(h.completed, r.ordinal) = 1
    ), history AS (
        INSERT INTO postroom.attempt
            (message_id, started_at, finished_at, lease_id, queue_id, worker_id, number, outcome, error_class, error)
        SELECT r.message_id,
               statement_timestamp() - r.started_ago * interval '1 microsecond',
               statement_timestamp() - r.finished_ago * interval '1 microsecond',
               r.lease_id, r.queue_id, p_worker, r.number, r.outcome, r.error_class, r.error
        FROM results r
        WHERE r.outcome IS NOT NULL
          AND NOT r.passes_on
    ), put_off AS (
        INSERT INTO postroom.delayed (due_at, queue_id, priority, failures, crashes, deliveries, message_id, reason)
        SELECT clock_timestamp() + r.delay * interval '1 microsecond',
               r.queue_id, r.priority, r.failures, r.crashes, r.number, r.message_id, r.reason
        FROM results r
        WHERE r.next = 1
        ON CONFLICT DO NOTHING
    ), given_back AS (
        INSERT INTO postroom.ready (seq, queue_id, priority, failures, crashes, deliveries, message_id, group_key)
        SELECT nextval('postroom.ready_seq'), r.queue_id, r.priority, r.failures, r.crashes, r.number, r.message_id,
               CASE WHEN r.queue_id = ANY (ARRAY(SELECT f.id FROM postroom.queue f WHERE f.fair))
                    THEN postroom.fair_key(r.message_id) ELSE '' END
        FROM results r
        WHERE r.next = 2
    ), buried AS (
        INSERT INTO postroom.dead_letter
            (queue_id, priority, failures, crashes, deliveries, message_id, reason, error_class, error, fingerprint)
        SELECT r.queue_id, r.priority, coalesce(r.failures, 0), coalesce(r.crashes, 0), r.number, r.message_id,
               CASE WHEN r.passes_on THEN 'expired' ELSE r.reason END, r.error_class, r.error, r.fingerprint
        FROM results r
        WHERE r.next = 3
           OR r.passes_on
        ON CONFLICT DO NOTHING
    ), dropped AS (
        DELETE FROM postroom.lease l
        WHERE l.id = ANY (ARRAY(SELECT h.id FROM held h WHERE bit_count(h.rest) = 0))
    ), kept AS (
        -- Names its leases twice to pin the plan: the array makes PostgreSQL go through lease_pk. From the join alone it would plan by the
        -- statistics of lease, which are wrong while a snapshot keeps ended leases from being cleaned up.
        UPDATE postroom.lease l
        SET open = h.rest
        FROM held h
        WHERE l.id = h.id
          AND bit_count(h.rest) > 0
          AND l.id = ANY (ARRAY(SELECT h.id FROM held h WHERE bit_count(h.rest) > 0))
    )
    SELECT h.id, h.completed::text FROM held h;
END
$function$
;
COMMENT ON FUNCTION postroom.complete IS 'Internal: called by workers. Ends attempts in any way: finished, delayed, ready again or dead.';

CREATE OR REPLACE FUNCTION postroom.completion_message(p_batch postroom.batch)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT CASE WHEN coalesce(nullif(p_batch.completion -> 'payload', 'null'), nullif(p_batch.completion -> 'body', 'null')) IS NULL
                THEN jsonb_build_object('type', 'postroom.batch-completed') || jsonb_strip_nulls(p_batch.completion)
                     || jsonb_build_object('payload', r.result)
                ELSE p_batch.completion END
           || jsonb_build_object('headers',
                  coalesce(nullif(p_batch.completion -> 'headers', 'null'), '{}')
                  || jsonb_build_object(
                         'postroom-batch', p_batch.id,
                         'postroom-batch-name', p_batch.name,
                         'postroom-batch-cancel-requested', r.result ->> 'cancelRequested',
                         'postroom-batch-total', r.result ->> 'total',
                         'postroom-batch-done', r.result ->> 'done',
                         'postroom-batch-dead', r.result ->> 'dead',
                         'postroom-batch-cancelled', r.result ->> 'cancelled',
                         'postroom-batch-expired', r.result ->> 'expired',
                         'postroom-batch-purged', r.result ->> 'purged'))
    FROM (SELECT postroom.batch_result(p_batch) AS result) r
$function$
;
COMMENT ON FUNCTION postroom.completion_message IS 'Internal: the completion message of a batch, as for create_messages.';

CREATE OR REPLACE FUNCTION postroom.content_hash(p_type text, p_version integer, p_payload jsonb, p_body bytea)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT encode(substring(sha256(
        convert_to(coalesce(p_type, '') || '/' || p_version || ':'
            || coalesce(p_payload::text, 'body ' || encode(p_body, 'hex'), ''), 'UTF8')
    ) FROM 1 FOR 16), 'hex')::uuid
$function$
;
COMMENT ON FUNCTION postroom.content_hash IS 'Internal: what makes two messages of a queue the same for a repeat.';

CREATE OR REPLACE FUNCTION postroom.count_done_parts(p_batch uuid, p_parts bigint[], p_since timestamp with time zone)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_nestloop TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_custom_plan'
 SET jit TO 'off'
AS $function$
DECLARE
    done int;
BEGIN
    WITH looked AS MATERIALIZED (
        SELECT p.id, p.size,
               -- Sub-selects, which need no join with the parts: their plan is pinned by that.
               CASE WHEN (SELECT true FROM postroom.attempt a
                          WHERE a.message_id = p.first_id AND a.finished_at >= p_since AND a.outcome = 0 LIMIT 1)
                     AND (SELECT true FROM postroom.attempt a
                          WHERE a.message_id = p.last_id AND a.finished_at >= p_since AND a.outcome = 0 LIMIT 1)
                    THEN p.size = (SELECT count(*)
                                   FROM unnest(p.members) u (message_id)
                                   JOIN (SELECT a.message_id
                                         FROM postroom.attempt a
                                         WHERE a.message_id BETWEEN p.first_id AND p.last_id AND a.finished_at >= p_since AND a.outcome = 0
                                         LIMIT 2 * p.size) e ON e.message_id = u.message_id)
                    END AS is_done
        FROM postroom.batch_part p
        WHERE p.batch_id = p_batch
          AND p.id = ANY (p_parts)
          AND p.entries = 1 -- a member with entries in several queues has an end for each
          AND NOT p.is_dead
    ), removed AS (
        DELETE FROM postroom.batch_part p
        WHERE p.batch_id = p_batch
          AND p.id = ANY (ARRAY(SELECT l.id FROM looked l WHERE l.is_done))
    )
    SELECT coalesce(sum(l.size) FILTER (WHERE l.is_done), 0) INTO done FROM looked l;
    RETURN done;
END
$function$
;
COMMENT ON FUNCTION postroom.count_done_parts IS 'Internal: called by a job. Counts the members in those parts of a batch all of whose members are done, and removes these parts.';

CREATE OR REPLACE FUNCTION postroom.count_length(p_known postroom.queue_length, p_last_seq bigint, p_most bigint)
 RETURNS postroom.queue_length
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET jit TO 'off'
AS $function$
DECLARE
    is_known  constant boolean := p_known.max_length IS NOT NULL AND p_known.counted_seq <= p_last_seq;
    fresh     postroom.queue_length := p_known;
BEGIN
    SELECT sum(l.waiting)::bigint,
           array_agg(coalesce(l.lowest, greatest(from_seq.place, p_last_seq - 1000)) ORDER BY x.prio)
    INTO fresh.waiting, fresh.lowest
    FROM generate_series(0, 9) x (prio)
    CROSS JOIN LATERAL (SELECT CASE WHEN is_known THEN coalesce(p_known.lowest[x.prio + 1], 0) ELSE 0 END AS place) from_seq
    CROSS JOIN LATERAL (
        SELECT count(*) AS waiting, min(c.seq) AS lowest
        FROM (SELECT r.seq
              FROM postroom.ready r
              WHERE r.queue_id = p_known.queue_id
                AND r.priority = x.prio::smallint
                AND r.seq >= from_seq.place
              ORDER BY r.queue_id, r.priority, r.seq
              LIMIT p_most) c) l;
    fresh.counted_seq := p_last_seq;
    fresh.counted_at := clock_timestamp();
    RETURN fresh;
END
$function$
;
COMMENT ON FUNCTION postroom.count_length IS 'Internal: counts what is READY in a limited queue.';

CREATE OR REPLACE FUNCTION postroom.count_parts(p_batch uuid, p_parts bigint[], p_since timestamp with time zone, p_purged uuid[], p_waiting boolean)
 RETURNS TABLE(looked integer, ended integer, done integer, expired integer, cancelled integer, dead integer, purged integer, waiting uuid[])
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_nestloop TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_custom_plan'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH members AS MATERIALIZED (
        SELECT p.id AS part, p.entries, p.is_dead, u.message_id, u.place
        FROM postroom.batch_part p
        CROSS JOIN LATERAL unnest(p.members) WITH ORDINALITY u (message_id, place)
        WHERE p.batch_id = p_batch
          AND p.id = ANY (p_parts)
    ), ends AS MATERIALIZED (
        SELECT a.message_id, count(*) AS entries,
               max(CASE WHEN a.outcome = 0 THEN 0
                        WHEN a.error LIKE '%; went on through exchange "%' THEN 3 -- see pass_on
                        WHEN a.outcome = 2 THEN 1
                        ELSE 2 END) AS fate
        FROM postroom.attempt a
        WHERE a.message_id = ANY (ARRAY(SELECT m.message_id FROM members m))
          AND a.finished_at >= p_since
          AND a.outcome <= 2
        GROUP BY a.message_id
    ), letters AS MATERIALIZED (
        SELECT d.message_id, count(*) AS entries
        FROM postroom.dead_letter d
        WHERE d.message_id = ANY (ARRAY(SELECT m.message_id
                                        FROM members m
                                        LEFT JOIN ends e ON e.message_id = m.message_id
                                        WHERE coalesce(e.entries, 0) < m.entries))
        GROUP BY d.message_id
    ), judged AS MATERIALIZED (
        SELECT m.part, m.entries, m.is_dead, m.message_id, m.place,
               CASE WHEN e.entries >= m.entries THEN e.fate
                    WHEN d.entries + coalesce(e.entries, 0) >= m.entries THEN 4
                    WHEN m.message_id = ANY (p_purged) THEN 5 END AS fate
        FROM members m
        LEFT JOIN ends e ON e.message_id = m.message_id
        LEFT JOIN letters d ON d.message_id = m.message_id
    ), changed AS MATERIALIZED (
        SELECT DISTINCT j.part FROM judged j WHERE j.fate IS DISTINCT FROM CASE WHEN j.is_dead THEN 4 END
    ), removed AS (
        DELETE FROM postroom.batch_part p
        WHERE p.batch_id = p_batch
          AND p.id = ANY (ARRAY(SELECT c.part FROM changed c))
    ), kept AS (
        INSERT INTO postroom.batch_part (batch_id, first_id, last_id, size, entries, is_dead, members)
        SELECT p_batch, r.members[1], r.members[cardinality(r.members)], cardinality(r.members), r.entries, r.is_dead, r.members
        FROM (SELECT n.entries, n.is_dead, array_agg(n.message_id ORDER BY n.nth) AS members
              FROM (SELECT j.message_id, j.entries, j.fate IS NOT NULL AS is_dead,
                           row_number() OVER (PARTITION BY j.entries, j.fate IS NOT NULL ORDER BY j.part, j.place) AS nth
                    FROM judged j
                    JOIN changed c ON c.part = j.part
                    WHERE j.fate IS NULL OR j.fate = 4) n
              GROUP BY n.entries, n.is_dead, (n.nth - 1) / 1000) r
    )
    SELECT count(*)::int,
           count(*) FILTER (WHERE j.fate IS DISTINCT FROM CASE WHEN j.is_dead THEN 4 END)::int,
           count(*) FILTER (WHERE j.fate = 0)::int,
           count(*) FILTER (WHERE j.fate = 1)::int,
           count(*) FILTER (WHERE j.fate = 2)::int,
           count(*) FILTER (WHERE j.fate = 3)::int,
           count(*) FILTER (WHERE j.fate = 5)::int,
           CASE WHEN p_waiting THEN array_agg(j.message_id) FILTER (WHERE j.fate IS NULL) END
    FROM judged j;
END
$function$
;
COMMENT ON FUNCTION postroom.count_parts IS 'Internal: called by a job. Counts the members in some parts of a batch that have ended, and takes them out of these parts.';

CREATE OR REPLACE FUNCTION postroom.count_starts(p_period bigint, p_window text, p_until bigint[], p_booked integer[], p_now bigint, OUT used bigint, OUT until bigint[], OUT booked integer[])
 RETURNS record
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    latest constant bigint := postroom.start_slice(p_period, p_window, p_now + 1250000); -- see start_time
    keep   constant bigint := CASE p_window WHEN 'fixed' THEN 0 ELSE p_period END;
BEGIN
    SELECT coalesce(sum(c.n), 0), coalesce(array_agg(c.at ORDER BY c.at), '{}'), coalesce(array_agg(c.n::int ORDER BY c.at), '{}')
    INTO used, until, booked
    FROM (
        SELECT least(u.at, latest) AS at, sum(u.n) AS n
        FROM unnest(p_until, p_booked) u (at, n)
        WHERE u.n > 0
          AND least(u.at, latest) + keep > p_now
        GROUP BY 1
    ) c;
END
$function$
;
COMMENT ON FUNCTION postroom.count_starts IS 'Internal: which booked starts count now under a limit.';

CREATE OR REPLACE FUNCTION postroom.create_access_token(name text, role text, queues text[] DEFAULT '{}'::text[], expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    patterns  constant text[] := coalesce(create_access_token.queues, '{}');
    author    constant text := coalesce(create_access_token.actor, session_user);
    secret    text;
BEGIN
    PERFORM postroom.require_reason_if_given(create_access_token.reason, create_access_token.actor);
    PERFORM postroom.require_access_token(create_access_token.name, create_access_token.role, patterns, create_access_token.expires_at);
    PERFORM postroom.lock_access_tokens(); -- see step 1
    IF EXISTS (SELECT FROM postroom.access_token t WHERE t.name = create_access_token.name) THEN
        PERFORM postroom.refuse('name', 'one that no token has or had', create_access_token.name,
            'The ledger tells who did what by this name, so a revoked one is not used again');
    ELSIF (SELECT count(*) FROM postroom.access_token t
           WHERE t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())) >= 10000 THEN
        PERFORM postroom.refuse('name', 'one of at most 10000 tokens in use', create_access_token.name, 'Revoke some');
    END IF;
    secret := 'postroom_' || translate(encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
                                                     || uuid_send(gen_random_uuid())), 'base64'), '+/=', '-_');
    INSERT INTO postroom.access_token (name, hash, role, queues, created_by, expires_at)
    VALUES (create_access_token.name, sha256(convert_to(secret, 'UTF8')), create_access_token.role, patterns, author,
            create_access_token.expires_at);
    INSERT INTO postroom.operator_action (actor, action, planned, done, finished_at, filter, reason)
    VALUES (author, 'create_token', 1, 1, clock_timestamp(),
            jsonb_strip_nulls(jsonb_build_object(
                'token', create_access_token.name,
                'role', create_access_token.role,
                'queues', CASE WHEN patterns <> '{}' THEN to_jsonb(patterns) END,
                'expiresAt', create_access_token.expires_at)),
            create_access_token.reason);
    RETURN secret;
END
$function$
;
COMMENT ON FUNCTION postroom.create_access_token IS 'Makes a token for the HTTP API and the console, and tells it this once: SELECT postroom.create_access_token(''ci'', ''reader'').
role: reader sees, operator does all, producer creates messages in queues that match, and reads nothing:
SELECT postroom.create_access_token(''shop'', ''producer'', queues => ''{orders.*}'', expires_at => now() + interval ''90 days'').
A star stands for one word between dots, # for any number of words. The name goes on record with what is done, and is never used again.
Servers take it within about a second. A value that breaks a limit is refused (22023).';

CREATE OR REPLACE FUNCTION postroom.create_batch(name text, parent uuid DEFAULT NULL::uuid, completion jsonb DEFAULT NULL::jsonb)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    new_batch     postroom.batch;
    parent_batch  postroom.batch;
BEGIN
    IF create_batch.name IS NULL THEN
        PERFORM postroom.refuse('name', '1 to 200 characters', NULL);
    END IF;
    PERFORM postroom.require_text('name', create_batch.name);
    new_batch.id := postroom.new_id();
    new_batch.name := create_batch.name;
    new_batch.completion := nullif(create_batch.completion, 'null');
    IF new_batch.completion IS NOT NULL THEN
        PERFORM postroom.require_completion(new_batch);
    END IF;
    IF create_batch.parent IS NOT NULL THEN
        parent_batch := postroom.require_open_batch('parent', create_batch.parent);
        IF parent_batch.parent_id IS NOT NULL THEN
            PERFORM postroom.refuse('parent', 'a batch that has no parent itself', create_batch.parent::text,
                'Batches are nested once: give the new batch the same parent');
        END IF;
    END IF;
    INSERT INTO postroom.batch (id, parent_id, name, completion)
    VALUES (new_batch.id, create_batch.parent, new_batch.name, new_batch.completion);
    INSERT INTO postroom.batch_progress (batch_id) VALUES (new_batch.id);
    RETURN new_batch.id;
END
$function$
;
COMMENT ON FUNCTION postroom.create_batch IS 'Creates a batch, in the transaction of the caller, and answers its id:
SELECT postroom.create_batch(''report 42'', completion => ''{"queue": "reports.finished"}'').
Members are messages with that id: create_message(''parts'', ''{}'', batch => ''...''). Then seal it: SELECT postroom.seal_batch(''...'').
parent: an open batch without a parent, which is completed after this one.
completion: the message that is created when all members have ended, as for create_messages, without id, at, deduplicationKey and batch.
Its headers tell the counts; without a payload of its own its payload tells them, too. See the view batches for how far it is.';

CREATE OR REPLACE FUNCTION postroom.create_message(queue text DEFAULT NULL::text, payload jsonb DEFAULT NULL::jsonb, type text DEFAULT NULL::text, type_version integer DEFAULT 1, message_id uuid DEFAULT NULL::uuid, delay interval DEFAULT NULL::interval, at timestamp with time zone DEFAULT NULL::timestamp with time zone, time_to_live interval DEFAULT NULL::interval, priority integer DEFAULT 4, deduplication_key text DEFAULT NULL::text, correlation_id text DEFAULT NULL::text, headers jsonb DEFAULT NULL::jsonb, direction text DEFAULT 'OUTGOING'::text, body bytea DEFAULT NULL::bytea, content_type text DEFAULT NULL::text, group_key text DEFAULT NULL::text, exchange text DEFAULT NULL::text, routing_key text DEFAULT NULL::text, mandatory boolean DEFAULT true, deduplicate_until text DEFAULT 'purged'::text, on_duplicate text DEFAULT 'refuse'::text, batch uuid DEFAULT NULL::uuid)
 RETURNS TABLE(id uuid, is_new boolean, queues text[])
 LANGUAGE plpgsql
 SECURITY DEFINER ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    new_payload   constant jsonb := CASE WHEN create_message.body IS NULL THEN coalesce(create_message.payload, 'null') END;
    new_body      constant bytea := create_message.body;
    new_version   constant int := CASE WHEN create_message.type IS NULL THEN 0 ELSE coalesce(create_message.type_version, 1) END;
    new_priority  constant int := coalesce(create_message.priority, 4);
    new_headers   constant jsonb := nullif(nullif(create_message.headers, 'null'), '{}');
    new_until     constant text := coalesce(create_message.deduplicate_until, 'purged');
    new_on_duplicate  constant text := coalesce(create_message.on_duplicate, 'refuse');
    horizon       constant interval := interval '400 days';
    started_at    constant timestamptz := clock_timestamp();
    due           timestamptz;
    key_owner     int;
    targets       postroom.queue[];
    target        postroom.queue;
    new_message   postroom.message;
    new_id        uuid := create_message.message_id;
    existing_id   uuid;
    same_content  boolean;
    to_settle     int[]; -- queues that may be too long afterwards: see limits
BEGIN
    -- In the order of CreateMessage's own checks, so that SQL and Java refuse the same thing first.
    IF create_message.exchange IS NULL THEN
        PERFORM postroom.require_name('queue', create_message.queue);
        IF create_message.routing_key IS NOT NULL THEN
            PERFORM postroom.refuse('routingKey', 'given only with exchange', create_message.routing_key);
        END IF;
    ELSE
        IF create_message.queue IS NOT NULL THEN
            PERFORM postroom.refuse('queue', 'left out with exchange', create_message.queue);
        END IF;
        PERFORM postroom.require_routing_key(coalesce(create_message.routing_key, ''));
    END IF;
    IF new_id IS NOT NULL
       AND (substring(new_id::text FROM 15 FOR 1) <> '7'
            OR substring(new_id::text FROM 20 FOR 1) NOT IN ('8', '9', 'a', 'b')
            OR postroom.instant_of(new_id) NOT BETWEEN started_at - interval '24 hours' AND started_at + interval '5 minutes') THEN
        PERFORM postroom.refuse('id', 'a UUID of version 7 made between 24 hours ago and 5 minutes ahead', new_id::text,
            'Use postroom.new_id(); a foreign id belongs into correlationId or the deduplication key');
    END IF;
    IF create_message.delay NOT BETWEEN interval '0' AND horizon THEN
        PERFORM postroom.refuse('delay', 'PT0S to 400 days', create_message.delay::text);
    END IF;
    IF create_message.at > started_at + horizon OR create_message.at < timestamptz 'epoch' THEN
        PERFORM postroom.refuse('at', 'after 1970 and at most 400 days ahead', create_message.at::text);
    END IF;
    IF create_message.time_to_live NOT BETWEEN interval '1 millisecond' AND horizon THEN
        PERFORM postroom.refuse('timeToLive', 'PT0.001S to 400 days', create_message.time_to_live::text);
    END IF;
    IF create_message.delay IS NOT NULL AND create_message.at IS NOT NULL THEN
        PERFORM postroom.refuse('at', 'given only without delay', create_message.at::text);
    END IF;
    IF create_message.time_to_live <= coalesce(create_message.delay, create_message.at - started_at, interval '0') THEN
        PERFORM postroom.refuse('timeToLive', 'longer than the delay of ' || coalesce(create_message.delay, create_message.at - started_at),
            create_message.time_to_live::text);
    END IF;
    IF new_priority NOT BETWEEN 0 AND 9 THEN
        PERFORM postroom.refuse('priority', '0 to 9', new_priority::text);
    END IF;
    PERFORM postroom.require_text('deduplicationKey', create_message.deduplication_key);
    IF new_until NOT IN ('purged', 'end', 'start') THEN
        PERFORM postroom.refuse('deduplicateUntil', 'purged, end or start', new_until);
    ELSIF new_on_duplicate NOT IN ('refuse', 'keep', 'replace', 'reschedule') THEN
        PERFORM postroom.refuse('onDuplicate', 'refuse, keep, replace or reschedule', new_on_duplicate);
    ELSIF create_message.deduplication_key IS NULL AND (new_until <> 'purged' OR new_on_duplicate <> 'refuse') THEN
        PERFORM postroom.refuse('deduplicationKey', 'given with deduplicateUntil or onDuplicate', NULL);
    END IF;
    PERFORM postroom.require_text('correlationId', create_message.correlation_id);
    PERFORM postroom.require_text('group', create_message.group_key);
    IF new_headers IS NOT NULL THEN
        PERFORM postroom.require_headers(new_headers);
    END IF;
    IF create_message.direction NOT IN ('OUTGOING', 'INCOMING') THEN
        PERFORM postroom.refuse('direction', 'OUTGOING or INCOMING', create_message.direction);
    END IF;
    IF create_message.type IS NOT NULL THEN
        PERFORM postroom.require_name('type', create_message.type);
        IF new_version NOT BETWEEN 1 AND 32767 THEN
            PERFORM postroom.refuse('version', '1 to 32767', new_version::text);
        END IF;
    END IF;
    IF new_body IS NULL THEN
        PERFORM postroom.require_payload(new_payload);
        IF create_message.content_type IS NOT NULL THEN
            PERFORM postroom.refuse('contentType', 'given only with body', create_message.content_type);
        END IF;
    ELSIF create_message.payload IS NOT NULL THEN
        PERFORM postroom.refuse('payload', 'given only without body', left(create_message.payload::text, 1000));
    ELSE
        IF octet_length(new_body) > 1048576 THEN
            PERFORM postroom.refuse('payload', 'at most 1048576 bytes', octet_length(new_body) || ' bytes');
        END IF;
        PERFORM postroom.require_text('contentType', create_message.content_type);
    END IF;
    IF create_message.batch IS NOT NULL THEN
        PERFORM postroom.require_open_batch('batch', create_message.batch); -- locks it: see batch
    END IF;

    IF create_message.exchange IS NULL THEN
        target := postroom.queue_for_use(create_message.queue);
        key_owner := target.id;
    ELSE
        IF EXISTS (SELECT FROM postroom.message m WHERE m.id = create_message.message_id) THEN
            targets := '{}'; -- a repeat: its exchange may be gone by now
        ELSE
            -- One statement, so one snapshot of all exchanges and bindings: a change that commits later counts for the next message.
            SELECT r.targets, r.exchange_id INTO targets, key_owner
            FROM postroom.routed(create_message.exchange, coalesce(create_message.routing_key, ''), coalesce(new_headers, '{}')) r;
        END IF;
        IF cardinality(targets) = 1 THEN
            target := targets[1];
        END IF;
        key_owner := CASE WHEN create_message.exchange = '' THEN coalesce(target.id, 0) ELSE -key_owner END;
    END IF;
    due := CASE WHEN create_message.delay > interval '0' THEN started_at + create_message.delay
                WHEN create_message.at > started_at THEN create_message.at END;
    new_id := coalesce(new_id, postroom.new_id());

    -- The low watermark (see poll) rests on this order: the transaction id and the lock on ready come before nextval draws a seq.
    PERFORM pg_current_xact_id();

    -- The one list of columns here. The row goes in whole, so a default of the table does not apply: what is not assigned is NULL.
    new_message.id := new_id;
    new_message.created_at := statement_timestamp();
    -- A queue's time to live outside its limits counts for nothing: else a negative one would expire each message at once.
    new_message.expires_at := statement_timestamp() + coalesce(create_message.time_to_live,
        CASE WHEN target.time_to_live BETWEEN interval '1 millisecond' AND horizon THEN target.time_to_live END);
    new_message.queue_id := coalesce(target.id, 0);
    new_message.type_version := new_version;
    new_message.priority := new_priority;
    new_message.direction := CASE create_message.direction WHEN 'INCOMING' THEN 1 ELSE 0 END;
    new_message.type := create_message.type;
    new_message.correlation_id := create_message.correlation_id;
    new_message.group_key := create_message.group_key;
    new_message.content_type := CASE WHEN new_body IS NOT NULL THEN coalesce(create_message.content_type, 'application/octet-stream') END;
    new_message.created_by := session_user;
    new_message.exchange := create_message.exchange;
    new_message.routing_key := CASE WHEN create_message.exchange IS NOT NULL THEN coalesce(create_message.routing_key, '') END;
    new_message.queue_ids := CASE WHEN cardinality(targets) > 1 THEN ARRAY(SELECT t.id FROM unnest(targets) t) END;
    new_message.headers := CASE WHEN create_message.batch IS NULL THEN new_headers
                                ELSE coalesce(new_headers, '{}') || jsonb_build_object('postroom-batch', create_message.batch) END;
    new_message.payload := new_payload;
    new_message.body := new_body;

    IF cardinality(targets) = 0 THEN
        -- A message that reaches no queue now may repeat one that was stored while a binding matched. Then it is a repeat, unless that
        -- one holds the key no more: then nothing stands for what this one tells.
        SELECT m.id INTO existing_id
        FROM postroom.message m
        WHERE m.id = coalesce((SELECT d.message_id FROM postroom.dedup d
                               WHERE d.queue_id = key_owner AND d.key = create_message.deduplication_key
                                 AND postroom.keeps_key(d.message_id, new_until, new_on_duplicate)), new_id);
        IF NOT FOUND THEN
            PERFORM postroom.refuse_or_drop(new_message, create_message.mandatory);
            RETURN QUERY SELECT new_id, false, '{}'::text[];
            RETURN;
        END IF;
    ELSIF create_message.deduplication_key IS NOT NULL THEN
        existing_id := postroom.take_key(key_owner, create_message.deduplication_key, new_id, new_until, new_on_duplicate, due);
    END IF;
    IF existing_id IS NULL THEN
        new_message.seq := 0;
        IF due IS NULL THEN
            -- Conditions of their own, without a subquery: most messages go no further than the first, which then costs no statement.
            IF target.max_length IS NOT NULL OR target.id IS NULL THEN
                IF EXISTS (SELECT FROM unnest(targets || target) t WHERE t.max_length IS NOT NULL)
                   AND NOT EXISTS (SELECT FROM postroom.message m WHERE m.id = create_message.message_id) THEN
                    to_settle := postroom.require_room(
                        CASE WHEN target.id IS NULL THEN targets ELSE ARRAY[target] END, create_message.message_id);
                END IF;
            END IF;
            -- Not earlier: whoever waits for a key must not hold the low watermark back.
            LOCK TABLE postroom.ready IN ROW EXCLUSIVE MODE;
            new_message.seq := nextval('postroom.ready_seq');
        END IF;
        IF target.id IS NULL THEN
            existing_id := postroom.store_routed(new_message, targets, due);
        ELSE
            INSERT INTO postroom.message VALUES (new_message.*) ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN
                existing_id := new_id;
            ELSIF due IS NULL THEN
                INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved, group_key)
                VALUES (new_message.seq, target.id, new_priority, new_id, false,
                        CASE WHEN target.fair THEN coalesce(new_message.group_key, E'\x01') ELSE '' END);
            ELSE
                INSERT INTO postroom.delayed (due_at, queue_id, priority, message_id, reason)
                VALUES (due, target.id, new_priority, new_id, 'delay');
            END IF;
        END IF;
        IF existing_id IS NULL THEN
            IF to_settle IS NOT NULL THEN
                PERFORM postroom.settle_length(t.queue_id, 1, new_message.seq - 1, ARRAY[new_id])
                FROM unnest(to_settle) t (queue_id);
            END IF;
            IF create_message.batch IS NOT NULL THEN
                PERFORM postroom.add_member(create_message.batch, new_id, greatest(cardinality(new_message.queue_ids), 1));
            END IF;
            RETURN QUERY SELECT new_id, true,
                CASE WHEN target.id IS NULL THEN ARRAY(SELECT t.name FROM unnest(targets) t) ELSE ARRAY[target.name] END;
            RETURN;
        END IF;
    END IF;

    SELECT CASE WHEN create_message.exchange IS NULL THEN m.queue_id = target.id AND m.exchange IS NULL
                ELSE m.exchange = create_message.exchange AND m.routing_key = new_message.routing_key END
           AND postroom.content_hash(m.type, m.type_version, m.payload, m.body)
               = postroom.content_hash(create_message.type, new_version, new_payload, new_body)
    INTO same_content
    FROM postroom.message m
    WHERE m.id = existing_id;
    IF coalesce(same_content, true)  -- a message that was purged meanwhile counts as the same
       OR new_on_duplicate <> 'refuse' AND existing_id <> new_id THEN
        RETURN QUERY SELECT existing_id, false, postroom.queues_of(existing_id);
        RETURN;
    END IF;
    RAISE EXCEPTION '% already has a message with % "%" but other content: %. '
        'Nothing was written; use another %, or send the same content to have the repeat recognised',
        coalesce('exchange "' || nullif(create_message.exchange, '') || '"', 'queue "' || target.name || '"'),
        CASE WHEN existing_id = new_id THEN 'id' ELSE 'deduplicationKey' END,
        CASE WHEN existing_id = new_id THEN new_id::text ELSE create_message.deduplication_key END,
        existing_id || coalesce(' (' || (SELECT min(p.state) FROM postroom.place p WHERE p.message_id = existing_id) || ')', ''),
        CASE WHEN existing_id = new_id THEN 'id' ELSE 'deduplicationKey' END
        USING ERRCODE = '23505', COLUMN = CASE WHEN existing_id = new_id THEN 'id' ELSE 'deduplicationKey' END;
END
$function$
;
COMMENT ON FUNCTION postroom.create_message IS 'Puts a message into a queue, in the transaction of the caller:
SELECT id FROM postroom.create_message(''mail'', ''{"to": "ann"}'', type => ''ticket'').
Or through an exchange, into each queue that its bindings choose (see postroom.bind):
SELECT id, queues FROM postroom.create_message(exchange => ''orders'', routing_key => ''order.42.paid'', payload => ''{}'').
A message that reaches no queue is refused (PR404); with mandatory => false it is dropped, a line is kept, and queues is empty.
The message exists if and only if that transaction commits; workers notice it by polling, within a second.
is_new is false, and id is that of the first message, when message_id or deduplication_key was there with the same content.
With other content it is an error (23505). deduplicate_until says until when another message holds the key: purged, end or start.
on_duplicate says what happens then: refuse other content, keep the first, replace it while it waits, or reschedule it to the new due
time. batch makes it a member of that batch (see create_batch); a message that was there already does not become one.
A value that breaks a limit is refused (22023); its field stands in COLUMN.
A message for a queue that is full and rejects is refused (PR429). Who creates messages in a queue with a maximum length waits for
others that do so, until their transactions end.
An open transaction with the same new key, id or queue name is waited for. That may end in 40001 under REPEATABLE READ,
and in 40P01 when two transactions take keys in opposite orders. A queue that a prepared transaction is making is an error (55P03).';

CREATE OR REPLACE FUNCTION postroom.create_messages(messages jsonb)
 RETURNS TABLE(index integer, id uuid, is_new boolean, queues text[])
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    message       jsonb;
    place         int;
    reading       text;
    message_id    uuid;
    delay         interval;
    due           timestamptz;
    time_to_live  interval;
    body          bytea;
    batch         uuid;
    said          text;
    field         text;
    hint          text;
BEGIN
    IF messages IS NULL OR jsonb_typeof(messages) <> 'array' THEN
        PERFORM postroom.refuse('messages', 'a JSON array of objects', messages::text);
    ELSIF jsonb_array_length(messages) > 10000 THEN
        PERFORM postroom.refuse('messages', 'at most 10000 at once', jsonb_array_length(messages) || ' messages', 'Send several batches');
    END IF;
    FOR message, place IN SELECT m.value, m.ordinality - 1 FROM jsonb_array_elements(messages) WITH ORDINALITY m LOOP
        PERFORM postroom.require_members(message);
        reading := 'id';
        message_id := message ->> reading;
        reading := 'delay';
        delay := message ->> reading;
        reading := 'at';
        due := message ->> reading;
        reading := 'timeToLive';
        time_to_live := message ->> reading;
        reading := 'body';
        body := decode(message ->> reading, 'base64');
        reading := 'batch';
        batch := message ->> reading;
        reading := NULL;
        RETURN QUERY
            SELECT place, c.id, c.is_new, c.queues
            FROM postroom.create_message(
                queue => message ->> 'queue',
                payload => nullif(message -> 'payload', 'null'),
                type => message ->> 'type',
                type_version => (message ->> 'version')::int,
                message_id => message_id,
                delay => delay,
                at => due,
                time_to_live => time_to_live,
                priority => (message ->> 'priority')::int,
                deduplication_key => message ->> 'deduplicationKey',
                correlation_id => message ->> 'correlationId',
                headers => message -> 'headers',
                direction => coalesce(message ->> 'direction', 'OUTGOING'),
                body => body,
                content_type => message ->> 'contentType',
                group_key => message ->> 'group',
                exchange => message ->> 'exchange',
                routing_key => message ->> 'routingKey',
                mandatory => (message ->> 'mandatory')::boolean,
                deduplicate_until => message ->> 'deduplicateUntil',
                on_duplicate => message ->> 'onDuplicate',
                batch => batch) c;
    END LOOP;
EXCEPTION WHEN data_exception OR unique_violation OR SQLSTATE 'PR404' OR SQLSTATE 'PR421' OR SQLSTATE 'PR429' THEN
    IF place IS NULL THEN
        RAISE;
    END IF;
    GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, field = COLUMN_NAME, hint = PG_EXCEPTION_HINT;
    IF reading IS NOT NULL THEN
        field := reading;
        said := reading || ' cannot be read: ' || left(said, 200);
    END IF;
    RAISE EXCEPTION 'message % of the batch: %. Nothing of the batch was written', place, said
        USING ERRCODE = CASE WHEN reading IS NULL THEN SQLSTATE ELSE '22023' END, COLUMN = field, HINT = hint;
END
$function$
;
COMMENT ON FUNCTION postroom.create_messages IS 'Creates up to 10000 messages, all or none, in the transaction of the caller:
SELECT id FROM postroom.create_messages(''[{"queue": "mail", "payload": {"to": "ann"}}, {"queue": "mail", "delay": "5 minutes"}]'').
Members: queue, or exchange with routingKey and mandatory; payload, or body (Base64) with contentType; type, version, id, delay,
at (with a zone), timeToLive, priority, deduplicationKey, deduplicateUntil, onDuplicate, correlationId, group, headers,
direction, batch. A null counts as left out.
Rules: see create_message.
One row for each message, in order; index counts from 0. An error names the message by that number.';

CREATE OR REPLACE FUNCTION postroom.create_reply(p_queue text, p_type text, p_version integer, p_payload jsonb, p_body bytea, p_content_type text, p_headers jsonb, p_priority integer, p_time_to_live interval, p_correlation_id text, p_group_key text, p_direction text)
 RETURNS TABLE(queue_id integer, seq bigint)
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
BEGIN
    PERFORM set_config('postroom.wait_for_room', 'off', true); -- as a clause SET of the function, only a superuser could install it
    RETURN QUERY
    SELECT (SELECT q.id FROM postroom.queue q WHERE q.name = p_queue),
           CASE WHEN c.is_new THEN currval('postroom.ready_seq') END
    FROM postroom.create_message(
        exchange => '', routing_key => p_queue, mandatory => false, type => p_type, type_version => p_version, payload => p_payload,
        body => p_body, content_type => p_content_type, headers => p_headers, priority => p_priority, time_to_live => p_time_to_live,
        correlation_id => p_correlation_id, group_key => p_group_key, direction => p_direction) c;
    PERFORM set_config('postroom.wait_for_room', 'on', true);
END
$function$
;
COMMENT ON FUNCTION postroom.create_reply IS 'Internal: creates the reply of a handler, without waiting for room in its queue.';

CREATE OR REPLACE FUNCTION postroom.create_schedule(name text, message jsonb, cron text DEFAULT NULL::text, zone text DEFAULT NULL::text, every interval DEFAULT NULL::interval, after_end interval DEFAULT NULL::interval, at timestamp with time zone DEFAULT NULL::timestamp with time zone, missed text DEFAULT 'ONCE'::text, missed_limit integer DEFAULT NULL::integer, overlap text DEFAULT 'QUEUE'::text, set_by text DEFAULT 'operator'::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    given   postroom.schedule;
    before  postroom.schedule;
BEGIN
    PERFORM postroom.require_schedule(create_schedule.name, create_schedule.cron, create_schedule.zone, create_schedule.every,
        create_schedule.after_end, create_schedule.at, create_schedule.missed, create_schedule.missed_limit, create_schedule.overlap);
    IF create_schedule.set_by IS NULL OR create_schedule.set_by NOT IN ('operator', 'declaration') THEN
        PERFORM postroom.refuse('set_by', 'operator or declaration', create_schedule.set_by);
    END IF;
    IF create_schedule.message IS NULL THEN
        PERFORM postroom.refuse('message', 'a JSON object', NULL);
    END IF;
    PERFORM postroom.require_members(create_schedule.message);
    given.name := create_schedule.name;
    given.cron := create_schedule.cron;
    given.zone := CASE WHEN create_schedule.cron IS NOT NULL THEN coalesce(create_schedule.zone, 'UTC') END;
    given.every := create_schedule.every;
    given.after_end := create_schedule.after_end;
    given.at := create_schedule.at;
    given.missed := create_schedule.missed;
    given.missed_limit := CASE WHEN create_schedule.missed = 'ALL' THEN coalesce(create_schedule.missed_limit, 100) ELSE 1 END;
    given.overlap := create_schedule.overlap;
    SELECT coalesce(jsonb_object_agg(m.key, m.value), '{}') INTO given.message
    FROM jsonb_each(create_schedule.message) m
    WHERE m.value <> 'null' OR m.key = 'payload';

    LOOP
        SELECT * INTO before FROM postroom.schedule s WHERE s.name = given.name;
        IF FOUND
           AND (before.settings_by = 'operator' OR create_schedule.set_by = 'declaration')
           AND (before.cron, before.zone, before.every, before.after_end, before.at, before.missed, before.missed_limit, before.overlap,
                before.message)
               IS NOT DISTINCT FROM (given.cron, given.zone, given.every, given.after_end, given.at, given.missed, given.missed_limit,
                                     given.overlap, given.message) THEN
            RETURN false;
        END IF;
        IF before.settings_by = 'operator' AND create_schedule.set_by = 'declaration' THEN
            RETURN false;
        END IF;
        PERFORM postroom.require_schedule_message(given.name, given.message); -- writes, so it comes after the answer for a repeat
        IF before.id IS NULL THEN
            INSERT INTO postroom.schedule (name, cron, zone, every, after_end, at, missed, missed_limit, overlap, message, settings_by)
            VALUES (given.name, given.cron, given.zone, given.every, given.after_end, given.at, given.missed, given.missed_limit,
                    given.overlap, given.message, create_schedule.set_by)
            ON CONFLICT DO NOTHING;
            IF FOUND THEN
                RETURN true;
            END IF;
            CONTINUE;
        END IF;
        SELECT * INTO before FROM postroom.schedule s WHERE s.id = before.id FOR UPDATE;
        CONTINUE WHEN NOT FOUND OR before.settings_by = 'operator' AND create_schedule.set_by = 'declaration'; -- changed in between
        IF (before.cron, before.zone, before.every, before.after_end, before.at)
           IS DISTINCT FROM (given.cron, given.zone, given.every, given.after_end, given.at) THEN
            before.planned_at := NULL;
            before.after_at := clock_timestamp();
            before.ended := false;
        END IF;
        UPDATE postroom.schedule s
        SET cron = given.cron, zone = given.zone, every = given.every, after_end = given.after_end, at = given.at,
            missed = given.missed, missed_limit = given.missed_limit, overlap = given.overlap, message = given.message,
            planned_at = before.planned_at, after_at = before.after_at, ended = before.ended,
            due_at = CASE WHEN before.asked_at IS NOT NULL THEN clock_timestamp()
                          WHEN NOT before.paused AND NOT before.ended THEN coalesce(before.planned_at, clock_timestamp()) END,
            settings_by = create_schedule.set_by, error = NULL, error_at = NULL, failures = 0, changed_at = clock_timestamp()
        WHERE s.id = before.id;
        RETURN true;
    END LOOP;
END
$function$
;
COMMENT ON FUNCTION postroom.create_schedule IS 'Declares a schedule that creates a message at each planned time, in the transaction of the caller:
SELECT postroom.create_schedule(''nightly-report'', ''{"queue": "reports", "payload": {}}'', cron => ''30 2 * * *'', zone =>
''Europe/Berlin'').
Or every => ''10 minutes'' (from planned time to planned time), after_end => ''10 minutes'' (from the end of a message to the next),
at => ''2030-01-31T08:00:00Z'' (once). message has the members of an element of create_messages, without id, at and deduplicationKey.
cron: 5 fields, 6 with seconds first, or @daily and the like; zone: UTC if left out. A worker reads them, within two seconds: what it
cannot read stands in column error of the view schedules, and that schedule never fires.
missed: what is done about times that passed while nobody fired: NONE, ONCE (one run for all of them), or ALL up to missed_limit.
overlap: what is done while the message before is unfinished: QUEUE (nothing), SKIP this run, or CANCEL the message before.
A schedule of this name is changed; its times are planned anew when they changed. A paused one stays paused. A repeat answers false and
writes nothing. A program that declares at its start gives set_by => ''declaration'': it changes nothing that was set otherwise.
A value that breaks a limit is refused (22023); its field stands in COLUMN.';

CREATE OR REPLACE FUNCTION postroom.day_bound(p_parent text, p_day date)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
    SELECT quote_literal(CASE p_parent
        WHEN 'message' THEN postroom.lowest_id(p_day::timestamp AT TIME ZONE 'UTC')::text
        ELSE (p_day::timestamp AT TIME ZONE 'UTC')::text END)
$function$
;
COMMENT ON FUNCTION postroom.day_bound IS 'Internal: the bound of a partition that begins or ends on a day, as a literal.';

CREATE OR REPLACE FUNCTION postroom.day_partition(parent text, day date)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT parent || '_' || to_char(day, 'YYYYMMDD')
$function$
;
COMMENT ON FUNCTION postroom.day_partition IS 'Internal: the name of the partition that begins on a day (UTC).';

CREATE OR REPLACE FUNCTION postroom.dead_letter_matches(p_letter postroom.dead_letter, p_filter jsonb)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
    SELECT (p_filter ->> 'reason' IS NULL OR p_letter.reason = p_filter ->> 'reason')
       AND (p_filter ->> 'errorClass' IS NULL OR p_letter.error_class = p_filter ->> 'errorClass')
       AND (p_filter ->> 'deadFrom' IS NULL OR p_letter.dead_at >= (p_filter ->> 'deadFrom')::timestamptz)
       AND (p_filter ->> 'deadTo' IS NULL OR p_letter.dead_at < (p_filter ->> 'deadTo')::timestamptz)
       AND (NOT p_filter ?| '{type,correlationId,createdFrom,createdTo,headers}'
            OR postroom.dead_message_matches(p_letter.message_id, p_filter))
$function$
;
COMMENT ON FUNCTION postroom.dead_letter_matches IS 'Internal: whether a dead letter meets the conditions of a filter, but for queue and fingerprint, which have indexes.';

CREATE OR REPLACE FUNCTION postroom.dead_message_matches(p_message_id uuid, p_filter jsonb)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT (NOT p_filter ?| '{type,correlationId,createdFrom,createdTo}'
            OR EXISTS (SELECT
                       FROM postroom.message m
                       WHERE m.id = p_message_id
                         AND (p_filter ->> 'type' IS NULL OR m.type = p_filter ->> 'type')
                         AND (p_filter ->> 'correlationId' IS NULL OR m.correlation_id = p_filter ->> 'correlationId')
                         AND (p_filter ->> 'createdFrom' IS NULL OR m.created_at >= (p_filter ->> 'createdFrom')::timestamptz)
                         AND (p_filter ->> 'createdTo' IS NULL OR m.created_at < (p_filter ->> 'createdTo')::timestamptz)))
       AND (p_filter -> 'headers' IS NULL OR postroom.message_has_headers(p_message_id, p_filter -> 'headers'))
$function$
;
COMMENT ON FUNCTION postroom.dead_message_matches IS 'Internal: whether the message of a dead letter meets the conditions of a filter that are about the message.';

CREATE OR REPLACE FUNCTION postroom.deaths_with(p_deaths jsonb, p_queue text, p_reason text, p_exchange text, p_key text)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    WITH known AS MATERIALIZED (
        SELECT d.value AS death, d.ordinality AS place, d.value ->> 'queue' = p_queue AND d.value ->> 'reason' = p_reason AS is_same
        FROM jsonb_array_elements(p_deaths) WITH ORDINALITY d
        WHERE jsonb_typeof(d.value) = 'object'
    ), now_dead AS (
        SELECT jsonb_build_object('queue', p_queue, 'reason', p_reason, 'count', 1, 'time', statement_timestamp(),
                                  'exchange', p_exchange, 'routing-key', p_key)
               || coalesce((SELECT k.death FROM known k WHERE k.is_same LIMIT 1), '{}')
               || jsonb_build_object(
                      'count', 1 + coalesce((SELECT CASE WHEN jsonb_typeof(k.death -> 'count') = 'number'
                                                         THEN least((k.death ->> 'count')::numeric, 1000000000)::int END
                                             FROM known k WHERE k.is_same LIMIT 1), 0),
                      'last-time', statement_timestamp(), 'last-exchange', p_exchange, 'last-routing-key', p_key) AS death
    )
    SELECT jsonb_agg(x.death ORDER BY x.place)
    FROM (SELECT n.death, 0::bigint AS place FROM now_dead n
          UNION ALL
          SELECT k.death, k.place FROM known k WHERE NOT coalesce(k.is_same, false)
          ORDER BY place
          LIMIT 10) x
$function$
;
COMMENT ON FUNCTION postroom.deaths_with IS 'Internal: the deaths of a message and one more.';

CREATE OR REPLACE FUNCTION postroom.declaration_conflicts(q postroom.queue, p_max_attempts bigint, p_retry_after text, p_crash_limit bigint, p_time_to_live interval, p_retention interval, p_kind text, p_ordered boolean, p_on_dead_letter text, p_max_length bigint, p_overflow text, p_single_active_consumer boolean, p_expires_after interval, p_fair boolean, p_strict boolean, p_owner uuid)
 RETURNS TABLE(field text, declared text, given text)
 LANGUAGE sql
 STABLE ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT 'owner', postroom.worker_text(q.owner), NULL
    WHERE q.deleted_at IS NULL AND q.kind = 'exclusive' AND q.owner IS DISTINCT FROM p_owner
    UNION ALL
    SELECT 'consumers', o.names, NULL
    FROM (SELECT string_agg(DISTINCT postroom.worker_text(w.instance), ', ') AS names
          FROM postroom.consumer c
          JOIN postroom.worker w ON w.id = c.worker_id
          WHERE p_kind = 'exclusive'
            AND c.queue_id = q.id
            AND w.instance IS DISTINCT FROM p_owner
            AND w.stopped_at IS NULL
            AND w.beat_at > statement_timestamp() - interval '1 minute') o
    WHERE o.names IS NOT NULL
    UNION ALL
    SELECT x.field, x.declared, x.given
    FROM (VALUES
        ('kind', q.kind, p_kind,
            q.kind <> p_kind AND NOT (p_kind = 'auto_delete' AND q.kind = 'durable' AND q.settings_by = 'default')),
        ('attempts', q.max_attempts::text, p_max_attempts::text,
            p_strict AND q.settings_by = 'declaration' AND q.max_attempts <> p_max_attempts),
        ('retryAfter', q.retry_after, p_retry_after,
            p_strict AND q.settings_by = 'declaration' AND NOT postroom.same_waits(q.retry_after, p_retry_after)),
        ('crashLimit', q.crash_limit::text, p_crash_limit::text,
            p_strict AND q.settings_by = 'declaration' AND q.crash_limit <> p_crash_limit),
        ('timeToLive', coalesce(q.time_to_live::text, 'never'), p_time_to_live::text,
            p_strict AND q.settings_by = 'declaration' AND p_time_to_live IS NOT NULL AND q.time_to_live IS DISTINCT FROM p_time_to_live),
        ('retention', q.retention::text, p_retention::text,
            p_strict AND q.settings_by = 'declaration' AND q.retention <> p_retention),
        ('ordered', q.ordered::text, p_ordered::text,
            p_strict AND q.settings_by = 'declaration' AND q.ordered <> p_ordered),
        ('onDeadLetter', q.on_dead_letter, p_on_dead_letter,
            p_strict AND q.settings_by = 'declaration' AND q.on_dead_letter <> p_on_dead_letter),
        ('maxLength', coalesce(q.max_length::text, 'none'), CASE WHEN p_max_length = 0 THEN 'none' ELSE p_max_length::text END,
            p_strict AND q.settings_by = 'declaration' AND coalesce(q.max_length, 0) <> p_max_length),
        ('overflow', q.overflow, p_overflow,
            p_strict AND q.settings_by = 'declaration' AND q.overflow <> p_overflow),
        ('singleActiveConsumer', q.single_active_consumer::text, p_single_active_consumer::text,
            p_strict AND q.settings_by = 'declaration' AND q.single_active_consumer <> p_single_active_consumer),
        ('expiresAfter', coalesce(q.expires_after::text, 'never'),
            CASE p_expires_after WHEN interval '0' THEN 'never' ELSE p_expires_after::text END,
            p_strict AND q.settings_by = 'declaration' AND coalesce(q.expires_after, interval '0') <> p_expires_after),
        ('fair', CASE WHEN q.ordered THEN 'false (it is ordered)' ELSE q.fair::text END, p_fair::text,
            p_fair AND q.ordered
            OR p_strict AND q.settings_by = 'declaration' AND q.fair <> p_fair)
    ) x (field, declared, given, differs)
    WHERE q.deleted_at IS NULL AND x.differs
$function$
;
COMMENT ON FUNCTION postroom.declaration_conflicts IS 'Internal: what of a declaration is refused, with what the queue has instead; no row: it holds.';

CREATE OR REPLACE FUNCTION postroom.declare_exchange(exchange text, kind text DEFAULT 'direct'::text, alternate text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    existing postroom.exchange;
BEGIN
    PERFORM postroom.require_name('exchange', declare_exchange.exchange);
    IF declare_exchange.kind IS NULL OR declare_exchange.kind NOT IN ('direct', 'topic', 'fanout', 'headers') THEN
        PERFORM postroom.refuse('kind', 'direct, topic, fanout or headers', declare_exchange.kind);
    END IF;
    IF declare_exchange.alternate IS NOT NULL THEN
        PERFORM postroom.require_name('alternate', declare_exchange.alternate);
    END IF;
    LOOP
        SELECT * INTO existing FROM postroom.exchange e WHERE e.name = declare_exchange.exchange;
        EXIT WHEN FOUND; -- before the INSERT, because that draws an id even where it inserts nothing
        PERFORM postroom.change_routing();
        INSERT INTO postroom.exchange (name, kind, alternate)
        VALUES (declare_exchange.exchange, declare_exchange.kind, declare_exchange.alternate)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            RETURN true;
        END IF;
    END LOOP;
    IF existing.kind <> declare_exchange.kind THEN
        PERFORM postroom.refuse('kind', existing.kind || ', as exchange "' || existing.name || '" was declared', declare_exchange.kind,
            'Delete the exchange first, or declare one with another name');
    ELSIF existing.alternate IS DISTINCT FROM declare_exchange.alternate THEN
        PERFORM postroom.refuse('alternate',
            coalesce(existing.alternate, 'left out') || ', as exchange "' || existing.name || '" was declared', declare_exchange.alternate,
            'Delete the exchange first, or declare one with another name');
    END IF;
    RETURN false;
END
$function$
;
COMMENT ON FUNCTION postroom.declare_exchange IS 'Makes an exchange; kind is direct, topic, fanout or headers: SELECT postroom.declare_exchange(''orders'', ''topic'').
true: it is new. A repeat changes nothing; with another kind or alternate exchange it is refused (22023).
alternate names the exchange that a message goes on to where no binding matches it.';

CREATE OR REPLACE FUNCTION postroom.declare_queue(queue text, max_attempts integer DEFAULT NULL::integer, retry_after text DEFAULT NULL::text, crash_limit integer DEFAULT NULL::integer, time_to_live interval DEFAULT NULL::interval, retention interval DEFAULT NULL::interval, kind text DEFAULT NULL::text, strict boolean DEFAULT false, dead_letter_exchange text DEFAULT NULL::text, dead_letter_routing_key text DEFAULT NULL::text, ordered boolean DEFAULT NULL::boolean, on_dead_letter text DEFAULT NULL::text, max_length bigint DEFAULT NULL::bigint, overflow text DEFAULT NULL::text, single_active_consumer boolean DEFAULT NULL::boolean, expires_after interval DEFAULT NULL::interval, fair boolean DEFAULT NULL::boolean)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    is_named     constant boolean := num_nonnulls(declare_queue.max_attempts, declare_queue.retry_after, declare_queue.crash_limit,
                                                  declare_queue.time_to_live, declare_queue.retention, declare_queue.kind,
                                                  declare_queue.dead_letter_exchange, declare_queue.ordered,
                                                  declare_queue.on_dead_letter, declare_queue.max_length, declare_queue.overflow,
                                                  declare_queue.single_active_consumer, declare_queue.expires_after,
                                                  declare_queue.fair) > 0;
    existing     postroom.queue;
    changed      postroom.queue;
    is_locked    boolean := false;
    is_first_use boolean := false;
    refused      record;
    broken_rule  text;
BEGIN
    PERFORM postroom.require_name('queue', declare_queue.queue);
    IF declare_queue.max_attempts NOT BETWEEN 1 AND 1000 THEN
        PERFORM postroom.refuse('attempts', '1 to 1000', declare_queue.max_attempts::text);
    ELSIF declare_queue.crash_limit NOT BETWEEN 1 AND 1000 THEN
        PERFORM postroom.refuse('crashLimit', '1 to 1000', declare_queue.crash_limit::text);
    ELSIF declare_queue.time_to_live NOT BETWEEN interval '1 millisecond' AND interval '400 days' THEN
        PERFORM postroom.refuse('timeToLive', 'PT0.001S to 400 days', declare_queue.time_to_live::text);
    ELSIF declare_queue.retention NOT BETWEEN interval '0' AND interval '400 days'
          AND declare_queue.retention <> interval '365000 days' THEN
        PERFORM postroom.refuse('retention', 'PT0S to 400 days, or 365000 days', declare_queue.retention::text);
    ELSIF declare_queue.on_dead_letter NOT IN ('block', 'release') THEN
        PERFORM postroom.refuse('onDeadLetter', 'block or release', declare_queue.on_dead_letter);
    ELSIF declare_queue.max_length NOT BETWEEN 0 AND 1000000000 THEN
        PERFORM postroom.refuse('maxLength', '1 to 1000000000, or 0 for none', declare_queue.max_length::text);
    ELSIF declare_queue.overflow NOT IN ('drop_head', 'reject', 'reject_to_dead_letter_exchange') THEN
        PERFORM postroom.refuse('overflow', 'drop_head, reject or reject_to_dead_letter_exchange', declare_queue.overflow);
    ELSIF declare_queue.expires_after NOT BETWEEN interval '1 millisecond' AND interval '400 days'
          AND declare_queue.expires_after <> interval '0' THEN
        PERFORM postroom.refuse('expiresAfter', '1 ms to 400 days, or 0 for never', declare_queue.expires_after::text);
    ELSIF declare_queue.kind = 'exclusive' THEN
        PERFORM postroom.refuse('kind', 'durable or auto_delete', declare_queue.kind,
            'An exclusive queue belongs to a process: declare it there, with Queues.declare');
    ELSIF declare_queue.kind NOT IN ('durable', 'auto_delete') THEN
        PERFORM postroom.refuse('kind', 'durable or auto_delete', declare_queue.kind);
    ELSIF declare_queue.dead_letter_routing_key IS NOT NULL THEN
        PERFORM postroom.require_routing_key(declare_queue.dead_letter_routing_key);
        IF coalesce(declare_queue.dead_letter_exchange, '') = '' THEN
            PERFORM postroom.refuse('deadLetterRoutingKey', 'given only with a dead letter exchange',
                declare_queue.dead_letter_routing_key);
        END IF;
    END IF;
    IF declare_queue.ordered AND declare_queue.fair THEN
        PERFORM postroom.refuse('fair', 'false for an ordered queue', 'true');
    END IF;
    IF declare_queue.dead_letter_exchange <> '' THEN
        PERFORM postroom.require_name('deadLetterExchange', declare_queue.dead_letter_exchange);
    END IF;
    LOOP
        IF is_locked THEN
            SELECT * INTO existing FROM postroom.queue q WHERE q.name = declare_queue.queue FOR NO KEY UPDATE;
        ELSE
            SELECT * INTO existing FROM postroom.queue q WHERE q.name = declare_queue.queue;
        END IF;
        -- The lock names a prepared transaction that makes the queue. One that comes back needs it, too: else create_message gets the
        -- lock at once, and then waits for the row. It is taken before the row, as there. The race: a queue that is deleted between the
        -- two looks has its row locked already; then both may wait for one another, and the server ends one (40P01).
        IF NOT is_first_use AND (existing.id IS NULL OR existing.deleted_at IS NOT NULL) THEN
            PERFORM postroom.lock_first_use(declare_queue.queue);
            is_first_use := true;
            CONTINUE;
        END IF;
        IF existing.id IS NULL THEN
            INSERT INTO postroom.queue (name, max_attempts, retry_after, crash_limit, time_to_live, retention, kind, settings_by,
                                        dead_letter_exchange, dead_letter_routing_key, ordered, on_dead_letter, max_length, overflow,
                                        single_active_consumer, expires_after, fair)
            VALUES (declare_queue.queue, coalesce(declare_queue.max_attempts, 20), coalesce(declare_queue.retry_after, '10s..6h'),
                    coalesce(declare_queue.crash_limit, 3), declare_queue.time_to_live,
                    coalesce(declare_queue.retention, interval '7 days'), coalesce(declare_queue.kind, 'durable'),
                    CASE WHEN is_named THEN 'declaration' ELSE 'default' END,
                    nullif(declare_queue.dead_letter_exchange, ''), declare_queue.dead_letter_routing_key,
                    coalesce(declare_queue.ordered, false), coalesce(declare_queue.on_dead_letter, 'release'),
                    nullif(declare_queue.max_length, 0), coalesce(declare_queue.overflow, 'drop_head'),
                    coalesce(declare_queue.single_active_consumer, false), nullif(declare_queue.expires_after, interval '0'),
                    coalesce(declare_queue.fair, false))
            ON CONFLICT DO NOTHING;
            IF FOUND THEN
                RETURN true;
            END IF;
            CONTINUE;
        END IF;
        SELECT string_agg(c.field, ', ') AS fields, string_agg(c.declared, ', ') AS declared, string_agg(c.given, ', ') AS given
        INTO refused
        FROM postroom.declaration_conflicts(existing, declare_queue.max_attempts, declare_queue.retry_after, declare_queue.crash_limit,
            declare_queue.time_to_live, declare_queue.retention, declare_queue.kind, declare_queue.ordered,
            declare_queue.on_dead_letter, declare_queue.max_length, declare_queue.overflow, declare_queue.single_active_consumer,
            declare_queue.expires_after, declare_queue.fair, coalesce(declare_queue.strict, true), NULL) c;
        IF refused.fields LIKE 'owner%' THEN
            RAISE EXCEPTION 'queue "%" is exclusive to %; nothing was changed', declare_queue.queue, refused.declared
                USING ERRCODE = '55006', COLUMN = 'queue', HINT = 'Publish to it, or use another name';
        ELSIF refused.fields IS NOT NULL THEN
            PERFORM postroom.refuse(refused.fields, refused.declared || ', as queue "' || declare_queue.queue || '" was declared',
                refused.given, 'Delete the queue first, or declare one with another name');
        END IF;
        changed := existing;
        changed.deleted_at := NULL;
        changed.kind := coalesce(declare_queue.kind, CASE WHEN existing.deleted_at IS NOT NULL AND existing.kind = 'exclusive'
                                                          THEN 'durable' ELSE existing.kind END);
        changed.owner := NULL;
        IF is_named AND (existing.settings_by <> 'operator' OR existing.deleted_at IS NOT NULL) THEN
            changed.max_attempts := coalesce(declare_queue.max_attempts, existing.max_attempts);
            changed.retry_after := coalesce(declare_queue.retry_after, existing.retry_after);
            changed.crash_limit := coalesce(declare_queue.crash_limit, existing.crash_limit);
            changed.time_to_live := coalesce(declare_queue.time_to_live, existing.time_to_live);
            changed.retention := coalesce(declare_queue.retention, existing.retention);
            changed.on_dead_letter := coalesce(declare_queue.on_dead_letter, existing.on_dead_letter);
            changed.max_length := CASE WHEN declare_queue.max_length IS NULL THEN existing.max_length
                                       ELSE nullif(declare_queue.max_length, 0) END;
            changed.overflow := coalesce(declare_queue.overflow, existing.overflow);
            changed.single_active_consumer := coalesce(declare_queue.single_active_consumer, existing.single_active_consumer);
            changed.expires_after := CASE WHEN declare_queue.expires_after IS NULL THEN existing.expires_after
                                          ELSE nullif(declare_queue.expires_after, interval '0') END;
            changed.fair := coalesce(declare_queue.fair, existing.fair);
            changed.settings_by := 'declaration';
            IF declare_queue.dead_letter_exchange IS NOT NULL THEN
                changed.dead_letter_exchange := nullif(declare_queue.dead_letter_exchange, '');
                changed.dead_letter_routing_key := declare_queue.dead_letter_routing_key;
            END IF;
        END IF;
        IF existing.ordered <> declare_queue.ordered AND (existing.settings_by <> 'operator' OR existing.deleted_at IS NOT NULL) THEN
            PERFORM postroom.set_ordered(declare_queue.queue, declare_queue.ordered, 'declaration');
            changed.ordered := declare_queue.ordered;
            existing.ordered := declare_queue.ordered;
        END IF;
        IF changed.expires_after IS NOT NULL OR existing.deleted_at IS NOT NULL THEN
            changed.used_at := clock_timestamp();
        END IF;
        IF changed IS NOT DISTINCT FROM existing THEN
            RETURN false;
        ELSIF is_locked THEN
            IF existing.fair AND NOT changed.fair THEN
                PERFORM postroom.require_no_group_limit(existing.id);
            END IF;
            UPDATE postroom.queue q
            SET max_attempts = changed.max_attempts, retry_after = changed.retry_after, crash_limit = changed.crash_limit,
                time_to_live = changed.time_to_live, retention = changed.retention, settings_by = changed.settings_by,
                kind = changed.kind, owner = changed.owner, deleted_at = changed.deleted_at,
                dead_letter_exchange = changed.dead_letter_exchange, dead_letter_routing_key = changed.dead_letter_routing_key,
                on_dead_letter = changed.on_dead_letter, max_length = changed.max_length, overflow = changed.overflow,
                single_active_consumer = changed.single_active_consumer, expires_after = changed.expires_after, used_at = changed.used_at,
                fair = changed.fair
            WHERE q.id = existing.id;
            RETURN existing.deleted_at IS NOT NULL;
        END IF;
        is_locked := true;
    END LOOP;
EXCEPTION WHEN check_violation THEN
    GET STACKED DIAGNOSTICS broken_rule = CONSTRAINT_NAME;
    IF broken_rule = 'queue_retry_after_readable' THEN
        PERFORM postroom.refuse('retryAfter', '10s, or 10s, 1m, 5m, or 1s..1h, each at most 400 days; or custom', declare_queue.retry_after,
            'Units are ms, s, m, h and d');
    ELSIF broken_rule = 'queue_fair_is_not_ordered' THEN
        PERFORM postroom.refuse('fair', 'false for an ordered queue', 'true');
    END IF;
    RAISE;
END
$function$
;
COMMENT ON FUNCTION postroom.declare_queue IS 'Makes a queue, or sets what is named: SELECT postroom.declare_queue(''mail'', max_attempts => 5, retry_after => ''10s, 1m'').
kind is durable or auto_delete (it goes with its last consumer). dead_letter_exchange is where dead letters go on; an empty text: nowhere.
ordered: at most one message of each group is in progress, in the order in which they were sent; it changes only while the queue is empty.
max_length is the most READY messages, 0: as many as come; overflow is drop_head, reject or reject_to_dead_letter_exchange.
single_active_consumer: one process consumes at a time. expires_after: the queue is deleted when nobody has consumed or declared it for so
long; interval ''0'': never. fair: the groups of its messages take turns (see set_fair).
An operator''s values stay. true: it is new, or was deleted before.
A value that breaks a limit is refused (22023), and so is another kind than the queue has. strict refuses other settings, too.';

CREATE OR REPLACE FUNCTION postroom.declare_settings(settings text, declaration jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    existing   postroom.settings;
    declared   postroom.settings;
    is_locked  boolean := false;
BEGIN
    PERFORM postroom.require_name('settings', declare_settings.settings);
    IF declare_settings.declaration IS NULL OR jsonb_typeof(declare_settings.declaration) <> 'object' THEN
        PERFORM postroom.refuse('declaration', 'a JSON object', 'another value');
    END IF;
    declared := postroom.settings_row(declare_settings.settings, coalesce(
        (SELECT jsonb_object_agg(m.key, m.value)
         FROM jsonb_each(declare_settings.declaration) m
         WHERE jsonb_typeof(m.value) <> 'null'), '{}'));
    LOOP
        IF is_locked THEN
            SELECT * INTO existing FROM postroom.settings s WHERE s.name = declare_settings.settings FOR UPDATE;
        ELSE
            SELECT * INTO existing FROM postroom.settings s WHERE s.name = declare_settings.settings;
        END IF;
        IF existing.settings_by = 'operator'
           OR existing.name IS NOT NULL AND postroom.settings_document(existing) = postroom.settings_document(declared) THEN
            RETURN false;
        ELSIF existing.name IS NULL OR is_locked THEN
            IF postroom.write_settings(declare_settings.settings, existing, declared, 'declaration', NULL) IS NOT NULL THEN
                RETURN existing.name IS NULL;
            END IF;
        END IF;
        is_locked := true;
    END LOOP;
END
$function$
;
COMMENT ON FUNCTION postroom.declare_settings IS 'Makes the entry of an external system, as a program does at its start:
SELECT postroom.declare_settings(''billing'', ''{"channel": "http", "endpoint": "https://billing.example.com"}'').
The JSON is that of postroom.set_settings, and all that is not named is taken away.
An entry that an operator has set stays as it is. true: it is new.';

CREATE OR REPLACE FUNCTION postroom.delete_abandoned(p_lease_time interval, p_left integer[])
 RETURNS TABLE(queue_id integer, queue text, because text, up_to bigint)
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    longest  constant interval := CASE
        WHEN postroom.has_just_started(p_lease_time) THEN NULL
        ELSE p_lease_time END;
    ids      int[];
BEGIN
    -- Where all queues are durable for good there is nothing to plan the statements below for.
    IF NOT EXISTS (SELECT
                   FROM postroom.queue q
                   WHERE (q.kind <> 'durable' OR q.expires_after IS NOT NULL)
                     AND q.deleted_at IS NULL) THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT
               FROM postroom.queue q
               JOIN postroom.binding b ON b.queue_id = q.id
               WHERE (q.kind <> 'durable' OR q.expires_after IS NOT NULL)
                 AND q.deleted_at IS NULL
                 AND (q.id = ANY (p_left) OR postroom.is_abandoned(q, longest))) THEN
        PERFORM postroom.change_routing(); -- before the locks on queues, as all that changes routing
    END IF;
    SELECT array_agg(x.id) INTO ids
    FROM (SELECT q.id
          FROM postroom.queue q
          WHERE (q.kind <> 'durable' OR q.expires_after IS NOT NULL)
            AND q.deleted_at IS NULL
            AND (q.id = ANY (p_left)
                 OR postroom.is_abandoned(q, longest)
                 OR (q.kind = 'auto_delete' AND NOT q.had_consumer
                     OR q.expires_after IS NOT NULL
                        AND q.used_at < statement_timestamp() - least(q.expires_after / 10, interval '1 minute'))
                    AND EXISTS (SELECT FROM postroom.consumer c JOIN postroom.worker w ON w.id = c.worker_id
                                WHERE c.queue_id = q.id AND w.stopped_at IS NULL
                                  AND w.beat_at > statement_timestamp() - longest))
          ORDER BY q.name
          FOR UPDATE OF q) x;
    IF ids IS NULL THEN
        RETURN;
    END IF;
    UPDATE postroom.queue q
    SET had_consumer = q.kind = 'auto_delete',
        used_at = clock_timestamp()
    WHERE q.id = ANY (ids)
      AND (q.kind = 'auto_delete' AND NOT q.had_consumer OR q.expires_after IS NOT NULL)
      AND q.deleted_at IS NULL
      AND (q.id = ANY (p_left)
           OR EXISTS (SELECT FROM postroom.consumer c JOIN postroom.worker w ON w.id = c.worker_id
                      WHERE c.queue_id = q.id AND w.stopped_at IS NULL
                        AND w.beat_at > statement_timestamp() - longest));
    RETURN QUERY
    WITH gone AS (
        UPDATE postroom.queue q
        SET deleted_at = clock_timestamp(), had_consumer = false
        WHERE q.id = ANY (ids)
          AND q.deleted_at IS NULL
          AND postroom.is_abandoned(q, longest)
        RETURNING q.id, q.name, q.kind, q.owner, q.expires_after
    ), unbound AS (
        DELETE FROM postroom.binding b USING gone g WHERE b.queue_id = g.id
    )
    SELECT g.id, g.name,
           CASE g.kind WHEN 'exclusive' THEN 'it was exclusive to ' || postroom.worker_text(g.owner) || ', which is gone'
                       WHEN 'auto_delete' THEN 'its last consumer left' || coalesce(' or it was not used for ' || g.expires_after, '')
                       ELSE 'it was not used for ' || g.expires_after END,
           coalesce(pg_sequence_last_value('postroom.ready_seq'), 0)
    FROM gone g;
END
$function$
;
COMMENT ON FUNCTION postroom.delete_abandoned IS 'Internal: called by workers. Deletes queues that have lost their owner or their last consumer, or are not used any more.';

CREATE OR REPLACE FUNCTION postroom.delete_exchange(exchange text, if_unused boolean DEFAULT false)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    deleted_id int;
BEGIN
    PERFORM postroom.require_name('exchange', delete_exchange.exchange);
    IF NOT EXISTS (SELECT FROM postroom.exchange e WHERE e.name = delete_exchange.exchange) THEN
        RETURN false;
    END IF;
    PERFORM postroom.change_routing();
    -- The lock waits for transactions that bind it, and the next statement sees their bindings.
    SELECT e.id INTO deleted_id FROM postroom.exchange e WHERE e.name = delete_exchange.exchange FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF coalesce(delete_exchange.if_unused, true) AND EXISTS (SELECT FROM postroom.binding b WHERE b.exchange_id = deleted_id) THEN
        RAISE EXCEPTION 'exchange "%" has bindings; nothing was deleted', delete_exchange.exchange
            USING ERRCODE = '55006', COLUMN = 'exchange', HINT = 'Unbind them first, or delete it without if_unused';
    END IF;
    DELETE FROM postroom.binding b WHERE b.exchange_id = deleted_id OR b.to_exchange_id = deleted_id;
    DELETE FROM postroom.exchange e WHERE e.id = deleted_id;
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.delete_exchange IS 'Deletes an exchange with its bindings: SELECT postroom.delete_exchange(''orders'', if_unused => true).
if_unused refuses (55006) while it has bindings of its own. false: there was none.';

CREATE OR REPLACE FUNCTION postroom.delete_queue(queue text, if_empty boolean DEFAULT false, if_unused boolean DEFAULT false, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    marked record;
BEGIN
    PERFORM postroom.require_reason_if_given(delete_queue.reason, delete_queue.actor);
    PERFORM postroom.require_name('queue', delete_queue.queue);
    SELECT m.queue_id, CASE m.obstacle WHEN 'exclusive' THEN 'is exclusive to ' ELSE '' END || m.because AS because INTO marked
    FROM postroom.mark_deleted(delete_queue.queue, coalesce(delete_queue.if_empty, true), coalesce(delete_queue.if_unused, true), NULL) m;
    IF NOT FOUND THEN
        RETURN false;
    ELSIF marked.because IS NOT NULL THEN
        RAISE EXCEPTION 'queue "%" %; nothing was deleted', delete_queue.queue, marked.because USING ERRCODE = '55006', COLUMN = 'queue';
    END IF;
    INSERT INTO postroom.operator_action (actor, action, queue_id, finished_at, reason)
    VALUES (coalesce(delete_queue.actor, session_user), 'delete', marked.queue_id, clock_timestamp(), delete_queue.reason);
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.delete_queue IS 'Deletes a queue with its bindings: SELECT postroom.delete_queue(''mail'', if_empty => true, if_unused => true).
if_empty refuses (55006) while anything waits, is in progress or dead, if_unused while it has a live consumer.
What is READY becomes CANCELLED, reason queue_deleted, within a minute while a worker lives, what is DELAYED within a minute and a half;
a long queue takes longer. false: there was none.';

CREATE OR REPLACE FUNCTION postroom.delete_schedule(name text, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    deleted int;
BEGIN
    DELETE FROM postroom.schedule s WHERE s.name = delete_schedule.name RETURNING s.id INTO deleted;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM postroom.schedule_run r WHERE r.schedule_id = deleted;
    PERFORM postroom.log_schedule_action('delete', delete_schedule.name, delete_schedule.reason, delete_schedule.actor);
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.delete_schedule IS 'Deletes a schedule and its history, in the transaction of the caller: SELECT postroom.delete_schedule(''nightly-report'').
Messages that it created are not touched. false: there was none.';

CREATE OR REPLACE FUNCTION postroom.delete_settings(settings text, expected_version bigint DEFAULT NULL::bigint, actor text DEFAULT NULL::text, reason text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    existing postroom.settings;
BEGIN
    PERFORM postroom.require_name('settings', delete_settings.settings);
    PERFORM postroom.require_reason_if_given(delete_settings.reason, delete_settings.actor);
    SELECT * INTO existing FROM postroom.settings s WHERE s.name = delete_settings.settings FOR UPDATE;
    PERFORM postroom.require_settings_version(delete_settings.settings, existing, delete_settings.expected_version);
    IF existing.name IS NULL THEN
        RETURN false;
    END IF;
    PERFORM postroom.write_settings(existing.name, existing, NULL, 'operator', delete_settings.actor);
    INSERT INTO postroom.operator_action (actor, action, finished_at, reason, note)
    VALUES (coalesce(delete_settings.actor, session_user), 'delete', clock_timestamp(), delete_settings.reason,
            'settings ' || existing.name);
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.delete_settings IS 'Deletes the entry of an external system; its history stays: SELECT postroom.delete_settings(''billing'').
Messages that need it wait. A program that declares it makes it anew at its next start. false: there was none.
reason and actor go on record.';

CREATE OR REPLACE FUNCTION postroom.discard_dead_letters(filter jsonb, reason text, per_second integer DEFAULT 100, actor text DEFAULT NULL::text)
 RETURNS uuid
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT postroom.start_operation('discard', filter, reason, actor, per_second, 0, 0)
$function$
;
COMMENT ON FUNCTION postroom.discard_dead_letters IS 'Discards the dead letters that match a filter (see preview_dead_letters) and are dead now, at a rate:
SELECT postroom.discard_dead_letters(''{"queue": "mail", "deadTo": "2027-01-31T00:00:00Z"}'', ''too old to be sent'').
Answers the id of the operation; a process with workers carries it on: view operations.';

CREATE OR REPLACE FUNCTION postroom.discard(message uuid, reason text, queue text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    only_queue  int;
    of_queues   int[];
BEGIN
    PERFORM postroom.require_reason(discard.reason, discard.actor);
    IF discard.message IS NULL THEN
        PERFORM postroom.refuse('message', 'given', NULL);
    END IF;
    IF discard.queue IS NOT NULL THEN
        SELECT q.id INTO only_queue FROM postroom.queue q WHERE q.name = discard.queue;
        IF NOT FOUND THEN
            PERFORM postroom.refuse('queue', 'one that exists', discard.queue);
        END IF;
    END IF;
    WITH chosen AS MATERIALIZED (
        SELECT d.message_id, d.queue_id
        FROM postroom.dead_letter d
        WHERE d.message_id = discard.message
          AND (only_queue IS NULL OR d.queue_id = only_queue)
        ORDER BY d.message_id, d.queue_id
        FOR UPDATE
    ), removed AS (
        DELETE FROM postroom.dead_letter d
        USING chosen c
        WHERE d.message_id = c.message_id
          AND d.queue_id = c.queue_id
        RETURNING d.queue_id, d.deliveries
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
        SELECT discard.message, clock_timestamp(), clock_timestamp(), r.queue_id, r.deliveries, 1, 'discarded' FROM removed r
    ), logged AS (
        INSERT INTO postroom.operator_action (actor, action, queue_id, message_id, planned, done, finished_at, reason)
        SELECT coalesce(discard.actor, session_user), 'discard', r.queue_id, discard.message, 1, 1, clock_timestamp(), discard.reason
        FROM removed r
    )
    SELECT coalesce(array_agg(r.queue_id), '{}') INTO of_queues FROM removed r;
    IF cardinality(of_queues) > 0 THEN
        PERFORM postroom.advance_after(of_queues, array_fill(discard.message, ARRAY[cardinality(of_queues)]));
    END IF;
    RETURN cardinality(of_queues);
END
$function$
;
COMMENT ON FUNCTION postroom.discard IS 'Discards a dead letter, in the transaction of the caller: SELECT postroom.discard(''...'', ''the customer has left'').
It becomes CANCELLED with the reason discarded, in the queue that is named or in all in which it is dead. Answers in how many; 0: it is not
dead there.';

CREATE OR REPLACE FUNCTION postroom.drop_entries(q postroom.queue, p_most bigint, p_from bigint[], p_only uuid[])
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET jit TO 'off'
AS $function$
DECLARE
    places   tid[];
    dropped  bigint := 0;
BEGIN
    FOR prio IN 0 .. 9 LOOP
        EXIT WHEN dropped >= p_most;
        IF p_only IS NULL THEN
            SELECT array_agg(c.ctid) INTO places
            FROM (SELECT r.ctid
                  FROM postroom.ready r
                  WHERE r.queue_id = q.id
                    AND r.priority = prio::smallint
                    AND r.seq >= coalesce(p_from[prio + 1], 0)
                    AND r.deliveries = 0 -- no consumer has had it
                  ORDER BY r.queue_id, r.priority, r.seq
                  LIMIT p_most - dropped) c;
        ELSE
            SELECT array_agg(c.ctid) INTO places
            FROM (SELECT r.ctid
                  FROM postroom.ready r
                  WHERE r.queue_id = q.id
                    AND r.priority = prio::smallint
                    AND r.seq >= coalesce(p_from[prio + 1], 0)
                    AND r.message_id = ANY (p_only)
                  ORDER BY r.queue_id DESC, r.priority DESC, r.seq DESC
                  LIMIT p_most - dropped) c;
        END IF;
        CONTINUE WHEN places IS NULL;
        WITH mine AS MATERIALIZED (
            SELECT r.ctid FROM postroom.ready r WHERE r.ctid = ANY (places) FOR UPDATE SKIP LOCKED
        ), removed AS (
            DELETE FROM postroom.ready r
            WHERE r.ctid = ANY (ARRAY(SELECT m.ctid FROM mine m))
            RETURNING r.priority, r.failures, r.crashes, r.deliveries, r.message_id
        ), history AS (
            INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
            SELECT x.message_id, clock_timestamp(), clock_timestamp(), q.id, x.deliveries, 1, 'maxlen'
            FROM removed x
            WHERE q.dead_letter_exchange IS NULL
        )
        INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason)
        SELECT q.id, x.priority, x.failures, x.crashes, x.deliveries, x.message_id, 'maxlen'
        FROM removed x
        WHERE q.dead_letter_exchange IS NOT NULL
        ON CONFLICT DO NOTHING;
        dropped := dropped + cardinality(places);
    END LOOP;
    RETURN dropped;
END
$function$
;
COMMENT ON FUNCTION postroom.drop_entries IS 'Internal: takes entries out of a queue that is too long. Their end is CANCELLED, reason maxlen, or the dead letter exchange.';

CREATE OR REPLACE FUNCTION postroom.end_operation(p_operation postroom.operation, p_state text, p_note text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    UPDATE postroom.operation o
    SET state = p_state, finished_at = clock_timestamp(), note = coalesce(p_note, o.note)
    WHERE o.id = p_operation.id;
    INSERT INTO postroom.operator_action (action, planned, done, finished_at, note, operation_id)
    VALUES ('end_operation', p_operation.planned, p_operation.processed, clock_timestamp(),
            p_state || ', ' || p_operation.failed || ' failed' || coalesce('; ' || p_note, ''), p_operation.id);
END
$function$
;
COMMENT ON FUNCTION postroom.end_operation IS 'Internal: ends an operation by itself, and puts its counts on record.';

CREATE OR REPLACE FUNCTION postroom.end_single_active_change()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    change postroom.active_consumer;
BEGIN
    FOR change IN
        SELECT *
        FROM postroom.active_consumer a
        WHERE a.worker_id = 0
          AND clock_timestamp() NOT BETWEEN a.active_at AND a.active_at + interval '1 second' -- the clock may have been set back
        ORDER BY a.queue_id
        FOR UPDATE SKIP LOCKED
    LOOP
        IF change.waits_for IS NULL THEN
            UPDATE postroom.active_consumer a
            SET waits_for = ARRAY(SELECT l.virtualtransaction
                                  FROM pg_locks l
                                  WHERE l.relation = 'postroom.lease'::regclass
                                    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                                    AND l.mode = 'RowExclusiveLock'
                                    AND l.pid IS DISTINCT FROM pg_backend_pid())
            WHERE a.queue_id = change.queue_id
            RETURNING * INTO change;
        END IF;
        DELETE FROM postroom.active_consumer a
        WHERE a.queue_id = change.queue_id
          AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.virtualtransaction = ANY (change.waits_for));
    END LOOP;
END
$function$
;
COMMENT ON FUNCTION postroom.end_single_active_change IS 'Internal: lets a process become the single active consumer when no claim is under way from before the queue had one.';

CREATE OR REPLACE FUNCTION postroom.ended_holders(p_queues integer[], p_holders uuid[])
 RETURNS TABLE(place integer)
 LANGUAGE sql
 ROWS 10
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
    WITH seen AS MATERIALIZED (
        SELECT u.queue_id, u.message_id, u.place::int AS place
        FROM unnest(p_queues, p_holders) WITH ORDINALITY u (queue_id, message_id, place)
    ), held AS MATERIALIZED (
        SELECT l.queue_id, u.message_id
        FROM postroom.lease l
        CROSS JOIN LATERAL unnest(l.message_ids) WITH ORDINALITY u (message_id, place)
        WHERE substring(l.open FROM u.place::int FOR 1) = B'1'
          AND EXISTS (SELECT FROM seen s WHERE s.queue_id = l.queue_id)
    )
    SELECT s.place
    FROM seen s
    LEFT JOIN postroom.queue q ON q.id = s.queue_id
    LEFT JOIN held h ON h.message_id = s.message_id AND h.queue_id = s.queue_id
    WHERE s.message_id IS NULL
       OR h.message_id IS NULL
          -- OFFSET 0: one look-up for each group, and no join that reads all that waits
          AND NOT EXISTS (SELECT FROM postroom.ready r
                          WHERE r.message_id = s.message_id AND r.moved AND r.queue_id = s.queue_id OFFSET 0)
          AND NOT EXISTS (SELECT FROM postroom.message m
                          JOIN postroom.ready r ON r.priority = m.priority AND r.seq = m.seq AND r.message_id = m.id
                          WHERE m.id = s.message_id AND r.queue_id = s.queue_id OFFSET 0)
          AND NOT EXISTS (SELECT FROM postroom.delayed d
                          WHERE d.message_id = s.message_id AND d.queue_id = s.queue_id OFFSET 0)
          AND NOT (coalesce(q.on_dead_letter, '') = 'block'
                   AND EXISTS (SELECT FROM postroom.dead_letter d
                               WHERE d.message_id = s.message_id AND d.queue_id = s.queue_id OFFSET 0))
$function$
;
COMMENT ON FUNCTION postroom.ended_holders IS 'Internal: which holders of groups are in no place any more in which they keep their group. Answers their places in the arrays.';

CREATE OR REPLACE FUNCTION postroom.existing_exchange(p_field text, p_name text)
 RETURNS postroom.exchange
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
DECLARE
    existing postroom.exchange;
BEGIN
    PERFORM postroom.require_name(p_field, p_name);
    SELECT * INTO existing FROM postroom.exchange e WHERE e.name = p_name FOR KEY SHARE;
    IF NOT FOUND THEN
        PERFORM postroom.refuse_unknown(p_field, p_name);
    END IF;
    RETURN existing;
END
$function$
;
COMMENT ON FUNCTION postroom.existing_exchange IS 'Internal: returns the exchange of a name and locks it; refuses a name that no exchange has.';

CREATE OR REPLACE FUNCTION postroom.expire_entries(p_from timestamp with time zone, p_after uuid, p_after_queue integer, p_limit integer)
 RETURNS TABLE(looked integer, expired integer, last_expires_at timestamp with time zone, last_id uuid, last_queue integer)
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
BEGIN
    IF NOT EXISTS (SELECT
                   FROM postroom.entry_expiry x
                   WHERE (x.expires_at, x.message_id, x.queue_id) > (p_from, p_after, p_after_queue)
                     AND x.expires_at <= statement_timestamp()) THEN
        looked := 0;
        expired := 0;
        RETURN NEXT;
        RETURN;
    END IF;
    RETURN QUERY
    WITH overdue AS MATERIALIZED (
        SELECT x.ctid, x.expires_at, x.message_id, x.queue_id
        FROM postroom.entry_expiry x
        WHERE (x.expires_at, x.message_id, x.queue_id) > (p_from, p_after, p_after_queue)
          AND x.expires_at <= statement_timestamp()
        ORDER BY x.expires_at, x.message_id, x.queue_id
        LIMIT p_limit
    ), in_first_place AS MATERIALIZED (
        SELECT r.ctid
        FROM overdue o
        JOIN postroom.message m ON m.id = o.message_id
        JOIN postroom.ready r
          ON r.queue_id = o.queue_id AND r.priority = m.priority AND r.seq = m.seq AND r.message_id = o.message_id
        FOR UPDATE OF r SKIP LOCKED
    ), in_moved AS MATERIALIZED (
        SELECT r.ctid
        FROM overdue o
        JOIN postroom.ready r ON r.message_id = o.message_id AND r.queue_id = o.queue_id AND r.moved
        FOR UPDATE OF r SKIP LOCKED
    ), in_delayed AS MATERIALIZED (
        SELECT d.ctid
        FROM overdue o
        JOIN postroom.delayed d ON d.message_id = o.message_id AND d.queue_id = o.queue_id
        FOR UPDATE OF d SKIP LOCKED
    ), in_grouped AS MATERIALIZED (
        SELECT w.ctid
        FROM overdue o
        JOIN postroom.grouped w ON w.message_id = o.message_id AND w.queue_id = o.queue_id
        FOR UPDATE OF w SKIP LOCKED
    ), out_of_ready AS (
        DELETE FROM postroom.ready r
        WHERE r.ctid = ANY (ARRAY(SELECT x.ctid FROM in_first_place x UNION ALL SELECT x.ctid FROM in_moved x))
        RETURNING r.queue_id, r.priority, r.failures, r.crashes, r.message_id, r.deliveries
    ), put_off AS (
        DELETE FROM postroom.delayed d
        WHERE d.ctid = ANY (ARRAY(SELECT x.ctid FROM in_delayed x))
        RETURNING d.queue_id, d.priority, d.failures, d.crashes, d.message_id, d.deliveries
    ), behind AS (
        DELETE FROM postroom.grouped w
        WHERE w.ctid = ANY (ARRAY(SELECT x.ctid FROM in_grouped x))
        RETURNING w.queue_id, w.priority, w.failures, w.crashes, w.message_id, w.deliveries
    ), removed AS MATERIALIZED (
        SELECT x.*, postroom.passes_on(x.queue_id) AS passes_on
        FROM (SELECT * FROM out_of_ready UNION ALL SELECT * FROM put_off UNION ALL SELECT * FROM behind) x
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
        SELECT x.message_id, clock_timestamp(), clock_timestamp(), x.queue_id, x.deliveries, 2
        FROM removed x
        WHERE NOT x.passes_on
    ), dead AS (
        INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason)
        SELECT x.queue_id, x.priority, x.failures, x.crashes, x.deliveries, x.message_id, 'expired'
        FROM removed x
        WHERE x.passes_on
        ON CONFLICT DO NOTHING
    ), settled AS (
        DELETE FROM postroom.entry_expiry e
        USING overdue o
        WHERE e.message_id = o.message_id
          AND e.queue_id = o.queue_id
          AND (EXISTS (SELECT FROM removed x WHERE x.message_id = o.message_id AND x.queue_id = o.queue_id)
               OR EXISTS (SELECT FROM postroom.attempt a
                          WHERE a.message_id = o.message_id AND a.queue_id = o.queue_id AND a.outcome <= 2)
               OR NOT EXISTS (SELECT FROM postroom.message m WHERE m.id = o.message_id))
    )
    SELECT (SELECT count(*)::int FROM overdue), (SELECT count(*)::int FROM removed), l.expires_at, l.message_id, l.queue_id
    FROM (SELECT 1) always
    LEFT JOIN (SELECT o.expires_at, o.message_id, o.queue_id
               FROM overdue o
               ORDER BY o.expires_at DESC, o.message_id DESC, o.queue_id DESC
               LIMIT 1) l ON true;
END
$function$
;
COMMENT ON FUNCTION postroom.expire_entries IS 'Internal: called by a job. Waiting entries whose queue''s time to live ended become EXPIRED.';

CREATE OR REPLACE FUNCTION postroom.expire(p_from timestamp with time zone, p_after uuid, p_limit integer)
 RETURNS TABLE(looked integer, expired integer, last_expires_at timestamp with time zone, last_id uuid)
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
BEGIN
    -- Most looks find nothing. They spare the plan of the statement below, which was a quarter of what a process's start cost the server.
    IF NOT EXISTS (SELECT
                   FROM postroom.message m
                   WHERE (m.expires_at, m.id) > (p_from, p_after)
                     AND m.expires_at <= statement_timestamp()) THEN
        looked := 0;
        expired := 0;
        RETURN NEXT;
        RETURN;
    END IF;
    RETURN QUERY
    WITH overdue AS MATERIALIZED (
        SELECT m.id, m.queue_id, m.queue_ids, m.priority, m.seq, m.expires_at
        FROM postroom.message m
        WHERE (m.expires_at, m.id) > (p_from, p_after)
          AND m.expires_at <= statement_timestamp()
        ORDER BY m.expires_at, m.id
        LIMIT p_limit
    ), in_first_place AS MATERIALIZED (
        SELECT r.ctid
        FROM (SELECT o.id, o.priority, o.seq, e.queue_id
              FROM overdue o
              CROSS JOIN LATERAL unnest(coalesce(o.queue_ids, ARRAY[o.queue_id])) e (queue_id)) o
        JOIN postroom.ready r ON r.queue_id = o.queue_id AND r.priority = o.priority AND r.seq = o.seq AND r.message_id = o.id
        FOR UPDATE OF r SKIP LOCKED
    ), in_moved AS MATERIALIZED (
        SELECT r.ctid FROM overdue o JOIN postroom.ready r ON r.message_id = o.id AND r.moved FOR UPDATE OF r SKIP LOCKED
    ), in_delayed AS MATERIALIZED (
        SELECT d.ctid FROM overdue o JOIN postroom.delayed d ON d.message_id = o.id FOR UPDATE OF d SKIP LOCKED
    ), in_grouped AS MATERIALIZED (
        SELECT w.ctid FROM overdue o JOIN postroom.grouped w ON w.message_id = o.id FOR UPDATE OF w SKIP LOCKED
    ), out_of_ready AS (
        DELETE FROM postroom.ready r
        WHERE r.ctid = ANY (ARRAY(SELECT x.ctid FROM in_first_place x UNION ALL SELECT x.ctid FROM in_moved x))
        RETURNING r.queue_id, r.priority, r.failures, r.crashes, r.message_id, r.deliveries
    ), put_off AS (
        DELETE FROM postroom.delayed d
        WHERE d.ctid = ANY (ARRAY(SELECT x.ctid FROM in_delayed x))
        RETURNING d.queue_id, d.priority, d.failures, d.crashes, d.message_id, d.deliveries
    ), behind AS (
        DELETE FROM postroom.grouped w
        WHERE w.ctid = ANY (ARRAY(SELECT x.ctid FROM in_grouped x))
        RETURNING w.queue_id, w.priority, w.failures, w.crashes, w.message_id, w.deliveries
    ), removed AS MATERIALIZED (
        SELECT x.*, postroom.passes_on(x.queue_id) AS passes_on
        FROM (SELECT * FROM out_of_ready UNION ALL SELECT * FROM put_off UNION ALL SELECT * FROM behind) x
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome)
        SELECT x.message_id, clock_timestamp(), clock_timestamp(), x.queue_id, x.deliveries, 2
        FROM removed x
        WHERE NOT x.passes_on
    ), dead AS (
        INSERT INTO postroom.dead_letter (queue_id, priority, failures, crashes, deliveries, message_id, reason)
        SELECT x.queue_id, x.priority, x.failures, x.crashes, x.deliveries, x.message_id, 'expired'
        FROM removed x
        WHERE x.passes_on
        ON CONFLICT DO NOTHING
    )
    SELECT (SELECT count(*)::int FROM overdue), (SELECT count(*)::int FROM removed), l.expires_at, l.id
    FROM (SELECT 1) always
    LEFT JOIN (SELECT o.expires_at, o.id FROM overdue o ORDER BY o.expires_at DESC, o.id DESC LIMIT 1) l ON true;
END
$function$
;
COMMENT ON FUNCTION postroom.expire IS 'Internal: called by a job. Waiting messages whose time to live ended become EXPIRED.';

CREATE OR REPLACE FUNCTION postroom.explain_group_limit(p_queue integer, p_name text, p_group text)
 RETURNS SETOF text
 LANGUAGE plpgsql
 STABLE ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    now_us   constant bigint := extract(epoch FROM clock_timestamp()) * 1000000;
    key      constant text := coalesce(p_group, E'\x01');
    whose    constant text := coalesce('its group "' || p_group || '"', 'all without a group');
    limiter  postroom.limiter;
    free_at  bigint;
    running  int;
BEGIN
    SELECT l.* INTO limiter
    FROM postroom.limiter l
    WHERE l.queue_id = p_queue
      AND num_nonnulls(l.max_starts_per_group, l.max_in_progress_per_group) > 0;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF limiter.max_starts_per_group IS NOT NULL THEN
        SELECT g.free_at INTO free_at
        FROM postroom.limited_group g
        WHERE g.limiter_id = limiter.id
          AND g.group_key = key COLLATE "C";
        IF free_at > now_us THEN
            RETURN NEXT format('limit: %s has reached %s starts in %s (%s) in queue "%s"; the next may start at %s',
                whose, limiter.max_starts_per_group, limiter.period_per_group, limiter.window_kind, p_name,
                to_char((clock_timestamp() + (free_at - now_us) * interval '1 microsecond') AT TIME ZONE 'UTC',
                        'YYYY-MM-DD HH24:MI:SS "UTC"'));
        END IF;
    END IF;
    IF limiter.max_in_progress_per_group IS NOT NULL THEN
        running := coalesce((postroom.running_groups(p_queue) ->> key)::int, 0);
        IF running >= limiter.max_in_progress_per_group THEN
            RETURN NEXT format('limit: %s may have %s messages in progress in queue "%s", and %s are',
                whose, limiter.max_in_progress_per_group, p_name, running);
        END IF;
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.explain_group_limit IS 'Internal: called by explain. Which limit of its group keeps a message back.';

CREATE OR REPLACE FUNCTION postroom.explain_group(p_message uuid, p_queue integer, p_group text)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    at_utc    constant text := 'YYYY-MM-DD HH24:MI:SS "UTC"';
    holder    record;
    at_place  record;
    ahead     bigint;
BEGIN
    SELECT g.message_id, g.held_since, q.name AS queue
    INTO holder
    FROM postroom.message_group g
    JOIN postroom.queue q ON q.id = g.queue_id
    WHERE g.queue_id = p_queue
      AND g.group_key = p_group
      AND NOT g.is_free;
    IF NOT FOUND OR holder.message_id = p_message THEN
        RETURN NULL;
    END IF;
    -- A statement of its own, with the id as a value: joined to place, the holder was looked for in all rows of ready and attempt.
    SELECT p.state, p.due_at, p.reason, w.name AS worker
    INTO at_place
    FROM postroom.place p
    LEFT JOIN postroom.worker w ON w.id = p.worker_id
    WHERE p.message_id = holder.message_id
      AND p.queue_id = p_queue;
    SELECT count(*) INTO ahead
    FROM (SELECT FROM postroom.grouped w
          WHERE w.queue_id = p_queue
            AND w.group_key = p_group
            AND w.seq < coalesce((SELECT x.seq FROM postroom.grouped x WHERE x.message_id = p_message AND x.queue_id = p_queue),
                                 9223372036854775807)
          LIMIT 10001) x;
    RETURN format('group: %s; %s', CASE
            WHEN holder.message_id IS NULL THEN
                format('group "%s" of queue "%s" has no message in progress, and its next one is looked for', p_group, holder.queue)
            ELSE format('message %s holds group "%s" of queue "%s" since %s: %s', holder.message_id, p_group, holder.queue,
                to_char(holder.held_since AT TIME ZONE 'UTC', at_utc),
                CASE at_place.state
                    WHEN 'IN_PROGRESS' THEN
                        format('%s works on it', coalesce('worker "' || at_place.worker || '"', 'a worker that is gone'))
                    WHEN 'READY' THEN 'it is READY'
                    WHEN 'DELAYED' THEN
                        format('it waits until %s, because of %s', to_char(at_place.due_at AT TIME ZONE 'UTC', at_utc), at_place.reason)
                    WHEN 'DEAD' THEN format('it is a dead letter (%s), for which this queue blocks the group; SELECT postroom.redrive(%L) '
                        'puts it back', at_place.reason, holder.message_id)
                    ELSE 'it has ended, and the group goes on within seconds'
                END)
        END,
        CASE WHEN ahead > 10000 THEN '10,000+ messages of the group wait before this one'
             WHEN ahead = 1 THEN '1 message of the group waits before this one'
             WHEN ahead = 0 THEN 'this one is next'
             ELSE ahead || ' messages of the group wait before this one' END);
END
$function$
;
COMMENT ON FUNCTION postroom.explain_group IS 'Internal: called by explain. Who holds the group of a message.';

CREATE OR REPLACE FUNCTION postroom.explain_turn(p_queue integer, p_name text, p_priority integer, p_seq bigint, p_group text)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    key     text;
    ahead   bigint;
    groups  int;
    weight  int := (SELECT (q.group_weights ->> p_group)::int FROM postroom.queue q WHERE q.id = p_queue);
BEGIN
    SELECT r.group_key INTO key
    FROM postroom.ready r
    WHERE r.queue_id = p_queue AND r.priority = p_priority::smallint AND r.seq = p_seq;
    SELECT count(*) INTO ahead
    FROM ((SELECT FROM postroom.ready r
           WHERE key <> ''
             AND r.queue_id = p_queue
             AND r.priority = p_priority::smallint
             AND r.group_key = key
             AND r.seq < p_seq
             AND r.group_key <> '' AND r.crashes = 0 -- as in ready_by_group: ready_pk would lead over the rows of all groups
           LIMIT 10001)
          UNION ALL
          (SELECT FROM postroom.ready r
           WHERE key = ''
             AND r.queue_id = p_queue
             AND r.priority = p_priority::smallint
             AND r.group_key = ''
             AND r.crashes = 0
             AND r.seq < p_seq
           LIMIT 10001)) x;
    groups := cardinality(postroom.next_groups(p_queue, p_priority::smallint, 0, NULL, '', 101));
    RETURN format('%s: %s of %s %s ahead of it in fair queue "%s"; %s of its priority take turns%s',
        CASE ahead WHEN 0 THEN 'next' ELSE 'behind' END,
        CASE WHEN ahead > 10000 THEN '10,000+ messages' WHEN ahead = 1 THEN '1 message' ELSE ahead || ' messages' END,
        CASE WHEN key = '' THEN 'those from before the queue was fair'
             ELSE coalesce('group "' || p_group || '"', 'those without a group') END,
        CASE ahead WHEN 1 THEN 'is' ELSE 'are' END,
        p_name,
        CASE WHEN groups > 100 THEN '100+ groups' WHEN groups = 1 THEN '1 group' ELSE groups || ' groups' END,
        CASE WHEN key <> '' AND weight > 1 THEN format(', with up to %s messages of its group in one', weight) ELSE '' END);
END
$function$
;
COMMENT ON FUNCTION postroom.explain_turn IS 'Internal: called by explain. How many messages of its group go before a message of a fair queue, suspects left out.';

CREATE OR REPLACE FUNCTION postroom.explain(p_message uuid)
 RETURNS SETOF text
 LANGUAGE plpgsql
 STABLE ROWS 3
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
 SET jit TO 'off'
 SET max_parallel_workers_per_gather TO '0'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
AS $function$
DECLARE
    at_utc    constant text := 'YYYY-MM-DD HH24:MI:SS "UTC"';
    now_at    constant timestamptz := statement_timestamp();
    message   record;
    entry     record;
    others    record;
    ahead     bigint;
    held_up   text;
    limiter   record;
    is_known  boolean := false;
BEGIN
    SELECT m.id, m.type, m.type_version, m.group_key INTO message FROM postroom.message m WHERE m.id = p_message;
    FOR entry IN
        SELECT p.*, q.name AS queue, q.paused_at, q.consumers_stopped_at, q.deleted_at, q.crash_limit, q.retention, q.ordered,
               q.single_active_consumer, q.has_limiter, q.destination, q.fair
        FROM postroom.place p
        LEFT JOIN postroom.queue q ON q.id = p.queue_id
        WHERE p.message_id = p_message
        ORDER BY q.name
    LOOP
        is_known := true;
        CASE entry.state
        WHEN 'DONE', 'CANCELLED', 'EXPIRED' THEN
            RETURN NEXT format('%s: it is %s in queue "%s"%s since %s; it may be removed from %s on',
                lower(entry.state), entry.state, entry.queue, coalesce(' (' || entry.reason || ')', ''),
                to_char(entry.finished_at AT TIME ZONE 'UTC', at_utc),
                to_char((entry.finished_at + entry.retention) AT TIME ZONE 'UTC', at_utc));
        WHEN 'DEAD' THEN
            SELECT d.dead_at, d.error INTO others
            FROM postroom.dead_letter d
            WHERE d.message_id = p_message AND d.queue_id = entry.queue_id;
            RETURN NEXT format('dead: queue "%s" gave it up at %s (%s, %s failures, %s crashes)%s; '
                'SELECT postroom.redrive(%L) puts it back',
                entry.queue, to_char(others.dead_at AT TIME ZONE 'UTC', at_utc), entry.reason, entry.failures, entry.crashes,
                coalesce(': ' || left(split_part(others.error, E'\n', 1), 300), ''), p_message);
        WHEN 'IN_PROGRESS' THEN
            SELECT w.name, w.beat_at, w.stopped_at INTO others FROM postroom.worker w WHERE w.id = entry.worker_id;
            RETURN NEXT format('in_progress: %s holds it since %s in queue "%s", delivery %s%s',
                coalesce('worker "' || others.name || '"', 'a worker that is gone'),
                to_char(entry.claimed_at AT TIME ZONE 'UTC', at_utc), entry.queue, entry.deliveries,
                CASE
                    WHEN others.name IS NULL OR others.stopped_at IS NOT NULL THEN '; that worker has stopped, and rescue will put it back'
                    WHEN others.beat_at < now_at - interval '15 seconds' THEN
                        format('; that worker has sent no heartbeat for %s s, and rescue puts it back when its lease time is over',
                            extract(epoch FROM now_at - others.beat_at)::bigint)
                    ELSE ''
                END);
        ELSE
            IF entry.deleted_at < 'infinity' THEN -- one that lies ahead is that of a queue which moves: see home
                RETURN NEXT format('queue_deleted: queue "%s" was deleted at %s',
                    entry.queue, to_char(entry.deleted_at AT TIME ZONE 'UTC', at_utc));
            END IF;
            IF entry.paused_at IS NOT NULL THEN
                RETURN NEXT format('queue_paused: queue "%s" is paused since %s; resume it to go on',
                    entry.queue, to_char(entry.paused_at AT TIME ZONE 'UTC', at_utc));
            END IF;
            IF entry.consumers_stopped_at IS NOT NULL THEN
                RETURN NEXT format('consumers_stopped: all consumers of queue "%s" are told to stop since %s; '
                    'SELECT postroom.start_consumers(%L) lets them go on',
                    entry.queue, to_char(entry.consumers_stopped_at AT TIME ZONE 'UTC', at_utc), entry.queue);
            END IF;
            SELECT count(*) AS consumers,
                   count(*) FILTER (WHERE s.worker_id IS NULL) AS running,
                   count(*) FILTER (WHERE postroom.takes(c.types, message.type, message.type_version)) AS takers,
                   string_agg(format('%s of %s takes %s', c.handler, w.name,
                       coalesce(nullif(array_to_string(c.types, ', '), ''), 'messages without a type')),
                       '; ' ORDER BY c.handler, w.name) AS names
            INTO others
            FROM postroom.consumer c
            JOIN postroom.worker w ON w.id = c.worker_id
            LEFT JOIN postroom.consumer_stop s ON s.worker_id = c.worker_id AND s.queue_id = c.queue_id
            WHERE c.queue_id = entry.queue_id
              AND w.stopped_at IS NULL
              AND w.beat_at > now_at - interval '1 minute';
            IF others.consumers > 0 AND others.running = 0 AND entry.consumers_stopped_at IS NULL THEN
                RETURN NEXT format('consumers_stopped: each live consumer of queue "%s" is told to stop; '
                    'SELECT postroom.start_consumers(%L) lets them go on', entry.queue, entry.queue);
            END IF;
            IF entry.single_active_consumer THEN
                RETURN NEXT format('single_active: only one process consumes queue "%s" at a time, now %s', entry.queue, coalesce(
                    (SELECT 'worker "' || w.name || '"'
                     FROM postroom.active_consumer a
                     JOIN postroom.worker w ON w.id = a.worker_id
                     WHERE a.queue_id = entry.queue_id), 'none'));
            END IF;
            IF others.consumers = 0 THEN
                RETURN NEXT format('no_consumer: no live process anywhere consumes queue "%s"', entry.queue);
                IF entry.reason = 'no_handler' THEN
                    RETURN NEXT format('no_handler: the worker that claimed it last had no handler for %s',
                        coalesce('type ' || message.type || ' version ' || message.type_version, 'messages without a type'));
                END IF;
            ELSIF others.takers = 0 THEN
                RETURN NEXT format('no_handler: no live consumer of queue "%s" takes %s: %s', entry.queue,
                    coalesce('type ' || message.type || ' version ' || message.type_version, 'messages without a type'),
                    left(others.names, 1000));
            END IF;
            IF entry.state = 'DELAYED' AND entry.reason LIKE 'settings:%' THEN
                RETURN NEXT format('settings: its handler needs the settings "%s", and %s', substr(entry.reason, 10), coalesce(
                    postroom.settings_obstacle(substr(entry.reason, 10)),
                    'what is stored can be used: the attempt comes when it is due, or a process that refuses one of their values '
                    'says so in its log and its health'));
            ELSIF entry.state = 'DELAYED' AND entry.reason LIKE 'secret:%' THEN
                RETURN NEXT format('secret: its handler needs the secret of the settings "%s", which was not found by the process that '
                    'tried it last: %s', substr(entry.reason, 8),
                    coalesce((SELECT s.secret FROM postroom.settings s WHERE s.name = substr(entry.reason, 8)), 'they name none'));
            END IF;
            IF entry.state = 'DELAYED' THEN
                RETURN NEXT format('due_later: %s in queue "%s", because of %s%s',
                    CASE WHEN entry.due_at > now_at THEN 'it is due at ' || to_char(entry.due_at AT TIME ZONE 'UTC', at_utc)
                         ELSE 'it was due at ' || to_char(entry.due_at AT TIME ZONE 'UTC', at_utc) || ' and waits to be promoted' END,
                    entry.queue, entry.reason,
                    coalesce('; last error: ' || (
                        SELECT left(split_part(a.error, E'\n', 1), 300)
                        FROM postroom.attempt a
                        WHERE a.message_id = p_message AND a.queue_id = entry.queue_id AND a.error IS NOT NULL
                        ORDER BY a.finished_at DESC
                        LIMIT 1), ''));
            ELSE
                held_up := CASE WHEN entry.ordered THEN postroom.explain_group(p_message, entry.queue_id, message.group_key) END;
                IF held_up IS NOT NULL THEN
                    RETURN NEXT held_up;
                    CONTINUE;
                END IF;
                IF entry.has_limiter THEN
                    FOR limiter IN
                        SELECT CASE WHEN l.queue IS NULL THEN format('destination "%s"', l.destination)
                                    ELSE format('queue "%s"', l.queue) END AS name, l.*
                        FROM postroom.limiters() l
                        WHERE l.queue_id = entry.queue_id OR l.destination = entry.destination
                    LOOP
                        IF limiter.parked_until IS NOT NULL THEN
                            RETURN NEXT format('limit: %s takes nothing until %s, as a handler has learned; SELECT postroom.unpark(%L) '
                                'lets messages start at once',
                                limiter.name, to_char(limiter.parked_until AT TIME ZONE 'UTC', at_utc), limiter.destination);
                        END IF;
                        IF limiter.next_start > 0 THEN
                            RETURN NEXT format('limit: %s lets %s messages start in %s (%s); the next may start at %s',
                                limiter.name, limiter.max_starts, limiter.period, limiter.window_kind,
                                to_char((clock_timestamp() + limiter.next_start * interval '1 microsecond') AT TIME ZONE 'UTC', at_utc));
                        END IF;
                        IF limiter.in_progress >= limiter.max_in_progress THEN
                            RETURN NEXT format('limit: %s lets %s messages be in progress, and %s are',
                                limiter.name, limiter.max_in_progress, limiter.in_progress);
                        END IF;
                    END LOOP;
                    RETURN QUERY SELECT postroom.explain_group_limit(entry.queue_id, entry.queue, message.group_key);
                END IF;
                IF entry.crashes > 0 THEN
                    RETURN NEXT format(
                        'suspect: its worker died %s times after it had started in queue "%s" (limit %s); '
                        'few suspects run at once in a process',
                        entry.crashes, entry.queue, entry.crash_limit);
                END IF;
                IF entry.fair THEN
                    RETURN NEXT postroom.explain_turn(entry.queue_id, entry.queue, entry.priority, entry.seq, message.group_key);
                    CONTINUE;
                END IF;
                -- Two ranges of ready_pk. One condition with OR could be a filter over the whole queue: 0.7 s for the first message of
                -- 9,000,000.
                SELECT count(*) INTO ahead
                FROM ((SELECT FROM postroom.ready r
                       WHERE r.queue_id = entry.queue_id AND r.priority > entry.priority
                       LIMIT 10001)
                      UNION ALL
                      (SELECT FROM postroom.ready r
                       WHERE r.queue_id = entry.queue_id AND r.priority = entry.priority AND r.seq < entry.seq
                       LIMIT 10001)
                      LIMIT 10001) x;
                RETURN NEXT CASE ahead
                    WHEN 0 THEN format('next: nothing is ahead of it in queue "%s"; a free consumer takes it', entry.queue)
                    WHEN 1 THEN format('behind: 1 message of queue "%s" is ahead of it', entry.queue)
                    ELSE format('behind: %s messages of queue "%s" are ahead of it',
                        CASE WHEN ahead > 10000 THEN '10,000+' ELSE ahead::text END, entry.queue)
                END;
            END IF;
        END CASE;
    END LOOP;
    IF NOT is_known AND message.id IS NULL THEN
        RETURN NEXT format('unknown: no message %s; it was never committed, or it was purged', p_message);
    ELSIF NOT is_known THEN
        RETURN NEXT format('no_place: message %s is stored but in no place, which should not be; '
            'run db/checks/conservation.sql', p_message);
    ELSIF message.id IS NULL THEN
        RETURN NEXT format('payload_missing: the content of message %s is gone', p_message);
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.explain IS 'Why a message is not running now: SELECT postroom.explain(''...'').
The most important cause comes first; each line is "code: sentence".';

CREATE OR REPLACE FUNCTION postroom.fair_key(p_message uuid)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
BEGIN
    RETURN coalesce((SELECT m.group_key FROM postroom.message m WHERE m.id = p_message), E'\x01');
END
$function$
;
COMMENT ON FUNCTION postroom.fair_key IS 'Internal: the group of a message as it stands in ready of a fair queue.';

CREATE OR REPLACE FUNCTION postroom.filtered_queues(p_filter jsonb)
 RETURNS integer[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    wanted  constant text := p_filter ->> 'queue';
    found   int[];
BEGIN
    IF wanted IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(q.id) INTO found
    FROM postroom.queue q
    WHERE q.name = wanted
       OR wanted ~ '[*#]' AND postroom.topic_matches(wanted, q.name);
    IF found IS NULL THEN
        PERFORM postroom.refuse('queue', 'one that exists', wanted);
    END IF;
    RETURN found;
END
$function$
;
COMMENT ON FUNCTION postroom.filtered_queues IS 'Internal: the queues that a filter names; null: it names none.';

CREATE OR REPLACE FUNCTION postroom.find_message(p_message_id uuid)
 RETURNS SETOF postroom.queue_messages
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
 SET max_parallel_workers_per_gather TO '0'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
BEGIN
    RETURN QUERY SELECT q.* FROM postroom.queue_messages q WHERE q.message_id = p_message_id;
END
$function$
;
COMMENT ON FUNCTION postroom.find_message IS 'Internal: the rows of queue_messages with this id, by a plan that is kept.';

CREATE OR REPLACE FUNCTION postroom.fold_old(p_parent text, p_until date)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
 SET "TimeZone" TO 'UTC'
AS $function$
DECLARE
    old    constant text := p_parent || '_old';
    gone   constant text[] := ARRAY(
        SELECT p.name FROM postroom.partitions(p_parent) p WHERE isfinite(p.from_at) AND p.to_at <= p_until::timestamp AT TIME ZONE 'UTC');
BEGIN
    PERFORM postroom.require_read_committed();
    IF cardinality(gone) = 0 THEN
        RETURN 0;
    END IF;
    EXECUTE format('ALTER TABLE postroom.%I DETACH PARTITION postroom.%I', p_parent, old);
    FOR i IN 1 .. cardinality(gone) LOOP
        EXECUTE format('ALTER TABLE postroom.%I DETACH PARTITION postroom.%I', p_parent, gone[i]);
        EXECUTE format('INSERT INTO postroom.%I SELECT * FROM postroom.%I', old, gone[i]);
        EXECUTE format('DROP TABLE postroom.%I', gone[i]);
    END LOOP;
    EXECUTE format('ALTER TABLE postroom.%I ATTACH PARTITION postroom.%I FOR VALUES FROM (MINVALUE) TO (%s)',
        p_parent, old, postroom.day_bound(p_parent, p_until));
    EXECUTE format('ALTER TABLE postroom.%I DROP CONSTRAINT IF EXISTS %I', old, old || '_ends');
    RETURN cardinality(gone);
END
$function$
;
COMMENT ON FUNCTION postroom.fold_old IS 'Internal: lets the _old partition reach to a day; answers how many days were dropped.';

CREATE OR REPLACE FUNCTION postroom.free_day(p_leaf text, p_retentions jsonb, p_kept uuid[], p_queues integer[], p_outcomes smallint[], p_messages bigint[], p_first_ids uuid[], p_last_ids uuid[])
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
 SET row_security TO 'off'
AS $function$
DECLARE
    kept  postroom.message[];
    bytes bigint;
BEGIN
    EXECUTE format('SELECT sum(coalesce(octet_length(m.body), octet_length(m.payload::text)))
                    FROM postroom.%I m
                    WHERE m.id = ANY ($1)', p_leaf)
    INTO bytes USING p_kept;
    IF bytes > 16 * 1024 * 1024 THEN
        RETURN 'heavy';
    END IF;
    EXECUTE format('SELECT array_agg(m::postroom.message) FROM postroom.%I m WHERE m.id = ANY ($1)', p_leaf) INTO kept USING p_kept;
    BEGIN
        EXECUTE format('LOCK TABLE postroom.%I IN ACCESS EXCLUSIVE MODE', p_leaf);
    EXCEPTION
        WHEN lock_not_available OR deadlock_detected THEN RETURN 'busy';
    END;
    IF EXISTS (
        SELECT
        FROM jsonb_each_text(p_retentions) g
        JOIN postroom.queue q ON q.id = g.key::int
        WHERE q.retention > g.value::interval) THEN
        RETURN 'busy';  -- decided on a retention that was raised meanwhile
    END IF;
    EXECUTE format('TRUNCATE postroom.%I', p_leaf);
    EXECUTE format('INSERT INTO postroom.%I SELECT * FROM unnest($1)', p_leaf) USING kept;
    INSERT INTO postroom.purge_ledger (queue_id, outcome, messages, first_id, last_id, how)
    SELECT l.queue_id, l.outcome, l.messages, l.first_id, l.last_id, 'truncate'
    FROM unnest(p_queues, p_outcomes, p_messages, p_first_ids, p_last_ids) l (queue_id, outcome, messages, first_id, last_id);
    RETURN 'freed';
END
$function$
;
COMMENT ON FUNCTION postroom.free_day IS 'Internal: called by a job. Frees a partition of messages. ''freed'', or, with nothing done, ''busy'': the lock was not to be had or a
queue keeps its messages longer since close_day, or ''heavy'': what is to be put back has more than 16 MB.';

CREATE OR REPLACE FUNCTION postroom.free_history_day(p_leaf text, p_kept tid[])
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
 SET row_security TO 'off'
AS $function$
DECLARE
    kept postroom.attempt[];
BEGIN
    EXECUTE format('SELECT array_agg(a::postroom.attempt) FROM postroom.%I a WHERE a.ctid = ANY ($1)', p_leaf) INTO kept USING p_kept;
    BEGIN
        EXECUTE format('LOCK TABLE postroom.%I IN ACCESS EXCLUSIVE MODE', p_leaf);
    EXCEPTION
        WHEN lock_not_available OR deadlock_detected THEN RETURN false;
    END;
    EXECUTE format('TRUNCATE postroom.%I', p_leaf);
    EXECUTE format('INSERT INTO postroom.%I SELECT * FROM unnest($1)', p_leaf) USING kept;
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.free_history_day IS 'Internal: called by a job. Frees a partition of attempt. false: the lock was not to be had.';

CREATE OR REPLACE FUNCTION postroom.free_starts(p_max_starts integer, p_period bigint, p_until bigint[], p_booked integer[], p_now bigint, p_by bigint, p_limit integer)
 RETURNS bigint[]
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    over  constant bigint := (SELECT coalesce(sum(n), 0) FROM unnest(p_booked) n) - p_max_starts;
    free  constant int := greatest(0, least(-over, p_limit));
BEGIN
    RETURN array_fill(p_now, ARRAY[free]) || ARRAY(
        SELECT s.at + p_period
        FROM (SELECT u.at, u.n, sum(u.n) OVER (ORDER BY u.at) AS passed FROM unnest(p_until, p_booked) u (at, n)) s
        CROSS JOIN LATERAL generate_series(1, least(s.n, s.passed - over)) g
        WHERE s.passed > over
          AND s.at + p_period <= p_by
        ORDER BY s.at
        LIMIT p_limit - free);
END
$function$
;
COMMENT ON FUNCTION postroom.free_starts IS 'Internal: when the next messages may start under a limit.';

CREATE OR REPLACE FUNCTION postroom.full_groups(p_limiter postroom.limiter, p_running jsonb)
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN ARRAY(
        SELECT g.key
        FROM jsonb_each_text(p_running) g
        WHERE g.value::int >= p_limiter.max_in_progress_per_group);
END
$function$
;
COMMENT ON FUNCTION postroom.full_groups IS 'Internal: which groups have as many messages in progress as they may.';

CREATE OR REPLACE FUNCTION postroom.group_allowance(p_limiter postroom.limiter, p_keys text[], p_running jsonb, p_now bigint)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
DECLARE
    keep    constant bigint := CASE p_limiter.window_kind WHEN 'fixed' THEN 0
                                    ELSE extract(epoch FROM p_limiter.period_per_group) * 1000000 END;
    latest  constant bigint := postroom.start_slice(
        (extract(epoch FROM p_limiter.period_per_group) * 1000000)::bigint, p_limiter.window_kind, p_now + 1250000); -- see start_time
BEGIN
    IF p_limiter.max_starts_per_group IS NULL THEN
        RETURN (
            SELECT coalesce(jsonb_object_agg(k.key,
                       greatest(0, p_limiter.max_in_progress_per_group - coalesce((p_running ->> k.key)::int, 0))), '{}')
            FROM unnest(p_keys) k (key));
    END IF;
    RETURN (
        SELECT coalesce(jsonb_object_agg(s.key, greatest(0, least(
                   p_limiter.max_starts_per_group - coalesce(s.used, 0),
                   p_limiter.max_in_progress_per_group - coalesce((p_running ->> s.key)::int, 0)))), '{}')
        FROM (
            SELECT k.key,
                   (SELECT (SELECT sum(u.n) FROM unnest(g.booked_until, g.booked) u (at, n) WHERE least(u.at, latest) + keep > p_now)
                    FROM postroom.limited_group g
                    WHERE g.limiter_id = p_limiter.id
                      AND g.group_key = k.key COLLATE "C") AS used
            FROM unnest(p_keys) k (key)
        ) s);
END
$function$
;
COMMENT ON FUNCTION postroom.group_allowance IS 'Internal: how many messages of groups may start now under a limit of each.';

CREATE OR REPLACE FUNCTION postroom.group_wait(p_limiter postroom.limiter, p_queue integer, p_priorities smallint[], p_floors bigint[], p_limit integer, OUT waits boolean, OUT by_end boolean, OUT next_start bigint)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
DECLARE
    now_us    constant bigint := extract(epoch FROM clock_timestamp()) * 1000000;
    period    constant bigint := extract(epoch FROM p_limiter.period_per_group) * 1000000;
    full_keys text[] := '{}';
    first_at  bigint;
    batch_at  bigint;
BEGIN
    by_end := false;
    waits := EXISTS (
        SELECT
        FROM unnest(p_priorities, p_floors) l (priority, floor)
        CROSS JOIN LATERAL (
            SELECT
            FROM postroom.ready r
            WHERE r.queue_id = p_queue
              AND r.priority = l.priority
              AND r.seq >= l.floor
              AND r.crashes = 0
            LIMIT 1) r);
    IF NOT waits THEN
        RETURN;
    END IF;
    IF p_limiter.max_in_progress_per_group IS NOT NULL THEN
        full_keys := postroom.full_groups(p_limiter, postroom.running_groups(p_queue));
        by_end := cardinality(full_keys) > 0;
    END IF;
    IF p_limiter.max_starts_per_group IS NOT NULL THEN
        -- No claim sets a later time than this: see start_time. One that was set before the clock was set back is over, and its bookings
        -- count from now on.
        UPDATE postroom.limited_group g
        SET free_at = now_us,
            booked_until = ARRAY(SELECT least(u.at, postroom.start_slice(period, p_limiter.window_kind, now_us + 1250000))
                                 FROM unnest(g.booked_until) WITH ORDINALITY u (at, place)
                                 ORDER BY u.place)
        WHERE g.limiter_id = p_limiter.id
          AND g.free_at > now_us + 1250000 + greatest(period / 100, 1000) + period;
        IF postroom.look_for_groups(p_limiter, full_keys, p_queue, p_priorities, p_floors, now_us) THEN
            next_start := 2000;
            RETURN;
        ELSIF cardinality(postroom.released_groups(p_limiter.id, full_keys, now_us, 1)) > 0 THEN
            next_start := 2000; -- more of them than the claim looked at, or one that it did not use up
            RETURN;
        END IF;
        SELECT min(f.free_at), CASE WHEN count(*) = p_limit THEN max(f.free_at) END
        INTO first_at, batch_at
        FROM (SELECT g.free_at
              FROM postroom.limited_group g
              WHERE g.limiter_id = p_limiter.id
                AND g.free_at > now_us
              ORDER BY g.limiter_id, g.free_at
              LIMIT p_limit) f;
        next_start := least(batch_at, first_at + least((extract(epoch FROM p_limiter.period_per_group) * 20000)::bigint, 20000)) - now_us;
        IF EXISTS (SELECT FROM postroom.limited_group g WHERE g.limiter_id = p_limiter.id AND g.free_at IS NOT NULL OFFSET 256 LIMIT 1) THEN
            next_start := least(next_start, 100000); -- look_for_groups goes on then
        END IF;
    END IF;
    waits := by_end OR next_start IS NOT NULL;
END
$function$
;
COMMENT ON FUNCTION postroom.group_wait IS 'Internal: whether limits of groups keep messages back, and how long.';

CREATE OR REPLACE FUNCTION postroom.groups_at_limit(p_limiter integer)
 RETURNS bigint
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN (
        SELECT count(*)
        FROM postroom.limited_group g
        WHERE g.limiter_id = p_limiter
          AND g.free_at > extract(epoch FROM clock_timestamp()) * 1000000);
END
$function$
;
COMMENT ON FUNCTION postroom.groups_at_limit IS 'Internal: how many groups of a queue have started as many messages as they may.';

CREATE OR REPLACE FUNCTION postroom.has_any_started(p_messages uuid[], p_first_lease bigint)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT p_messages IS NULL OR EXISTS (
        SELECT
        FROM postroom.attempt a
        WHERE a.message_id = ANY (p_messages)
          AND a.lease_id >= p_first_lease
          AND a.finished_at > statement_timestamp() - interval '1 day'
          AND a.outcome NOT IN (1, 2, 9)) -- cancelled, expired, undecodable
$function$
;
COMMENT ON FUNCTION postroom.has_any_started IS 'Internal: whether the history says of one of these messages how a handler ended. Calls that were cut off or cancelled count as none.';

CREATE OR REPLACE FUNCTION postroom.has_just_started(p_lease_time interval)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT pg_postmaster_start_time() BETWEEN statement_timestamp() - p_lease_time AND statement_timestamp()
$function$
;
COMMENT ON FUNCTION postroom.has_just_started IS 'Internal: whether the server started within the last lease time, so that missing heartbeats say nothing.';

CREATE OR REPLACE FUNCTION postroom.has_unfinished(p_batch uuid)
 RETURNS boolean
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT EXISTS (SELECT FROM postroom.batch_part p WHERE p.batch_id = p_batch AND NOT p.is_dead)
        OR EXISTS (SELECT FROM postroom.batch c WHERE c.parent_id = p_batch AND c.completed_at IS NULL)
$function$
;
COMMENT ON FUNCTION postroom.has_unfinished IS 'Internal: whether a batch has a member or a child that has not ended.';

CREATE OR REPLACE FUNCTION postroom.headers_match(p_arguments jsonb, p_headers jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT CASE WHEN m.mode IN ('any', 'any-with-x') THEN coalesce(bool_or(w.is_met), false)
                ELSE coalesce(bool_and(w.is_met), true) END
    FROM (SELECT coalesce(p_arguments ->> 'x-match', 'all') AS mode) m
    LEFT JOIN LATERAL (
        SELECT coalesce(p_headers ? a.key AND (a.value = 'null' OR p_headers -> a.key = a.value), false) AS is_met
        FROM jsonb_each(p_arguments) a
        WHERE a.key <> 'x-match'
          AND (m.mode IN ('all-with-x', 'any-with-x') OR NOT starts_with(a.key, 'x-'))) w ON true
    GROUP BY m.mode
$function$
;
COMMENT ON FUNCTION postroom.headers_match IS 'Internal: whether the arguments of a binding match the headers of a message; a null among them wants any value:
SELECT postroom.headers_match(''{"x-match": "any", "kind": "invoice", "vip": null}'', ''{"kind": "invoice"}'')';

CREATE OR REPLACE FUNCTION postroom.history_kept(p_leaf text, p_most integer, p_most_lines integer)
 RETURNS tid[]
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET plan_cache_mode TO 'force_custom_plan'
 SET jit TO 'off'
 SET row_security TO 'off'
AS $function$
DECLARE
    low     uuid;
    high    uuid;
    stored  uuid[];
    kept    tid[];
BEGIN
    EXECUTE format('SELECT a.message_id FROM postroom.%I a ORDER BY a.message_id LIMIT 1', p_leaf) INTO low;
    EXECUTE format('SELECT a.message_id FROM postroom.%I a ORDER BY a.message_id DESC LIMIT 1', p_leaf) INTO high;
    SELECT array_agg(m.id) INTO stored
    FROM (SELECT x.id FROM postroom.message x WHERE x.id >= low AND x.id <= high LIMIT p_most + 1) m;
    IF cardinality(stored) <= p_most OR stored IS NULL THEN
        EXECUTE format('SELECT coalesce(array_agg(a.place), ''{}'')
                        FROM (SELECT x.ctid AS place FROM postroom.%I x WHERE x.message_id = ANY ($1) LIMIT $2) a', p_leaf)
        INTO kept USING stored, p_most_lines;
    END IF;
    RETURN kept;
END
$function$
;
COMMENT ON FUNCTION postroom.history_kept IS 'Internal: called by a job. The places in a partition of attempt of the lines whose message is still stored, at most p_most_lines.';

CREATE OR REPLACE FUNCTION postroom.history_look(p_leaf text, p_after tid, p_limit integer)
 RETURNS TABLE(looked integer, last_looked tid, kept tid[])
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
 SET row_security TO 'off'
AS $function$
DECLARE
    pages  constant bigint := pg_relation_size(('postroom.' || quote_ident(p_leaf))::regclass) / current_setting('block_size')::int;
    page   bigint := (p_after::text::point)[0]::bigint;
BEGIN
    looked := 0;
    WHILE looked = 0 AND page < pages LOOP
        EXECUTE format($sql$
            WITH looked AS MATERIALIZED (
                SELECT a.ctid AS place, a.message_id
                FROM postroom.%I a
                WHERE a.ctid > $1
                  AND a.ctid < $2
                ORDER BY a.ctid
                LIMIT $3
            )
            SELECT count(*)::int, (array_agg(l.place ORDER BY l.place DESC))[1],
                   ARRAY(SELECT k.place FROM looked k WHERE EXISTS (SELECT FROM postroom.message m WHERE m.id = k.message_id))
            FROM looked l
            $sql$, p_leaf)
        INTO looked, last_looked, kept
        USING p_after, format('(%s,0)', page + 64)::tid, p_limit;
        page := page + 64;
        p_after := format('(%s,0)', page)::tid;
    END LOOP;
    RETURN NEXT;
END
$function$
;
COMMENT ON FUNCTION postroom.history_look IS 'Internal: called by a job. Of the next lines of a partition of attempt, p_limit at most: the places of those whose message is still
stored. looked 0: there are no more.';

CREATE OR REPLACE FUNCTION postroom.homes_by_rules(p_rules text, p_queue text)
 RETURNS TABLE(homes text[], is_named boolean, whole text)
 LANGUAGE sql
 STABLE ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    WITH rule AS MATERIALIZED (
        SELECT split_part(l.line, ' = ', 1) AS queue, string_to_array(split_part(l.line, ' = ', 2), ', ') AS homes
        FROM unnest(string_to_array(p_rules, E'\n')) l (line)
    ), part AS (
        SELECT m[1] AS queue, m[2]::int AS number, m[3]::int AS parts
        FROM regexp_match(p_queue, '^(.+):([1-9][0-9]{0,3})of([1-9][0-9]{0,3})$') m
    )
    SELECT f.homes, f.rank < 3, f.whole
    FROM (SELECT 1 AS rank, r.homes, NULL AS whole
          FROM rule r
          WHERE r.queue = p_queue
          UNION ALL
          SELECT 2, r.homes[p.number:p.number], r.queue
          FROM rule r
          JOIN part p ON p.queue = r.queue AND p.parts = cardinality(r.homes) AND p.parts > 1 AND p.number <= p.parts
          UNION ALL
          SELECT 3, r.homes, NULL
          FROM rule r
          WHERE r.queue ~ '[*#]'
            AND r.queue <> '#'
            AND postroom.topic_matches(r.queue, p_queue)
          UNION ALL
          SELECT 4, r.homes, NULL
          FROM rule r
          WHERE r.queue = '#') f
    ORDER BY f.rank
    LIMIT 1
$function$
;
COMMENT ON FUNCTION postroom.homes_by_rules IS 'Internal: the homes of a queue by the text of rules, several for one with parts; whether a rule names it; the queue whose part it is.
No row: it has no home.';

CREATE OR REPLACE FUNCTION postroom.instant_of(p_id uuid)
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT timestamptz 'epoch' + ('x' || left(replace(p_id::text, '-', ''), 12))::bit(48)::bigint * interval '1 millisecond'
$function$
;
COMMENT ON FUNCTION postroom.instant_of IS 'The instant that a message id carries, to the millisecond: SELECT postroom.instant_of(message_id)';

CREATE OR REPLACE FUNCTION postroom.is_abandoned(q postroom.queue, p_lease_time interval)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT CASE q.kind
        WHEN 'exclusive' THEN NOT EXISTS (
            SELECT FROM postroom.worker w
            WHERE w.instance = q.owner
              AND w.stopped_at IS NULL
              AND (p_lease_time IS NULL OR w.beat_at > statement_timestamp() - p_lease_time))
        WHEN 'auto_delete' THEN (q.had_consumer OR postroom.is_expired(q)) AND NOT postroom.is_consumed(q.id, p_lease_time)
        ELSE postroom.is_expired(q) AND NOT postroom.is_consumed(q.id, p_lease_time)
    END
$function$
;
COMMENT ON FUNCTION postroom.is_abandoned IS 'Internal: whether a queue has lost its owner or its last consumer, or is not used any more.';

CREATE OR REPLACE FUNCTION postroom.is_consumed(p_queue integer, p_lease_time interval)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT EXISTS (
        SELECT FROM postroom.consumer c
        JOIN postroom.worker w ON w.id = c.worker_id
        WHERE c.queue_id = p_queue
          AND w.stopped_at IS NULL
          AND (p_lease_time IS NULL OR w.beat_at > statement_timestamp() - p_lease_time))
$function$
;
COMMENT ON FUNCTION postroom.is_consumed IS 'Internal: whether a process consumes a queue.';

CREATE OR REPLACE FUNCTION postroom.is_day_free(p_leaf text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
AS $function$
BEGIN
    BEGIN
        EXECUTE format('LOCK TABLE postroom.%I IN ACCESS EXCLUSIVE MODE', p_leaf);
        RAISE EXCEPTION USING ERRCODE = 'PR001';
    EXCEPTION
        WHEN SQLSTATE 'PR001' THEN RETURN true;
        WHEN lock_not_available OR deadlock_detected THEN RETURN false;
    END;
END
$function$
;
COMMENT ON FUNCTION postroom.is_day_free IS 'Internal: called by a job. Whether the lock that TRUNCATE needs could be had now.';

CREATE OR REPLACE FUNCTION postroom.is_death_cycle(p_deaths jsonb, p_queue text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT coalesce(bool_and(d.value ->> 'reason' <> 'rejected') FILTER (WHERE d.ordinality <= l.place), false)
    FROM jsonb_array_elements(p_deaths) WITH ORDINALITY d
    CROSS JOIN (SELECT min(x.ordinality) AS place
                FROM jsonb_array_elements(p_deaths) WITH ORDINALITY x
                WHERE x.value ->> 'queue' = p_queue) l
$function$
;
COMMENT ON FUNCTION postroom.is_death_cycle IS 'Internal: whether a message with these deaths, the last one included, would come back to a queue by itself.';

CREATE OR REPLACE FUNCTION postroom.is_entry_expired(p_message uuid, p_queue integer)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM postroom.entry_expiry x
        WHERE x.message_id = p_message
          AND x.queue_id = p_queue
          AND x.expires_at <= clock_timestamp());
END
$function$
;
COMMENT ON FUNCTION postroom.is_entry_expired IS 'Internal: whether an entry of a message in several queues has outlived the time to live of its queue.';

CREATE OR REPLACE FUNCTION postroom.is_expired(q postroom.queue)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT q.expires_after IS NOT NULL
       AND greatest(q.used_at, pg_postmaster_start_time())
           < statement_timestamp() - q.expires_after - least(q.expires_after / 10, interval '1 minute')
$function$
;
COMMENT ON FUNCTION postroom.is_expired IS 'Internal: whether nobody has declared or consumed a queue for as long as its expires_after; of a queue without a consumer.';

CREATE OR REPLACE FUNCTION postroom.is_own_row(p_xmin xid)
 RETURNS boolean
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT CASE WHEN age(p_xmin) > age(own.id::xid) THEN false
                ELSE pg_xact_status((own.id::text::bigint + age(own.id::xid) - age(p_xmin))::text::xid8) = 'in progress' END
    FROM (SELECT pg_current_xact_id() AS id) own
$function$
;
COMMENT ON FUNCTION postroom.is_own_row IS 'Internal: whether the current transaction wrote the visible row that has this xmin.';

CREATE OR REPLACE FUNCTION postroom.judge_canary(p_operation postroom.operation, OUT died integer, OUT pending integer)
 RETURNS record
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT count(*) FILTER (WHERE j.is_dead)::int, count(*) FILTER (WHERE NOT j.is_dead AND NOT j.has_ended)::int
    FROM unnest(p_operation.canary_messages, p_operation.canary_queues) c (message_id, queue_id)
    CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM postroom.dead_letter d WHERE d.message_id = c.message_id AND d.queue_id = c.queue_id)
               OR EXISTS (SELECT
                          FROM postroom.attempt a
                          WHERE a.message_id = c.message_id
                            AND a.queue_id = c.queue_id
                            AND a.finished_at >= p_operation.created_at
                            AND a.outcome IN (1, 2) -- texts of others come from handlers, and may say anything
                            AND a.error LIKE '%; went on through exchange "%') AS is_dead, -- see pass_on
               EXISTS (SELECT
                       FROM postroom.attempt a
                       WHERE a.message_id = c.message_id
                         AND a.queue_id = c.queue_id
                         AND a.finished_at >= p_operation.created_at
                         AND a.outcome <= 2)
               OR NOT EXISTS (SELECT FROM postroom.message m WHERE m.id = c.message_id) AS has_ended) j
$function$
;
COMMENT ON FUNCTION postroom.judge_canary IS 'Internal: how many of the letters that an operation redrove first are dead again, and how many have not ended.';

CREATE OR REPLACE FUNCTION postroom.keep_ledger()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    unsealed  postroom.operator_action;
    last      bigint;
    before    bytea;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.number IS NOT NULL OR NEW.hash IS NOT NULL OR NEW.sealed_at IS NOT NULL THEN
            RAISE EXCEPTION 'number, hash and sealed_at of a new line of operator_action must be left out' USING ERRCODE = '22023';
        END IF;
        IF NOT isfinite(NEW.finished_at) THEN -- it could not be hashed, and no line behind it be sealed
            RAISE EXCEPTION 'finished_at of operator_action must be a moment, not %', NEW.finished_at USING ERRCODE = '22023';
        END IF;
        NEW.at := clock_timestamp();
        NEW.db_user := session_user;
        RETURN NEW;
    ELSIF TG_OP = 'UPDATE' AND OLD.number IS NULL THEN
        unsealed := NEW;
        unsealed.number := NULL;
        unsealed.hash := NULL;
        unsealed.sealed_at := NULL;
        IF unsealed IS NOT DISTINCT FROM OLD THEN
            SELECT o.number, o.hash INTO last, before
            FROM postroom.operator_action o
            WHERE o.number IS NOT NULL
            ORDER BY o.number DESC
            LIMIT 1;
            IF NEW.number = coalesce(last, 0) + 1 AND NEW.hash = postroom.ledger_hash(NEW, before) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'the seal of a line of operator_action must follow that of the line before it' USING ERRCODE = '42501';
        END IF;
    END IF;
    RAISE EXCEPTION 'operator_action is a ledger: its lines are neither changed nor removed (%)', TG_OP USING ERRCODE = '42501';
END
$function$
;
COMMENT ON FUNCTION postroom.keep_ledger IS 'Internal: a trigger. Lets lines of the ledger be written and sealed, and refuses whatever else would change it.';

CREATE OR REPLACE FUNCTION postroom.keep_settings_history()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO postroom.settings_change (name, version, changed_by, settings_by, before)
        SELECT OLD.name, 1 + greatest(OLD.version, max(c.version)),
               coalesce(nullif(current_setting('postroom.settings_actor', true), ''), session_user), 'operator',
               postroom.settings_document(OLD)
        FROM postroom.settings_change c
        WHERE c.name = OLD.name;
    ELSE
        INSERT INTO postroom.settings_change (name, version, changed_at, changed_by, settings_by, before, after)
        VALUES (NEW.name, NEW.version, NEW.changed_at, NEW.changed_by, NEW.settings_by,
                CASE WHEN TG_OP = 'UPDATE' THEN postroom.settings_document(OLD) END, postroom.settings_document(NEW));
    END IF;
    RETURN NULL;
END
$function$
;
COMMENT ON FUNCTION postroom.keep_settings_history IS 'Internal: a trigger. Writes the line of history of each change, one by hand included.';

CREATE OR REPLACE FUNCTION postroom.keeps_key(p_message uuid, p_until text, p_on_duplicate text)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT coalesce(bool_or(
        CASE WHEN p_on_duplicate IN ('replace', 'reschedule') AND x.waiting > 0 THEN false
             WHEN p_until = 'purged' THEN true
             WHEN p_until = 'end' THEN x.waiting + x.running > 0
             ELSE x.waiting = cardinality(coalesce(m.queue_ids, ARRAY[m.queue_id])) END), false)
    FROM postroom.message m
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE p.state IN ('READY', 'DELAYED')
                                  AND (m.expires_at <= clock_timestamp()) IS NOT TRUE
                                  AND NOT (m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, p.queue_id))) AS waiting,
               count(*) FILTER (WHERE p.state = 'IN_PROGRESS') AS running
        FROM postroom.place p
        WHERE p.message_id = p_message) x
    WHERE m.id = p_message
$function$
;
COMMENT ON FUNCTION postroom.keeps_key IS 'Internal: whether a message keeps its deduplication key from another message.';

CREATE OR REPLACE FUNCTION postroom.kill_signal(queue text, how_many integer DEFAULT 1)
 RETURNS uuid
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF how_many IS NULL OR how_many < 1 THEN
        PERFORM postroom.refuse('how_many', '1 or more', how_many::text);
    END IF;
    IF NOT postroom.may_operate(session_user) THEN
        RAISE EXCEPTION 'a kill signal needs UPDATE on postroom.queue, which role "%" lacks', session_user USING ERRCODE = '42501';
    END IF;
    RETURN (SELECT m.id
            FROM postroom.create_message(queue => kill_signal.queue, type => 'postroom.kill',
                                         payload => jsonb_build_object('howMany', how_many)) m);
END
$function$
;
COMMENT ON FUNCTION postroom.kill_signal IS 'Sends a message that stops so many consumers of a queue, after all that is READY before it: SELECT postroom.kill_signal(''mail'', 2).
Answers its id.';

CREATE OR REPLACE FUNCTION postroom.last_ready_seq()
 RETURNS bigint
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT coalesce(pg_sequence_last_value('postroom.ready_seq'), 0)
$function$
;
COMMENT ON FUNCTION postroom.last_ready_seq IS 'Internal: the last number that was drawn for an entry of ready.';

CREATE OR REPLACE FUNCTION postroom.last_rows_of(p_leaf text, p_rows integer)
 RETURNS uuid
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    begins_after uuid;
BEGIN
    EXECUTE format('SELECT m.id FROM postroom.%I m ORDER BY m.id DESC OFFSET $1 LIMIT 1', p_leaf) INTO begins_after USING p_rows;
    RETURN begins_after;
END
$function$
;
COMMENT ON FUNCTION postroom.last_rows_of IS 'Internal: the id behind which the last p_rows messages of a partition lie; null: it has no more than that.';

CREATE OR REPLACE FUNCTION postroom.ledger_hash(p_line postroom.operator_action, p_before bytea)
 RETURNS bytea
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT sha256(coalesce(p_before, '') || convert_to(jsonb_strip_nulls(jsonb_build_object(
        'number', p_line.number,
        'sealedAt', (extract(epoch FROM p_line.sealed_at) * 1000000)::bigint,
        'id', p_line.id,
        'at', (extract(epoch FROM p_line.at) * 1000000)::bigint,
        'actor', p_line.actor,
        'dbUser', p_line.db_user,
        'action', p_line.action,
        'queueId', p_line.queue_id,
        'messageId', p_line.message_id,
        'filter', p_line.filter::text,
        'perSecond', p_line.per_second,
        'planned', p_line.planned,
        'done', p_line.done,
        'cursorId', p_line.cursor_id,
        'finishedAt', (extract(epoch FROM p_line.finished_at) * 1000000)::bigint,
        'note', p_line.note,
        'reason', p_line.reason,
        'operationId', p_line.operation_id))::text, 'UTF8'))
$function$
;
COMMENT ON FUNCTION postroom.ledger_hash IS 'Internal: SHA-256 of the hash of the line before and of all values of a line, but for its own hash.';

CREATE OR REPLACE FUNCTION postroom.limited_groups(queue text)
 RETURNS TABLE(group_key text, starts integer, in_progress integer, next_start bigint)
 LANGUAGE plpgsql
 STABLE ROWS 100
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    now_us   constant bigint := extract(epoch FROM clock_timestamp()) * 1000000;
    limiter  postroom.limiter;
    running  jsonb;
BEGIN
    SELECT l.* INTO limiter
    FROM postroom.limiter l
    JOIN postroom.queue q ON q.id = l.queue_id
    WHERE q.name = limited_groups.queue
      AND num_nonnulls(l.max_starts_per_group, l.max_in_progress_per_group) > 0;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    running := postroom.running_groups(limiter.queue_id);
    RETURN QUERY
    SELECT nullif(x.key, E'\x01'), x.starts, x.running, greatest(0, x.free_at - now_us)
    FROM (
        SELECT coalesce(g.group_key, r.key) AS key, coalesce(r.value::int, 0) AS running, coalesce(g.free_at, 0) AS free_at,
               coalesce((SELECT sum(u.n)::int
                         FROM unnest(g.booked_until, g.booked) u (at, n)
                         WHERE u.at + CASE limiter.window_kind WHEN 'fixed' THEN 0
                                           ELSE extract(epoch FROM limiter.period_per_group) * 1000000 END > now_us), 0) AS starts
        FROM (SELECT s.* FROM postroom.limited_group s WHERE s.limiter_id = limiter.id AND limiter.max_starts_per_group IS NOT NULL) g
        FULL JOIN jsonb_each_text(running) r ON r.key = g.group_key
    ) x
    WHERE x.starts >= limiter.max_starts_per_group
       OR x.running >= limiter.max_in_progress_per_group
    ORDER BY 4, x.key COLLATE "C"
    LIMIT 1000;
END
$function$
;
COMMENT ON FUNCTION postroom.limited_groups IS 'Groups of a queue that are at their limit, up to 1000: SELECT * FROM postroom.limited_groups(''imports'').
next_start: the microseconds until one of their messages may start, as far as starts are limited. Without a group: those that have none.';

CREATE OR REPLACE FUNCTION postroom.limited_queue(p_queue text, p_destination text)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
DECLARE
    target int;
BEGIN
    PERFORM postroom.require_read_committed();
    IF num_nonnulls(p_queue, p_destination) <> 1 THEN
        PERFORM postroom.refuse('queue', 'given, or destination, and never both', p_queue);
    ELSIF p_destination IS NOT NULL THEN
        PERFORM postroom.require_name('destination', p_destination);
        RETURN NULL;
    END IF;
    SELECT q.id INTO target FROM postroom.queue q WHERE q.name = p_queue;
    IF NOT FOUND THEN
        PERFORM postroom.refuse('queue', 'the name of a queue', p_queue);
    END IF;
    RETURN target;
END
$function$
;
COMMENT ON FUNCTION postroom.limited_queue IS 'Internal: checks the name of a queue or destination that is limited.';

CREATE OR REPLACE FUNCTION postroom.limiters()
 RETURNS TABLE(queue text, destination text, max_starts integer, period interval, window_kind text, max_in_progress integer, starts integer, in_progress bigint, next_start bigint, set_by text, set_at timestamp with time zone, parked_until timestamp with time zone, queue_id integer, max_starts_per_group integer, period_per_group interval, max_in_progress_per_group integer, groups_at_limit bigint)
 LANGUAGE sql
 STABLE ROWS 10
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT q.name, l.destination, l.max_starts, l.period, l.window_kind, l.max_in_progress,
           least(c.used, 2147483647)::int, coalesce(r.in_progress, 0),
           coalesce(postroom.next_start(l.max_starts, t.period, l.window_kind, c.until, c.booked, t.now, 1), 0), l.set_by, l.set_at,
           CASE WHEN l.parked_until > clock_timestamp() THEN l.parked_until END, q.id,
           l.max_starts_per_group, l.period_per_group, l.max_in_progress_per_group, postroom.groups_at_limit(l.id)
    FROM postroom.limiter l
    LEFT JOIN postroom.queue q ON q.id = l.queue_id
    CROSS JOIN LATERAL (
        SELECT (extract(epoch FROM l.period) * 1000000)::bigint, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) t (period, now)
    CROSS JOIN LATERAL postroom.count_starts(t.period, l.window_kind, l.booked_until, l.booked, t.now) c
    LEFT JOIN LATERAL (
        SELECT sum(bit_count(x.open))::bigint AS in_progress
        FROM postroom.lease x
        WHERE x.queue_id = l.queue_id
           OR l.destination IS NOT NULL AND x.queue_id IN (SELECT d.id FROM postroom.queue d WHERE d.destination = l.destination)) r ON true
    WHERE q.id IS NULL OR q.deleted_at IS NULL
    ORDER BY l.destination IS NOT NULL, q.name, l.destination
$function$
;
COMMENT ON FUNCTION postroom.limiters IS 'The limits of queues and destinations, and how much of them is used: SELECT * FROM postroom.limiters().';

CREATE OR REPLACE FUNCTION postroom.lock_access_tokens()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM FROM postroom.access_token_version v FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'postroom.access_token_version has lost its one row, so tokens can be neither created nor revoked' USING
            ERRCODE = '55000',
            HINT = 'As the owner: INSERT INTO postroom.access_token_version DEFAULT VALUES';
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.lock_access_tokens IS 'Internal: makes those who change tokens wait for each other.';

CREATE OR REPLACE FUNCTION postroom.lock_first_use(p_queue text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    callers_limit  constant text := current_setting('lock_timeout');
    one_wait       constant text := least(
        1000 + 2 * (extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000)::bigint, 2147483647) || 'ms';
    lock_number    constant int := hashtext(p_queue) & 1023;
    holder         record;
BEGIN
    WHILE NOT pg_try_advisory_xact_lock(1349481333, lock_number) LOOP
        SELECT x.gid, x.prepared INTO holder
        FROM pg_locks l
        JOIN pg_locks t ON t.virtualtransaction = l.virtualtransaction AND t.locktype = 'transactionid' AND t.pid IS NULL
        JOIN pg_prepared_xacts x ON x.transaction = t.transactionid
        WHERE l.locktype = 'advisory'
          AND l.pid IS NULL
          AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
          AND l.classid::bigint = 1349481333
          AND l.objid::bigint = lock_number
          AND l.objsubid = 2
          AND l.granted;
        IF FOUND THEN
            RAISE EXCEPTION 'queue "%" cannot be made before transaction "%" ends, which was prepared at %. '
                'It makes this queue, or another one that shares its lock (of 1024). Nothing was written',
                p_queue, holder.gid, to_char(holder.prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
                USING ERRCODE = '55P03', COLUMN = 'queue',
                      HINT = 'Let its transaction manager end it, and declare queues before transactions that are prepared use them';
        END IF;
        BEGIN
            IF callers_limit = '0' THEN
                PERFORM set_config('lock_timeout', one_wait, true);
            END IF;
            PERFORM pg_advisory_xact_lock(1349481333, lock_number);
            PERFORM set_config('lock_timeout', callers_limit, true);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN -- the setting is as it was before this block
            IF callers_limit <> '0' THEN
                RAISE;
            END IF;
        END;
    END LOOP;
END
$function$
;
COMMENT ON FUNCTION postroom.lock_first_use IS 'Internal: lets one transaction at a time make a queue of this name, and refuses to wait for one that is prepared (55P03). Some names
share a lock.';

CREATE OR REPLACE FUNCTION postroom.lock_keys(p_owners integer[], p_keys text[], p_messages uuid[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT DISTINCT ON (g.owner, g.key) g.owner, g.key, g.message_id
        FROM unnest(p_owners, p_keys, p_messages) WITH ORDINALITY g (owner, key, message_id, place)
        WHERE g.key IS NOT NULL
        ORDER BY g.owner, g.key, g.place
    LOOP
        FOR round IN 1 .. 5 LOOP
            INSERT INTO postroom.dedup (queue_id, key, message_id)
            VALUES (wanted.owner, wanted.key, wanted.message_id)
            ON CONFLICT DO NOTHING;
            EXIT WHEN FOUND;
            PERFORM FROM postroom.dedup d WHERE d.queue_id = wanted.owner AND d.key = wanted.key FOR UPDATE;
            EXIT WHEN FOUND; -- else it was purged in between
        END LOOP;
    END LOOP;
END
$function$
;
COMMENT ON FUNCTION postroom.lock_keys IS 'Internal: locks the deduplication keys of a batch in one order.';

CREATE OR REPLACE FUNCTION postroom.lock_length(p_queue integer)
 RETURNS postroom.queue_length
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    known postroom.queue_length;
BEGIN
    LOOP
        SELECT * INTO known FROM postroom.queue_length s WHERE s.queue_id = p_queue FOR NO KEY UPDATE;
        IF FOUND THEN
            RETURN known;
        END IF;
        INSERT INTO postroom.queue_length (queue_id) VALUES (p_queue) ON CONFLICT DO NOTHING;
    END LOOP;
END
$function$
;
COMMENT ON FUNCTION postroom.lock_length IS 'Internal: makes others wait that create messages in a limited queue, until the transaction ends.';

CREATE OR REPLACE FUNCTION postroom.lock_waiting(p_message uuid, OUT waiting integer, OUT entries integer, OUT in_doubt boolean)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
DECLARE
    done   int[]; -- queues whose entries are locked or have outlived their time
    found  int[];
BEGIN
    waiting := 0;
    in_doubt := false;
    SELECT cardinality(k.queues),
           ARRAY(SELECT e.id FROM unnest(k.queues) e (id)
                 WHERE m.expires_at <= clock_timestamp() OR m.queue_ids IS NOT NULL AND postroom.is_entry_expired(m.id, e.id))
    INTO entries, done
    FROM postroom.message m
    CROSS JOIN LATERAL (SELECT coalesce(m.queue_ids, ARRAY[m.queue_id]) AS queues) k
    WHERE m.id = p_message;
    FOR look IN 1 .. 50 LOOP
        EXIT WHEN entries IS NULL OR cardinality(done) >= entries;
        WITH first_place AS (
            SELECT r.queue_id
            FROM postroom.message m
            CROSS JOIN LATERAL unnest(coalesce(m.queue_ids, ARRAY[m.queue_id])) e (queue_id)
            JOIN postroom.ready r ON r.queue_id = e.queue_id AND r.priority = m.priority AND r.seq = m.seq AND r.message_id = m.id
            WHERE m.id = p_message AND r.queue_id <> ALL (done)
            FOR UPDATE OF r SKIP LOCKED
        ), moved AS (
            SELECT r.queue_id FROM postroom.ready r
            WHERE r.message_id = p_message AND r.moved AND r.queue_id <> ALL (done)
            FOR UPDATE SKIP LOCKED
        ), put_off AS (
            SELECT d.queue_id FROM postroom.delayed d
            WHERE d.message_id = p_message AND d.queue_id <> ALL (done)
            FOR UPDATE SKIP LOCKED
        ), behind AS (
            SELECT w.queue_id FROM postroom.grouped w
            WHERE w.message_id = p_message AND w.queue_id <> ALL (done)
            FOR UPDATE SKIP LOCKED
        )
        SELECT array_agg(x.queue_id) INTO found
        FROM (SELECT * FROM first_place UNION ALL SELECT * FROM moved UNION ALL SELECT * FROM put_off UNION ALL SELECT * FROM behind) x;
        waiting := waiting + coalesce(cardinality(found), 0);
        done := done || found;
        in_doubt := cardinality(done) < entries AND postroom.may_wait(p_message, done);
        EXIT WHEN NOT in_doubt;
        PERFORM pg_sleep(0.002);
    END LOOP;
END
$function$
;
COMMENT ON FUNCTION postroom.lock_waiting IS 'Internal: keeps a message that waits from being started until the transaction ends. Answers in how many of its queues it waits.';

CREATE OR REPLACE FUNCTION postroom.log_schedule_action(p_action text, p_name text, p_reason text, p_actor text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM postroom.require_reason_if_given(p_reason, p_actor);
    INSERT INTO postroom.operator_action (actor, action, planned, done, finished_at, note, reason)
    VALUES (coalesce(p_actor, session_user), p_action, 1, 1, clock_timestamp(), 'schedule ' || p_name, p_reason);
END
$function$
;
COMMENT ON FUNCTION postroom.log_schedule_action IS 'Internal: notes what an operator did to a schedule.';

CREATE OR REPLACE FUNCTION postroom.look_for_groups(p_limiter postroom.limiter, p_full text[], p_queue integer, p_priorities smallint[], p_floors bigint[], p_now bigint)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    prio       smallint;
    lane       int;
    next_keys  text[];
    keys       text[];
BEGIN
    IF (SELECT count(*)
        FROM (SELECT FROM postroom.limited_group g WHERE g.limiter_id = p_limiter.id AND g.free_at IS NOT NULL LIMIT 257) x) <= 256 THEN
        RETURN false; -- the round gets to all
    END IF;
    keys := ARRAY(
        SELECT DISTINCT n.group_key
        FROM unnest(p_priorities, p_floors) l (priority, floor)
        CROSS JOIN LATERAL (
            SELECT r.group_key
            FROM postroom.ready r
            WHERE r.queue_id = p_queue
              AND r.priority = l.priority
              AND r.seq >= l.floor
              AND r.crashes = 0
            ORDER BY r.queue_id DESC, r.priority DESC, r.seq DESC
            LIMIT 64) n
        WHERE n.group_key <> '');
    IF p_limiter.looked_at IS NULL OR clock_timestamp() NOT BETWEEN p_limiter.looked_at AND p_limiter.looked_at + interval '100 ms' THEN
        lane := coalesce(array_position(p_priorities, p_limiter.looked_priority), 1);
        prio := p_priorities[lane];
        next_keys := postroom.next_groups(p_queue, prio, p_floors[lane],
                                      CASE WHEN prio = p_limiter.looked_priority THEN p_limiter.looked_key END, '', 1000);
        keys := keys || next_keys;
        UPDATE postroom.limiter l
        SET looked_at = clock_timestamp(),
            looked_priority = CASE WHEN cardinality(next_keys) = 1000 THEN prio ELSE p_priorities[lane % cardinality(p_priorities) + 1] END,
            looked_key = CASE WHEN cardinality(next_keys) = 1000 THEN next_keys[1000] END
        WHERE l.id = p_limiter.id;
    END IF;
    INSERT INTO postroom.limited_group AS g (limiter_id, group_key, free_at)
    SELECT p_limiter.id, k.key, p_now
    FROM (SELECT DISTINCT u.key FROM unnest(keys) u (key)) k
    WHERE k.key <> ALL (p_full)
      AND (SELECT o.free_at
           FROM postroom.limited_group o
           WHERE o.limiter_id = p_limiter.id
             AND o.group_key = k.key COLLATE "C") IS NULL
    ON CONFLICT (limiter_id, group_key) DO UPDATE SET free_at = p_now;
    RETURN FOUND;
END
$function$
;
COMMENT ON FUNCTION postroom.look_for_groups IS 'Internal: finds groups that are not at their limit behind many that are.';

CREATE OR REPLACE FUNCTION postroom.lowest_id(at timestamp with time zone)
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
$function$
;
COMMENT ON FUNCTION postroom.lowest_id IS 'The lowest message id of an instant. A condition on ids keeps a query to the day partitions it needs:
SELECT ... FROM postroom.queue_messages WHERE message_id >= postroom.lowest_id(now() - interval ''1 day'')';

CREATE OR REPLACE FUNCTION postroom.mark_deleted(p_queue text, p_if_empty boolean, p_if_unused boolean, p_owner uuid)
 RETURNS TABLE(queue_id integer, obstacle text, because text, up_to bigint)
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    target  postroom.queue;
    users   text;
BEGIN
    IF NOT EXISTS (SELECT FROM postroom.queue q WHERE q.name = p_queue AND q.deleted_at IS NULL) THEN
        RETURN;
    END IF;
    PERFORM postroom.change_routing(); -- before the lock on the queue, as all that changes routing
    SELECT * INTO target FROM postroom.queue q WHERE q.name = p_queue AND q.deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    queue_id := target.id;
    IF p_if_unused THEN
        SELECT string_agg(DISTINCT w.name, ', ') INTO users
        FROM postroom.consumer c
        JOIN postroom.worker w ON w.id = c.worker_id
        WHERE c.queue_id = target.id
          AND w.stopped_at IS NULL
          AND w.beat_at > statement_timestamp() - interval '1 minute';
    END IF;
    IF target.kind = 'exclusive' AND target.owner IS DISTINCT FROM p_owner THEN
        obstacle := 'exclusive';
        because := postroom.worker_text(target.owner);
    ELSIF users IS NOT NULL THEN
        obstacle := 'in_use';
        because := 'is consumed by ' || users;
    ELSIF p_if_empty THEN
        because := CASE
            WHEN EXISTS (SELECT FROM postroom.ready r WHERE r.queue_id = target.id)
              OR EXISTS (SELECT FROM postroom.grouped w WHERE w.queue_id = target.id)
              OR EXISTS (SELECT FROM postroom.delayed d WHERE d.queue_id = target.id) THEN 'is not empty: messages wait in it'
            WHEN EXISTS (SELECT FROM postroom.lease l WHERE l.queue_id = target.id) THEN 'is not empty: messages are in progress'
            WHEN EXISTS (SELECT FROM postroom.dead_letter d WHERE d.queue_id = target.id) THEN 'is not empty: it has dead letters'
        END;
        obstacle := CASE WHEN because IS NOT NULL THEN 'not_empty' END;
    END IF;
    IF obstacle IS NULL THEN
        DELETE FROM postroom.binding b WHERE b.queue_id = target.id;
        UPDATE postroom.queue q SET deleted_at = clock_timestamp(), had_consumer = false WHERE q.id = target.id;
        up_to := coalesce(pg_sequence_last_value('postroom.ready_seq'), 0);
    END IF;
    RETURN NEXT;
END
$function$
;
COMMENT ON FUNCTION postroom.mark_deleted IS 'Internal: deletes a queue and its bindings when the conditions hold; what waits in it is cancelled afterwards.';

CREATE OR REPLACE FUNCTION postroom.matching_bindings(p_exchange integer, p_key text, p_headers jsonb)
 RETURNS SETOF postroom.binding
 LANGUAGE sql
 STABLE ROWS 10
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
    SELECT b.*
    FROM postroom.exchange e
    JOIN postroom.binding b ON b.exchange_id = e.id AND b.routing_key = p_key
    WHERE e.id = p_exchange
      AND e.kind = 'direct'
    UNION ALL
    SELECT b.*
    FROM postroom.exchange e
    JOIN postroom.binding b ON b.exchange_id = e.id
    WHERE e.id = p_exchange
      AND e.kind <> 'direct'
      AND CASE e.kind WHEN 'topic' THEN p_key LIKE b.key_like AND postroom.topic_matches(b.routing_key, p_key)
                      WHEN 'headers' THEN postroom.headers_match(b.arguments, p_headers)
                      ELSE true END
$function$
;
COMMENT ON FUNCTION postroom.matching_bindings IS 'Internal: the bindings of one exchange that match a routing key and headers.';

CREATE OR REPLACE FUNCTION postroom.may_operate(p_role text)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT coalesce((SELECT has_table_privilege(r.oid, 'postroom.queue', 'UPDATE') FROM pg_roles r WHERE r.rolname = p_role), false)
$function$
;
COMMENT ON FUNCTION postroom.may_operate IS 'Internal: whether a role has the rights of an operator.';

CREATE OR REPLACE FUNCTION postroom.may_wait(p_message uuid, p_done integer[])
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT EXISTS (
        SELECT
        FROM postroom.message m
        CROSS JOIN LATERAL unnest(coalesce(m.queue_ids, ARRAY[m.queue_id])) e (queue_id)
        WHERE m.id = p_message
          AND e.queue_id <> ALL (p_done)
          AND NOT EXISTS (SELECT FROM postroom.place p
                          WHERE p.message_id = p_message
                            AND p.queue_id = e.queue_id
                            AND p.state NOT IN ('READY', 'DELAYED')))
$function$
;
COMMENT ON FUNCTION postroom.may_wait IS 'Internal: whether an entry of a message, but for the queues of p_done, is neither held, dead nor finished.';

CREATE OR REPLACE FUNCTION postroom.message_has_headers(p_message uuid, p_headers jsonb)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT EXISTS (SELECT FROM postroom.message m WHERE m.id = p_message AND m.headers @> p_headers)
$function$
;
COMMENT ON FUNCTION postroom.message_has_headers IS 'Internal: whether a message has these headers with these values, and maybe others.';

CREATE OR REPLACE FUNCTION postroom.move_starts(p_period bigint, p_window text, INOUT until bigint[], INOUT booked integer[], p_deadlines bigint[], p_started bigint[], p_counts integer[])
 RETURNS record
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    place  int;
    moved  int;
BEGIN
    FOR i IN 1 .. cardinality(p_deadlines) LOOP
        place := array_position(until, postroom.start_slice(p_period, p_window, p_deadlines[i]));
        CONTINUE WHEN place IS NULL;
        moved := least(booked[place], p_counts[i]);
        booked[place] := booked[place] - moved;
        IF p_started[i] IS NOT NULL THEN
            until := until || least(postroom.start_slice(p_period, p_window, p_started[i]), until[place]);
            booked := booked || moved;
        END IF;
    END LOOP;
END
$function$
;
COMMENT ON FUNCTION postroom.move_starts IS 'Internal: takes over when messages under a limit have started.';

CREATE OR REPLACE FUNCTION postroom.move_tail_by(p_parent text, p_days integer, p_enough integer)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
 SET "TimeZone" TO 'UTC'
AS $function$
DECLARE
    tail      constant text := p_parent || '_tail';
    next_tail constant text := p_parent || '_next';
    today     constant date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    past      constant int := (SELECT count(*) FROM postroom.partitions(p_parent) p WHERE isfinite(p.from_at) AND p.to_at <= today);
    width     constant int := greatest(
        (SELECT ceil(extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY q.retention)) / 86400 / 8)::int
         FROM postroom.queue q
         WHERE q.deleted_at IS NULL
           AND q.retention BETWEEN interval '0' AND interval '400 days'),  -- a longer one is for ever, or outside its limits
        power(2, least(greatest(past - 8, 0) / 8, 6))::int);
    low       date;
    target    date;
    starts    date[];
    ends      date[];
    has_rows  boolean;
    is_open   boolean;
    since     timestamptz;
BEGIN
    PERFORM postroom.require_read_committed();
    low := postroom.tail_begins(p_parent);
    is_open := EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = ('postroom.' || quote_ident(tail))::regclass);
    IF low >= today + p_enough AND is_open THEN
        RETURN 0;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM postroom.%I)', tail) INTO has_rows;
    IF has_rows THEN
        starts := ARRAY[low];
        ends := ARRAY[postroom.promised_end(p_parent)];
        IF ends[1] IS NULL THEN
            RAISE EXCEPTION '% has rows and no promised end: bound_tail comes first', tail USING ERRCODE = '55000';
        END IF;
    ELSIF low < today THEN
        starts := ARRAY[low];  -- after a long idle time: one partition for all of it
        ends := ARRAY[today];
    END IF;
    target := greatest(today + p_enough, CASE WHEN low < today + 3 OR NOT is_open THEN greatest(today, low) + 7 END);
    WHILE coalesce(ends[cardinality(ends)], low) < target AND coalesce(cardinality(starts), 0) < p_days LOOP
        starts := starts || coalesce(ends[cardinality(ends)], low);
        ends := ends || (starts[cardinality(starts)] + coalesce(width, 1));
    END LOOP;

    FOR i IN 1 + has_rows::int .. cardinality(starts) LOOP
        EXECUTE format('CREATE TABLE postroom.%I (LIKE postroom.%I INCLUDING ALL)', postroom.day_partition(p_parent, starts[i]), p_parent);
        PERFORM postroom.take_after_parent(p_parent, postroom.day_partition(p_parent, starts[i]));
    END LOOP;
    IF has_rows OR NOT is_open THEN
        EXECUTE format('CREATE TABLE postroom.%I (LIKE postroom.%I INCLUDING ALL)', next_tail, p_parent);
        PERFORM postroom.take_after_parent(p_parent, next_tail);
    END IF;

    PERFORM set_config('synchronous_commit', 'off', true);
    -- Others wait from here on, until the commit.
    since := clock_timestamp();
    IF is_open THEN
        EXECUTE format('LOCK TABLE ONLY postroom.%I IN ACCESS EXCLUSIVE MODE', p_parent);
        PERFORM postroom.require_time_left(since);
        EXECUTE format('ALTER TABLE postroom.%I DETACH PARTITION postroom.%I', p_parent, tail);
        PERFORM postroom.require_time_left(since);
    END IF;
    IF has_rows THEN
        EXECUTE format('ALTER TABLE postroom.%I RENAME TO %I', tail, postroom.day_partition(p_parent, low));
    ELSIF NOT is_open THEN
        EXECUTE format('DROP TABLE postroom.%I', tail);  -- DETACH CONCURRENTLY gave it a constraint
    END IF;
    IF has_rows OR NOT is_open THEN
        EXECUTE format('ALTER TABLE postroom.%I RENAME TO %I', next_tail, tail);
    END IF;
    FOR i IN 1 .. cardinality(starts) LOOP
        EXECUTE format('ALTER TABLE postroom.%I ATTACH PARTITION postroom.%I FOR VALUES FROM (%s) TO (%s)',
            p_parent, postroom.day_partition(p_parent, starts[i]),
            postroom.day_bound(p_parent, starts[i]), postroom.day_bound(p_parent, ends[i]));
        IF is_open THEN
            PERFORM postroom.require_time_left(since);
        END IF;
    END LOOP;
    EXECUTE format('ALTER TABLE postroom.%I ATTACH PARTITION postroom.%I FOR VALUES FROM (%s) TO (MAXVALUE)',
        p_parent, tail, postroom.day_bound(p_parent, ends[cardinality(ends)]));
    IF has_rows THEN
        EXECUTE format('ALTER TABLE postroom.%I DROP CONSTRAINT %I', postroom.day_partition(p_parent, low), tail || '_ends');
    END IF;
    RETURN cardinality(starts);
END
$function$
;
COMMENT ON FUNCTION postroom.move_tail_by IS 'Internal: makes so many days at most, unless p_enough lie ahead; answers how many. PR001: it took too long, and was undone.';

CREATE OR REPLACE FUNCTION postroom.move_tail(p_parent text, p_enough integer DEFAULT 3)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    days int;
BEGIN
    FOREACH days IN ARRAY ARRAY[7, 3, 1] LOOP
        BEGIN
            RETURN postroom.move_tail_by(p_parent, days, p_enough);
        EXCEPTION WHEN SQLSTATE 'PR001' THEN
            PERFORM pg_sleep(0.1);  -- the locks are free again: who waited goes first
        END;
    END LOOP;
    RAISE EXCEPTION 'moving the tail of % would keep others waiting for too long now', p_parent USING ERRCODE = '55P03';
END
$function$
;
COMMENT ON FUNCTION postroom.move_tail IS 'Internal: makes the next days when fewer than p_enough lie ahead; answers how many. 0: enough are there. 55P03: the lock was not to be
had, or others would wait too long, so try again later.';

CREATE OR REPLACE FUNCTION postroom.moved_to(p_queue text)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    here      record;
    place     record;
    was_here  boolean := false;
    was_part  text;
    rules     text;
BEGIN
    SELECT h.name, r.rules, r.next_rules INTO here
    FROM postroom.home_rules r
    JOIN postroom.home h ON h.is_here
    WHERE r.next_rules IS NOT NULL
       OR EXISTS (SELECT FROM postroom.home_past_rules);
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    FOR place IN
        SELECT b.*
        FROM (SELECT p.rules FROM postroom.home_past_rules p
              UNION ALL
              SELECT here.rules) p
        CROSS JOIN LATERAL postroom.homes_by_rules(p.rules, p_queue) b
    LOOP
        was_here := was_here OR place.homes = ARRAY[here.name];
        was_part := coalesce(was_part, place.whole);
    END LOOP;
    IF NOT was_here THEN
        RETURN NULL;
    END IF;
    FOREACH rules IN ARRAY array_remove(ARRAY[here.rules, here.next_rules], NULL) LOOP
        SELECT * INTO place FROM postroom.homes_by_rules(rules, p_queue);
        IF was_part IS NOT NULL AND NOT coalesce(place.is_named, false) THEN
            RETURN format('the parts of queue "%s"', was_part);
        ELSIF place.homes IS NULL THEN
            RETURN 'no home: no rule gives it one';
        ELSIF cardinality(place.homes) > 1 THEN
            RETURN format('the parts of queue "%s"', p_queue);
        ELSIF place.homes[1] <> here.name THEN
            RETURN format('home "%s"', place.homes[1]);
        END IF;
    END LOOP;
    RETURN NULL;
END
$function$
;
COMMENT ON FUNCTION postroom.moved_to IS 'Internal: where messages of a queue are created that has left this home, in words. null: it has not.';

CREATE OR REPLACE FUNCTION postroom.new_id()
 RETURNS uuid
 LANGUAGE sql
 PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT (lpad(to_hex(t.micros / 1000), 12, '0')
            || '7' || lpad(to_hex(t.micros % 1000 * 4096 / 1000), 3, '0')
            || right(replace(gen_random_uuid()::text, '-', ''), 16))::uuid
    FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS micros) t
$function$
;
COMMENT ON FUNCTION postroom.new_id IS 'A new message id, a UUID of version 7 of now, for a client that chooses the id before it calls create_message:
SELECT postroom.new_id()';

CREATE OR REPLACE FUNCTION postroom.next_groups(p_queue integer, p_priority smallint, p_floor bigint, p_before text, p_down_to text, p_limit integer)
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
DECLARE
    first_key text;
BEGIN
    IF p_before IS NULL THEN
        SELECT r.group_key INTO first_key
        FROM postroom.ready r
        WHERE r.queue_id = p_queue
          AND r.priority = p_priority
          AND r.group_key <> ''
          AND r.crashes = 0
          AND r.seq >= p_floor
        ORDER BY r.queue_id DESC, r.priority DESC, r.group_key DESC, r.seq DESC
        LIMIT 1;
    ELSE
        SELECT r.group_key INTO first_key
        FROM postroom.ready r
        WHERE r.queue_id = p_queue
          AND r.priority = p_priority
          AND r.group_key < p_before COLLATE "C"
          AND r.group_key <> ''
          AND r.crashes = 0
          AND r.seq >= p_floor
        ORDER BY r.queue_id DESC, r.priority DESC, r.group_key DESC, r.seq DESC
        LIMIT 1;
    END IF;
    IF first_key IS NULL OR first_key COLLATE "C" < p_down_to COLLATE "C" THEN
        RETURN '{}';
    ELSIF p_limit = 1 THEN
        RETURN ARRAY[first_key];
    END IF;
    RETURN ARRAY(
        WITH RECURSIVE k AS (
            SELECT first_key COLLATE "C" AS group_key
            UNION ALL
            SELECT n.group_key
            FROM k
            CROSS JOIN LATERAL (
                SELECT r.group_key
                FROM postroom.ready r
                WHERE r.queue_id = p_queue
                  AND r.priority = p_priority
                  AND r.group_key < k.group_key
                  AND r.group_key >= p_down_to COLLATE "C"
                  AND r.group_key <> ''
                  AND r.crashes = 0
                  AND r.seq >= p_floor
                ORDER BY r.queue_id DESC, r.priority DESC, r.group_key DESC, r.seq DESC
                LIMIT 1) n
        )
        SELECT k.group_key FROM k LIMIT p_limit);
END
$function$
;
COMMENT ON FUNCTION postroom.next_groups IS 'Internal: which groups of a lane of a fair queue are next.';

CREATE OR REPLACE FUNCTION postroom.next_open_groups(p_limiter integer, p_full text[], p_queue integer, p_priority smallint, p_floor bigint, p_before text, p_down_to text, p_limit integer)
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
DECLARE
    found_keys  text[] := '{}';
    place       text := p_before;
    looks       int := p_limit + 256 + cardinality(p_full);
    keys        text[];
    any_waits   constant boolean := EXISTS (
        SELECT FROM postroom.limited_group g WHERE g.limiter_id = p_limiter AND g.free_at IS NOT NULL);
BEGIN
    IF NOT any_waits AND cardinality(p_full) = 0 THEN
        RETURN postroom.next_groups(p_queue, p_priority, p_floor, p_before, p_down_to, p_limit);
    END IF;
    WHILE looks > 0 AND cardinality(found_keys) < p_limit LOOP
        keys := postroom.next_groups(p_queue, p_priority, p_floor, place, p_down_to, least(looks, 2 * p_limit + 16));
        found_keys := found_keys || ARRAY(
            SELECT x.key
            FROM (
                SELECT k.key, k.place,
                       (SELECT g.free_at
                        FROM postroom.limited_group g
                        WHERE g.limiter_id = p_limiter
                          AND g.group_key = k.key COLLATE "C") AS free_at
                FROM unnest(keys) WITH ORDINALITY k (key, place)
                WHERE k.key <> ALL (p_full)
            ) x
            WHERE x.free_at IS NULL
            ORDER BY x.place);
        EXIT WHEN cardinality(keys) < least(looks, 2 * p_limit + 16);
        looks := looks - cardinality(keys);
        place := keys[cardinality(keys)];
    END LOOP;
    RETURN found_keys[1 : p_limit];
END
$function$
;
COMMENT ON FUNCTION postroom.next_open_groups IS 'Internal: which groups of a lane of a fair queue are next, without those at their limits.';

CREATE OR REPLACE FUNCTION postroom.next_start(p_max_starts integer, p_period bigint, p_window text, p_until bigint[], p_booked integer[], p_now bigint, p_batch integer, p_ahead bigint DEFAULT 0)
 RETURNS bigint
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    over     constant bigint := (SELECT coalesce(sum(n), 0) FROM unnest(p_booked) n) - p_max_starts;
    first_at bigint;
    batch_at bigint;
BEGIN
    IF p_window = 'fixed' AND postroom.start_slice(p_period, p_window, p_now + 1) - p_now < 2 * postroom.start_guard(p_period) THEN
        RETURN postroom.start_slice(p_period, p_window, p_now + 1) - p_now;
    ELSIF over < 0 THEN
        RETURN 0;
    END IF;
    SELECT min(c.at) FILTER (WHERE c.n > over), min(c.at) FILTER (WHERE c.n >= over + p_batch)
    INTO first_at, batch_at
    FROM (SELECT u.at, sum(u.n) OVER (ORDER BY u.at) AS n FROM unnest(p_until, p_booked) u (at, n)) c;
    RETURN greatest(1, least(batch_at, first_at + greatest(p_period / 200, p_ahead / 2))
                           + CASE p_window WHEN 'fixed' THEN 0 ELSE p_period END - p_now - p_ahead);
END
$function$
;
COMMENT ON FUNCTION postroom.next_start IS 'Internal: when the next message may start under a limit.';

CREATE OR REPLACE FUNCTION postroom.obey_kill_signal(p_message uuid, p_queue integer, p_queue_name text)
 RETURNS TABLE(answer text, reason text)
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    first_seq  bigint;
    sender     text;
    how_many   text;
BEGIN
    SELECT m.seq, m.created_by, m.payload ->> 'howMany' INTO first_seq, sender, how_many FROM postroom.message m WHERE m.id = p_message;
    IF how_many IS NULL OR how_many !~ '^[1-9][0-9]{0,8}$' THEN
        RETURN QUERY SELECT 'refused', 'howMany must be 1 or more, got "' || coalesce(left(how_many, 80), 'null') || '"';
    ELSIF sender IS NOT NULL AND NOT postroom.may_operate(sender) THEN
        RETURN QUERY SELECT 'refused', 'a kill signal needs UPDATE on postroom.queue, which role "' || sender || '" lacks';
    ELSIF EXISTS (SELECT FROM generate_series(0, 9) x (prio)
                  WHERE EXISTS (SELECT FROM postroom.ready r
                                WHERE r.queue_id = p_queue AND r.priority = x.prio::smallint AND r.seq < first_seq))
          OR postroom.waits_in_group(p_queue, first_seq) THEN
        RETURN QUERY SELECT 'wait', 'messages that came before it are READY';
    ELSE
        PERFORM FROM postroom.order_consumer_stop(p_queue_name, how_many::int, p_message, sender);
        RETURN QUERY SELECT 'done', '';
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.obey_kill_signal IS 'Internal: called by workers. Stops consumers because a kill signal was claimed.';

CREATE OR REPLACE FUNCTION postroom.order_consumer_stop(p_queue text, p_how_many integer, p_id uuid DEFAULT NULL::uuid, p_actor text DEFAULT NULL::text, p_reason text DEFAULT NULL::text)
 RETURNS TABLE(id uuid, consumers integer)
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    of_queue  int;
    new_id    constant uuid := coalesce(p_id, gen_random_uuid());
    told      int;
BEGIN
    PERFORM postroom.require_reason_if_given(p_reason, p_actor);
    IF p_how_many < 1 THEN
        PERFORM postroom.refuse('how_many', '1 or more, or null for all', p_how_many::text);
    END IF;
    UPDATE postroom.queue q
    SET consumers_stopped_at = CASE WHEN p_how_many IS NULL THEN coalesce(q.consumers_stopped_at, clock_timestamp())
                                    ELSE q.consumers_stopped_at END
    WHERE q.name = p_queue
      AND q.deleted_at IS NULL
    RETURNING q.id INTO of_queue;
    IF NOT FOUND THEN
        PERFORM postroom.refuse('queue', 'one that exists', p_queue);
    END IF;
    IF EXISTS (SELECT FROM postroom.operator_action o WHERE o.id = p_id) THEN
        RETURN QUERY SELECT p_id, 0;
        RETURN;
    END IF;
    INSERT INTO postroom.consumer_stop (worker_id, queue_id, order_id)
    SELECT w.id, of_queue, new_id
    FROM postroom.worker w
    WHERE w.stopped_at IS NULL
      AND w.beat_at > statement_timestamp() - interval '1 minute'
      AND EXISTS (SELECT FROM postroom.consumer c WHERE c.queue_id = of_queue AND c.worker_id = w.id)
      AND NOT EXISTS (SELECT FROM postroom.consumer_stop s WHERE s.queue_id = of_queue AND s.worker_id = w.id)
    ORDER BY w.beat_at DESC
    LIMIT p_how_many
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS told = ROW_COUNT;
    INSERT INTO postroom.operator_action (id, actor, action, queue_id, finished_at, note, reason)
    VALUES (new_id, coalesce(p_actor, session_user), 'stop_consumers', of_queue, clock_timestamp(),
            CASE WHEN p_how_many IS NULL THEN 'all, ' || told || ' of them now' ELSE told || ' of ' || p_how_many || ' asked for' END,
            p_reason);
    RETURN QUERY SELECT new_id, told;
END
$function$
;
COMMENT ON FUNCTION postroom.order_consumer_stop IS 'Internal: tells consumers to stop. Used by stop_consumers, by kill signals and by Consumers in Java.';

CREATE OR REPLACE FUNCTION postroom.park(p_destination text, p_micros bigint)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    parked constant timestamptz := clock_timestamp() + p_micros * interval '1 microsecond';
BEGIN
    INSERT INTO postroom.limiter AS l (destination, set_by, parked_until, probes, probes_since)
    SELECT p_destination, 'declaration', parked, 1, clock_timestamp()
    WHERE EXISTS (SELECT FROM postroom.queue q WHERE q.destination = p_destination AND q.deleted_at IS NULL)
    ON CONFLICT (destination) DO UPDATE
    SET parked_until = greatest(l.parked_until, parked), probes = 1, probes_started = 0,
        probes_since = clock_timestamp(); -- behind the lock of the row: what a claim took before it is no try
    RETURN FOUND;
END
$function$
;
COMMENT ON FUNCTION postroom.park IS 'Internal: called by workers. Lets nothing start for a destination that takes nothing now.';

CREATE OR REPLACE FUNCTION postroom.partitions(p_parent text)
 RETURNS TABLE(name text, from_at timestamp with time zone, to_at timestamp with time zone, bytes bigint)
 LANGUAGE sql
 STABLE ROWS 16
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "DateStyle" TO 'ISO'
 SET "TimeZone" TO 'UTC'
AS $function$
    SELECT p.relname::text,
           coalesce(CASE p_parent WHEN 'message' THEN postroom.instant_of(b.low::uuid) ELSE b.low::timestamptz END, '-infinity'),
           coalesce(CASE p_parent WHEN 'message' THEN postroom.instant_of(b.high::uuid) ELSE b.high::timestamptz END, 'infinity'),
           pg_relation_size(p.oid)
    FROM pg_inherits i
    JOIN pg_class p ON p.oid = i.inhrelid
    CROSS JOIN LATERAL (SELECT pg_get_expr(p.relpartbound, p.oid) AS text) t
    CROSS JOIN LATERAL (
        SELECT substring(t.text FROM 'FROM \(''([^'']+)''\)') AS low,
               substring(t.text FROM 'TO \(''([^'']+)''\)') AS high) b
    WHERE i.inhparent = ('postroom.' || quote_ident(p_parent))::regclass
    ORDER BY 2
$function$
;
COMMENT ON FUNCTION postroom.partitions IS 'Internal: the partitions of message or attempt, oldest first, with the time each is for. The _old one begins at -infinity, the _tail
one ends at infinity.';

CREATE OR REPLACE FUNCTION postroom.parts_to_count(p_batch uuid, p_from bigint, p_turn integer, p_since timestamp with time zone, p_with_purged boolean)
 RETURNS TABLE(parts bigint[], next_part bigint)
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_mergejoin TO 'off'
 SET enable_hashjoin TO 'off'
 SET plan_cache_mode TO 'force_custom_plan'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    in_turn  bigint[];
    hit      bigint[];
    others   bigint[];
    sizes    int[];
    firsts   uuid[];
    lasts    uuid[];
    ended    uuid[];
    gone     uuid[];
BEGIN
    in_turn := ARRAY(
        SELECT t.id
        FROM (SELECT p.id, sum(p.size) OVER (ORDER BY p.id) - p.size AS before
              FROM (SELECT x.id, x.size
                    FROM postroom.batch_part x
                    WHERE x.batch_id = p_batch AND x.id > p_from AND NOT x.is_dead
                    ORDER BY x.id
                    LIMIT p_turn) p) t
        WHERE t.before < p_turn);
    SELECT array_agg(x.id), array_agg(x.size), array_agg(x.first_id), array_agg(x.last_id)
    INTO others, sizes, firsts, lasts
    FROM (SELECT p.id, p.size, p.first_id, p.last_id
          FROM postroom.batch_part p
          WHERE p.batch_id = p_batch AND NOT p.is_dead AND p.id <> ALL (in_turn)
          ORDER BY p.id
          LIMIT 2000) x;
    ended := ARRAY(SELECT a.message_id
                   FROM postroom.attempt a
                   WHERE a.message_id = ANY (firsts || lasts) AND a.finished_at >= p_since AND a.outcome <= 2);
    gone := ARRAY(SELECT u.id
                  FROM unnest(firsts) u (id)
                  -- Not EXISTS, which may become a hash of the whole history.
                  WHERE p_with_purged AND (SELECT true FROM postroom.message m WHERE m.id = u.id LIMIT 1) IS NULL);
    hit := ARRAY(
        SELECT h.id
        FROM (SELECT o.id, sum(o.size) OVER (ORDER BY o.id) - o.size AS before
              FROM unnest(others, sizes, firsts, lasts) o (id, size, first_id, last_id)
              WHERE o.first_id = ANY (ended) OR o.last_id = ANY (ended) OR o.first_id = ANY (gone)) h
        WHERE h.before < 20000);
    RETURN QUERY SELECT in_turn || hit, coalesce((SELECT max(t.id) FROM unnest(in_turn) t (id)), 0);
END
$function$
;
COMMENT ON FUNCTION postroom.parts_to_count IS 'Internal: called by a job. The parts of a batch that are to be counted now.';

CREATE OR REPLACE FUNCTION postroom.pass_on_dead_letters()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    fresh record;
BEGIN
    FOR fresh IN
        SELECT ROW(d.*)::postroom.dead_letter AS dead, q AS queue
        FROM new_dead_letters d
        JOIN postroom.queue q ON q.id = d.queue_id
        WHERE q.dead_letter_exchange IS NOT NULL
          AND d.reason NOT IN ('quarantined', 'cycle', 'dlx_unroutable')
    LOOP
        BEGIN
            PERFORM postroom.pass_on(fresh.dead, fresh.queue);
        EXCEPTION
            WHEN others THEN
                RAISE WARNING 'dead letter % of queue "%" did not go through exchange "%": %', (fresh.dead).message_id, (fresh.queue).name,
                    (fresh.queue).dead_letter_exchange, SQLERRM;
        END;
    END LOOP;
    RETURN NULL;
END
$function$
;
COMMENT ON FUNCTION postroom.pass_on_dead_letters IS 'Internal: a trigger. Sends new dead letters through the dead letter exchanges of their queues.';

CREATE OR REPLACE FUNCTION postroom.pass_on(p_dead postroom.dead_letter, p_queue postroom.queue)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    old_message  postroom.message;
    new_message  postroom.message;
    first_id     int;
    key          text;
    deaths       jsonb;
    reached      postroom.queue[];
    targets      postroom.queue[];
    cut          text;
BEGIN
    SELECT * INTO old_message FROM postroom.message m WHERE m.id = p_dead.message_id;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    key := coalesce(p_queue.dead_letter_routing_key, old_message.routing_key, p_queue.name);
    deaths := postroom.deaths_with(postroom.as_deaths(old_message.headers ->> 'x-death'), p_queue.name, p_dead.reason,
        coalesce(old_message.exchange, ''), coalesce(old_message.routing_key, p_queue.name));
    new_message := old_message;
    new_message.headers := coalesce(old_message.headers, '{}')
        || jsonb_build_object('x-death', deaths::text)
        || jsonb_build_object('x-last-death-queue', p_queue.name, 'x-last-death-reason', p_dead.reason,
                              'x-last-death-exchange', coalesce(old_message.exchange, ''))
        || CASE WHEN old_message.headers ? 'x-first-death-reason' THEN '{}'
                ELSE jsonb_build_object('x-first-death-queue', p_queue.name, 'x-first-death-reason', p_dead.reason,
                                        'x-first-death-exchange', coalesce(old_message.exchange, '')) END;
    SELECT e.id INTO first_id FROM postroom.exchange e WHERE e.name = p_queue.dead_letter_exchange;
    reached := ARRAY(
        SELECT q
        FROM postroom.queue q
        WHERE q.deleted_at IS NULL
          AND q.id IN (SELECT b.queue_id FROM postroom.reached_bindings(first_id, key, new_message.headers) b)
        ORDER BY q.name);
    SELECT array_agg(t) FILTER (WHERE p_dead.reason = 'rejected' OR NOT postroom.is_death_cycle(deaths, t.name)),
           string_agg(t.name, ', ') FILTER (WHERE p_dead.reason <> 'rejected' AND postroom.is_death_cycle(deaths, t.name))
    INTO targets, cut
    FROM unnest(reached) t;
    IF targets IS NULL THEN
        UPDATE postroom.dead_letter d
        SET reason = CASE WHEN cut IS NULL THEN 'dlx_unroutable' ELSE 'cycle' END,
            error = format('%s: %s', p_dead.reason, coalesce(p_dead.error, 'no error'))
        WHERE d.message_id = p_dead.message_id
          AND d.queue_id = p_dead.queue_id;
        RETURN;
    END IF;
    new_message.id := postroom.new_id();
    new_message.created_at := statement_timestamp();
    new_message.exchange := p_queue.dead_letter_exchange;
    new_message.routing_key := key;
    new_message.correlation_id := coalesce(old_message.correlation_id, old_message.id::text);
    PERFORM postroom.store_through(new_message, targets);
    DELETE FROM postroom.dead_letter d WHERE d.message_id = p_dead.message_id AND d.queue_id = p_dead.queue_id;
    INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
    VALUES (p_dead.message_id, clock_timestamp(), clock_timestamp(), p_dead.queue_id, p_dead.deliveries,
            CASE p_dead.reason WHEN 'expired' THEN 2 ELSE 1 END,
            format('%s; went on through exchange "%s" with routing key "%s" as message %s%s', p_dead.reason,
                p_queue.dead_letter_exchange, key, new_message.id, '; not again to ' || cut));
END
$function$
;
COMMENT ON FUNCTION postroom.pass_on IS 'Internal: sends a dead letter through the dead letter exchange of its queue, or notes in dead_letter why it stays.';

CREATE OR REPLACE FUNCTION postroom.passes_on(p_queue integer)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT EXISTS (SELECT FROM postroom.queue q WHERE q.id = p_queue AND q.dead_letter_exchange IS NOT NULL)
$function$
;
COMMENT ON FUNCTION postroom.passes_on IS 'Internal: whether a queue has a dead letter exchange, through which expired messages go on.';

CREATE OR REPLACE FUNCTION postroom.pause_queue(queue text, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT postroom.set_paused(pause_queue.queue, true, pause_queue.reason, pause_queue.actor)
$function$
;
COMMENT ON FUNCTION postroom.pause_queue IS 'Pauses a queue, in the transaction of the caller: SELECT postroom.pause_queue(''mail'', reason => ''the mail server is down'').
No process claims a further message of it from its next poll on; what is in progress goes on. true: it was not paused; false: it was; null:
there is no such queue.';

CREATE OR REPLACE FUNCTION postroom.pause_schedule(name text, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    UPDATE postroom.schedule s
    SET paused = true, due_at = CASE WHEN s.asked_at IS NOT NULL THEN s.due_at END
    WHERE s.name = pause_schedule.name AND NOT s.paused;
    IF FOUND THEN
        PERFORM postroom.log_schedule_action('pause', pause_schedule.name, pause_schedule.reason, pause_schedule.actor);
        RETURN true;
    END IF;
    RETURN (SELECT false FROM postroom.schedule s WHERE s.name = pause_schedule.name);
END
$function$
;
COMMENT ON FUNCTION postroom.pause_schedule IS 'Lets a schedule fire no more, in the transaction of the caller: SELECT postroom.pause_schedule(''nightly-report'').
true: it was running; false: it was paused; null: there is none. Messages that it created are not touched.';

CREATE OR REPLACE FUNCTION postroom.poll_summary(p_worker integer, p_due_from timestamp with time zone)
 RETURNS TABLE(queues bigint, horizon text, others bigint, last_seq bigint, next_due bigint, cancelled uuid[], settings bigint, batches boolean, next_schedule bigint, active_consumers boolean, max_lengths boolean, operations boolean)
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
BEGIN
    RETURN QUERY
    SELECT (SELECT coalesce(bit_xor(hashtidextended(q.ctid, q.xmin::text::bigint)), 0) FROM postroom.queue q),
           pg_snapshot_xmin(pg_current_snapshot())::text,
           (SELECT bit_xor(hashint4extended(w.id, 0))
            FROM postroom.worker w
            WHERE w.id <> p_worker AND w.stopped_at IS NULL AND w.beat_at > statement_timestamp() - interval '1 minute'),
           coalesce(pg_sequence_last_value('postroom.ready_seq'), 0),
           (SELECT (greatest(extract(epoch FROM d.due_at - clock_timestamp()), 0) * 1000000)::bigint
            FROM postroom.delayed d
            WHERE d.due_at >= p_due_from
            ORDER BY d.due_at
            LIMIT 1),
           ARRAY(SELECT c.message_id FROM postroom.cancelled_run c WHERE c.worker_id = p_worker),
           (SELECT coalesce(bit_xor(hashtidextended(s.ctid, s.xmin::text::bigint)), 0) FROM postroom.settings s),
           EXISTS (SELECT FROM postroom.batch_progress),
           (SELECT (greatest(extract(epoch FROM s.due_at - clock_timestamp()), 0) * 1000000)::bigint
            FROM postroom.schedule s
            WHERE s.due_at IS NOT NULL
            ORDER BY s.due_at
            LIMIT 1),
           EXISTS (SELECT FROM postroom.active_consumer),
           EXISTS (SELECT FROM postroom.queue q WHERE q.max_length IS NOT NULL AND q.deleted_at IS NULL),
           coalesce((SELECT true FROM postroom.operation o WHERE o.finished_at IS NULL ORDER BY o.created_at LIMIT 1), false);
END
$function$
;
COMMENT ON FUNCTION postroom.poll_summary IS 'Internal: called by workers. Whether anything changed that a poll would report.';

CREATE OR REPLACE FUNCTION postroom.poll(p_worker integer, p_queues integer[], p_watermark bigint, p_uneven integer[], p_watermarks bigint[], p_tell integer[], p_since xid, p_look boolean)
 RETURNS TABLE(queue_id integer, name text, paused boolean, deleted boolean, max_attempts integer, retry_after text, settings_by text, suspects boolean, elsewhere boolean, lowest bigint[], ordered boolean, stop_confirmed boolean, has_limiter boolean, fair boolean)
 LANGUAGE plpgsql
 ROWS 10
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    look_for_suspects boolean := p_look AND EXISTS (SELECT FROM postroom.ready r WHERE r.crashes > 0);
    others constant int[] := ARRAY(
        SELECT w.id
        FROM postroom.worker w
        WHERE w.id <> p_worker AND w.stopped_at IS NULL AND w.beat_at > statement_timestamp() - interval '1 minute');
BEGIN
    RETURN QUERY
    SELECT s.id, q.name, q.paused_at IS NOT NULL, coalesce(q.deleted_at < 'infinity', false), q.max_attempts, q.retry_after, q.settings_by,
           s.suspects,
           CASE WHEN cardinality(others) = 0 THEN false
                ELSE EXISTS (SELECT FROM postroom.consumer c WHERE c.queue_id = s.id AND c.worker_id = ANY (others))
           END,
           CASE WHEN s.waiting THEN
                ARRAY(SELECT (SELECT r.seq
                              FROM postroom.ready r
                              WHERE r.queue_id = s.id
                                AND r.priority = x.prio::smallint
                                AND r.seq >= coalesce(p_watermarks[(s.place - 1) * 10 + x.prio + 1], p_watermark)
                                AND r.crashes = 0
                              ORDER BY r.queue_id, r.priority, r.seq
                              LIMIT 1)
                      FROM generate_series(0, 9) x (prio))
           END,
           q.ordered,
           coalesce((SELECT c.stopped_at IS NOT NULL FROM postroom.consumer_stop c WHERE c.worker_id = p_worker AND c.queue_id = s.id),
                    CASE WHEN q.consumers_stopped_at IS NOT NULL THEN false END),
           q.has_limiter, q.fair
    FROM (SELECT w.id, w.place,
                 CASE WHEN NOT p_look THEN false
                      WHEN w.place IS NOT NULL THEN true
                      ELSE coalesce((SELECT true -- not EXISTS, which may become a hash of all that waits anywhere
                                     FROM postroom.ready r
                                     WHERE r.queue_id = w.id
                                       AND r.priority = ANY ('{0,1,2,3,4,5,6,7,8,9}'::smallint[])
                                       AND r.seq >= p_watermark
                                     LIMIT 1), false)
                 END AS waiting,
                 CASE WHEN NOT look_for_suspects THEN false
                      ELSE EXISTS (SELECT FROM generate_series(0, 9) x (prio)
                                   WHERE EXISTS (SELECT FROM postroom.ready r
                                                 WHERE r.queue_id = w.id AND r.priority = x.prio::smallint AND r.crashes > 0))
                 END AS suspects
          FROM (SELECT e.id, NULL::bigint AS place FROM unnest(p_queues) e (id)
                UNION ALL
                SELECT u.id, u.place FROM unnest(p_uneven) WITH ORDINALITY u (id, place)) w
          OFFSET 0) s
    LEFT JOIN postroom.queue q ON q.id = s.id
    WHERE s.waiting OR s.suspects OR q.id IS NULL OR p_since IS NULL
       OR age(q.xmin) <= age(p_since)
       OR s.id = ANY (p_tell);
END
$function$
;
COMMENT ON FUNCTION postroom.poll IS 'Internal: called by workers. What waits in the lanes of many queues, and what operators changed.';

CREATE OR REPLACE FUNCTION postroom.preview_dead_letters(filter jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
#variable_conflict use_variable
DECLARE
    most    constant int := 10000;
    looks   constant int := 100000;
    queues  int[];
    print   constant text := filter ->> 'fingerprint';
    answer  jsonb;
BEGIN
    PERFORM postroom.require_dead_letter_filter(filter);
    queues := postroom.filtered_queues(filter);
    WITH matching AS MATERIALIZED (
        SELECT x.place, (x.letter).message_id, (x.letter).queue_id, (x.letter).dead_at, (x.letter).reason, (x.letter).error_class,
               (x.letter).fingerprint, left(split_part((x.letter).error, E'\n', 1), 200) AS error
        FROM (SELECT d AS letter, row_number() OVER () AS place
              FROM postroom.dead_letter d
              WHERE (queues IS NULL OR d.queue_id = ANY (queues))
                AND (print IS NULL OR d.fingerprint = print)
              LIMIT looks + 1) x
        WHERE x.place > looks -- says that there are others
           OR postroom.dead_letter_matches(x.letter, filter)
        LIMIT most + 1
    ), counted AS MATERIALIZED (
        SELECT m.* FROM matching m WHERE m.place <= looks LIMIT most
    ), firsts AS (
        SELECT o.*, q.name AS queue, m.type
        FROM (SELECT c.* FROM counted c ORDER BY c.message_id, c.queue_id LIMIT 10) o
        JOIN postroom.queue q ON q.id = o.queue_id
        LEFT JOIN postroom.message m ON m.id = o.message_id
    ), prints AS (
        SELECT c.fingerprint, count(*) AS letters, max(c.dead_at) AS newest_at, min(c.error) AS error
        FROM counted c
        GROUP BY c.fingerprint
        ORDER BY letters DESC, c.fingerprint
        LIMIT 20
    )
    SELECT jsonb_build_object(
        'count', (SELECT count(*) FROM counted),
        'more', (SELECT count(*) > most OR max(m.place) > looks FROM matching m),
        'first', coalesce((SELECT jsonb_agg(jsonb_build_object(
                     'id', f.message_id, 'queue', f.queue, 'type', f.type, 'deadAt', f.dead_at, 'reason', f.reason,
                     'errorClass', f.error_class, 'error', f.error, 'fingerprint', f.fingerprint)
                     ORDER BY f.message_id, f.queue_id) FROM firsts f), '[]'),
        'fingerprints', coalesce((SELECT jsonb_agg(jsonb_build_object(
                     'fingerprint', p.fingerprint, 'count', p.letters, 'newestAt', p.newest_at, 'error', p.error)
                     ORDER BY p.letters DESC, p.fingerprint) FROM prints p), '[]'))
    INTO answer;
    RETURN answer;
END
$function$
;
COMMENT ON FUNCTION postroom.preview_dead_letters IS 'Which dead letters a filter matches, without changing anything:
SELECT postroom.preview_dead_letters(''{"queue": "mail", "fingerprint": "f3a9"}'').
Answers their count (of 10,000 at most, after a look at 100,000 letters of the queue and fingerprint; more: there may be others), the ten
oldest of those and the 20 most frequent fingerprints. Members of a filter: queue (a name, or a pattern as in mail.*), reason, errorClass,
fingerprint, type, correlationId, headers (an object of texts; the letter has all of them), deadFrom, deadTo, createdFrom, createdTo, or
all alone.';

CREATE OR REPLACE FUNCTION postroom.preview_purge(queue text)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
#variable_conflict use_column
DECLARE
    most      constant int := 10000;
    of_queue  int;
    answer    jsonb;
BEGIN
    SELECT q.id INTO of_queue FROM postroom.queue q WHERE q.name = preview_purge.queue AND q.deleted_at IS NULL;
    IF NOT FOUND THEN
        PERFORM postroom.refuse('queue', 'one that exists', preview_purge.queue);
    END IF;
    WITH waiting AS MATERIALIZED (
        SELECT w.message_id, w.place FROM postroom.waiting_messages(of_queue, most + 1) w
    ), firsts AS (
        SELECT w.message_id, w.place, m.type, m.created_at
        FROM (SELECT * FROM waiting LIMIT 10) w
        LEFT JOIN postroom.message m ON m.id = w.message_id
    )
    SELECT jsonb_build_object(
        'count', least((SELECT count(*) FROM waiting), most),
        'more', (SELECT count(*) FROM waiting) > most,
        'first', coalesce((SELECT jsonb_agg(jsonb_build_object('id', f.message_id, 'state', f.place, 'type', f.type,
                                                               'createdAt', f.created_at))
                           FROM firsts f), '[]'))
    INTO answer;
    RETURN answer;
END
$function$
;
COMMENT ON FUNCTION postroom.preview_purge IS 'What a purge of a queue would cancel now, without changing anything: SELECT postroom.preview_purge(''mail'').
Answers how many messages wait (10,000 at most; more: there are others), and ten of them.';

CREATE OR REPLACE FUNCTION postroom.promised_end(p_parent text)
 RETURNS date
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT obj_description(c.oid, 'pg_constraint')::date
    FROM pg_constraint c
    WHERE c.conrelid = ('postroom.' || quote_ident(p_parent || '_tail'))::regclass
      AND c.conname = p_parent || '_tail_ends'
$function$
;
COMMENT ON FUNCTION postroom.promised_end IS 'Internal: the day at which the tail is promised to end; null: no promise.';

CREATE OR REPLACE FUNCTION postroom.promote(p_from timestamp with time zone, p_limit integer)
 RETURNS TABLE(queue_id integer, priority smallint, lowest_seq bigint, messages integer, last_due_at timestamp with time zone)
 LANGUAGE plpgsql
 ROWS 10
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT d.ctid
        FROM postroom.delayed d
        WHERE d.due_at >= p_from
          AND d.due_at <= statement_timestamp()
        ORDER BY d.due_at
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    ), removed AS (
        DELETE FROM postroom.delayed d
        WHERE d.ctid = ANY (ARRAY(SELECT due.ctid FROM due))
        RETURNING d.due_at, d.queue_id, d.priority, d.failures, d.crashes, d.deliveries, d.message_id
    ), promoted AS (
        INSERT INTO postroom.ready AS r (seq, queue_id, priority, failures, crashes, deliveries, message_id, group_key)
        SELECT nextval('postroom.ready_seq'), x.queue_id, x.priority, x.failures, x.crashes, x.deliveries, x.message_id,
               CASE WHEN x.queue_id = ANY (ARRAY(SELECT f.id FROM postroom.queue f WHERE f.fair))
                    THEN postroom.fair_key(x.message_id) ELSE '' END
        FROM removed x
        RETURNING r.queue_id, r.priority, r.seq
    )
    SELECT p.queue_id, p.priority, min(p.seq), count(*)::int, (SELECT max(x.due_at) FROM removed x)
    FROM promoted p
    GROUP BY p.queue_id, p.priority;
END
$function$
;
COMMENT ON FUNCTION postroom.promote IS 'Internal: called by a job. Moves up to p_limit due messages from delayed to ready.';

CREATE OR REPLACE FUNCTION postroom.published_stats(p_worker integer, p_most_queues integer, p_most integer)
 RETURNS TABLE(queue text, ready bigint, delayed bigint, in_progress bigint, dead bigint, paused boolean, oldest_ready_at timestamp with time zone, consumers integer, ready_more boolean, delayed_more boolean, dead_more boolean)
 LANGUAGE plpgsql
 ROWS 100
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_mergejoin TO 'off'
 SET jit TO 'off'
 SET max_parallel_workers_per_gather TO '0'
AS $function$
#variable_conflict use_column
DECLARE
    most int := greatest(1000, p_most::bigint * 10 / greatest(10, (SELECT count(*) FROM postroom.queue q WHERE q.deleted_at IS NULL)));
BEGIN
    UPDATE postroom.worker w SET publishes_stats = true WHERE w.id = p_worker AND NOT w.publishes_stats;
    IF EXISTS (
        SELECT
        FROM postroom.worker w
        WHERE (w.id < p_worker OR p_worker = 0)
          AND w.publishes_stats
          AND w.stopped_at IS NULL
          AND w.beat_at > statement_timestamp() - interval '1 minute') THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT x.queue_id, count(*) AS n
        FROM (SELECT d.queue_id FROM postroom.delayed d ORDER BY d.due_at LIMIT p_most) x
        GROUP BY x.queue_id
    ), leased AS MATERIALIZED (
        SELECT l.queue_id, sum(bit_count(l.open))::bigint AS n FROM postroom.lease l GROUP BY l.queue_id
    ), consuming AS MATERIALIZED (
        SELECT c.queue_id, count(*)::int AS n
        FROM postroom.consumer c
        JOIN postroom.worker w ON w.id = c.worker_id
        WHERE w.stopped_at IS NULL AND w.beat_at > statement_timestamp() - interval '1 minute'
        GROUP BY c.queue_id
    )
    SELECT q.name,
           least(r.n, most),
           coalesce(d.n, 0),
           coalesce(l.n, 0),
           least(x.n, most),
           q.paused_at IS NOT NULL,
           -- No join with message, which could become a hash of it.
           (SELECT min((SELECT m.created_at FROM postroom.message m WHERE m.id = h.message_id LIMIT 1))
            FROM generate_series(0, 9) lane (priority)
            CROSS JOIN LATERAL (
                SELECT r.message_id
                FROM postroom.ready r
                WHERE r.queue_id = q.id AND r.priority = lane.priority::smallint
                ORDER BY r.seq
                LIMIT 1) h),
           coalesce(c.n, 0),
           r.n > most,
           (SELECT count(*) > p_most FROM (SELECT FROM postroom.delayed y ORDER BY y.due_at LIMIT p_most + 1) y),
           x.n > most
    FROM (SELECT x.id, x.name, x.paused_at FROM postroom.queue x WHERE x.deleted_at IS NULL ORDER BY x.name LIMIT p_most_queues) q
    CROSS JOIN LATERAL (
        SELECT (SELECT count(*) FROM (SELECT FROM postroom.ready y WHERE y.queue_id = q.id LIMIT most + 1) y)
               + (SELECT count(*) FROM (SELECT FROM postroom.grouped y WHERE y.queue_id = q.id LIMIT most + 1) y) AS n
        OFFSET 0) r
    CROSS JOIN LATERAL (
        SELECT count(*) AS n FROM (SELECT FROM postroom.dead_letter y WHERE y.queue_id = q.id LIMIT most + 1) y OFFSET 0) x
    LEFT JOIN due d ON d.queue_id = q.id
    LEFT JOIN leased l ON l.queue_id = q.id
    LEFT JOIN consuming c ON c.queue_id = q.id
    ORDER BY q.name;
    IF NOT FOUND THEN
        RETURN NEXT;
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.published_stats IS 'Internal: called by a job. The messages of queues, counted up to a bound, for metrics.';

CREATE OR REPLACE FUNCTION postroom.purge_batch(p_leaf text, p_after tid, p_limit integer, p_skip_from uuid[], p_skip_to uuid[], p_overdue interval)
 RETURNS TABLE(looked integer, last_looked tid, removed integer)
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
DECLARE
    pages       constant bigint := pg_relation_size(('postroom.' || quote_ident(p_leaf))::regclass) / current_setting('block_size')::int;
    first_page  constant bigint := (p_after::text::point)[0]::bigint;
    page        bigint := first_page;
    wide        bigint := 16;
    candidates  uuid[];
BEGIN
    PERFORM postroom.require_read_committed();
    last_looked := p_after;
    looked := 0;
    WHILE looked = 0 AND page < pages AND page < first_page + 8192 LOOP
        EXECUTE format($sql$
            SELECT count(*)::int, (array_agg(x.place ORDER BY x.place DESC))[1], array_agg(DISTINCT x.message_id)
            FROM (
                SELECT a.ctid AS place, a.message_id
                FROM postroom.%I a
                LEFT JOIN postroom.queue q ON q.id = a.queue_id
                WHERE a.ctid > $1
                  AND a.ctid < $2
                  AND a.outcome <= 2
                  AND a.finished_at + coalesce(q.retention, interval '7 days') <= statement_timestamp()
                  AND (a.finished_at + coalesce(q.retention, interval '7 days') <= statement_timestamp() - $6
                       OR NOT EXISTS (SELECT FROM unnest($4, $5) s (low, high) WHERE a.message_id >= s.low AND a.message_id < s.high))
                ORDER BY a.ctid
                LIMIT $3
            ) x
            $sql$, p_leaf)
        INTO looked, last_looked, candidates
        USING last_looked, format('(%s,0)', page + wide)::tid, p_limit, p_skip_from, p_skip_to, p_overdue;
        IF looked < p_limit THEN
            page := page + wide;
            last_looked := format('(%s,0)', page)::tid;
        END IF;
        wide := least(wide * 4, 4096);
    END LOOP;
    IF page >= pages THEN
        last_looked := NULL;
    END IF;
    IF looked = 0 THEN -- the usual answer, each minute for ten days: the statement below would take 8 ms for nothing
        removed := 0;
        RETURN NEXT;
        RETURN;
    END IF;

    WITH ended AS MATERIALIZED (
        SELECT a.message_id, a.queue_id, a.outcome, a.finished_at + coalesce(q.retention, interval '7 days') AS kept_until
        FROM postroom.attempt a
        LEFT JOIN postroom.queue q ON q.id = a.queue_id
        WHERE a.message_id = ANY (candidates)
          AND a.outcome <= 2
    ), removable AS MATERIALIZED (
        SELECT e.message_id
        FROM ended e
        WHERE e.message_id NOT IN (
            SELECT p.message_id
            FROM postroom.place p
            WHERE p.message_id = ANY (candidates)
              AND p.state NOT IN ('DONE', 'CANCELLED', 'EXPIRED'))
        GROUP BY e.message_id
        HAVING max(e.kept_until) <= statement_timestamp()
    ), free_keys AS MATERIALIZED ( -- an open transaction that looks at a key is not waited for: its message stays until a later turn
        SELECT d.ctid, d.message_id
        FROM postroom.dedup d
        WHERE d.message_id = ANY (ARRAY(SELECT r.message_id FROM removable r))
        FOR UPDATE SKIP LOCKED
    ), going AS MATERIALIZED (
        SELECT r.message_id
        FROM removable r
        WHERE NOT EXISTS (SELECT FROM postroom.dedup d
                          WHERE d.message_id = r.message_id AND d.ctid NOT IN (SELECT f.ctid FROM free_keys f))
    ), messages AS (
        DELETE FROM postroom.message m
        WHERE m.id = ANY (ARRAY(SELECT g.message_id FROM going g))
        RETURNING m.id
    ), history AS (
        DELETE FROM postroom.attempt a
        WHERE a.message_id = ANY (ARRAY(SELECT g.message_id FROM going g))
    ), keys AS (
        DELETE FROM postroom.dedup d
        WHERE d.ctid = ANY (ARRAY(SELECT f.ctid FROM free_keys f))
    ), ledger AS (
        INSERT INTO postroom.purge_ledger (queue_id, outcome, messages, first_id, last_id, how)
        SELECT e.queue_id, e.outcome, count(*), min(m.id::text COLLATE "C")::uuid, max(m.id::text COLLATE "C")::uuid, 'delete'
        FROM messages m
        JOIN ended e ON e.message_id = m.id
        GROUP BY e.queue_id, e.outcome
    )
    SELECT count(*)::int INTO removed FROM messages;
    RETURN NEXT;
END
$function$
;
COMMENT ON FUNCTION postroom.purge_batch IS 'Internal: called by a job. Removes a few finished messages whose retention is over.';

CREATE OR REPLACE FUNCTION postroom.purge_look(p_leaf text, p_after uuid, p_limit integer)
 RETURNS TABLE(looked integer, last_looked uuid, kept uuid[], lasting integer, keyed integer, queue_ids integer[], outcomes smallint[], messages bigint[], first_ids uuid[], last_ids uuid[])
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_nestloop TO 'off'
 SET enable_mergejoin TO 'off'
 SET jit TO 'off'
 SET row_security TO 'off'
AS $function$
DECLARE
    low   uuid;
    high  uuid;
BEGIN
    EXECUTE format('SELECT id FROM postroom.%I WHERE id > $1 ORDER BY id LIMIT 1', p_leaf) INTO low USING p_after;
    EXECUTE format('SELECT id FROM (SELECT id FROM postroom.%I WHERE id > $1 ORDER BY id LIMIT $2) x ORDER BY id DESC LIMIT 1', p_leaf)
    INTO high USING p_after, p_limit;
    RETURN QUERY EXECUTE format($sql$
        WITH looked AS MATERIALIZED (
            SELECT m.id, m.queue_id, m.queue_ids, m.priority, m.seq
            FROM postroom.%I m
            WHERE m.id >= $1
              AND m.id <= $2
        ), ended AS MATERIALIZED (
            SELECT a.message_id, a.queue_id, a.outcome,
                   a.finished_at + coalesce(q.retention, interval '7 days') AS kept_until
            FROM looked l
            JOIN postroom.attempt a ON a.message_id = l.id
            LEFT JOIN postroom.queue q ON q.id = a.queue_id
            WHERE a.outcome <= 2
              AND a.message_id >= $1
              AND a.message_id <= $2
        ), live AS MATERIALIZED (
            SELECT l.id
            FROM looked l
            CROSS JOIN LATERAL (
                SELECT FROM postroom.ready r
                WHERE r.queue_id = ANY (coalesce(l.queue_ids, ARRAY[l.queue_id]))
                  AND r.priority = l.priority AND r.seq = l.seq AND r.message_id = l.id
                OFFSET 0) r
            UNION ALL
            SELECT r.message_id FROM postroom.ready r WHERE r.moved AND r.message_id >= $1 AND r.message_id <= $2
            UNION ALL
            SELECT d.message_id FROM postroom.delayed d WHERE d.message_id >= $1 AND d.message_id <= $2
            UNION ALL
            SELECT w.message_id FROM postroom.grouped w WHERE w.message_id >= $1 AND w.message_id <= $2
            UNION ALL
            SELECT d.message_id FROM postroom.dead_letter d WHERE d.message_id >= $1 AND d.message_id <= $2
            UNION ALL
            SELECT l.id
            FROM postroom.lease x
            CROSS JOIN LATERAL unnest(x.message_ids) WITH ORDINALITY u (message_id, place)
            JOIN looked l ON l.id = u.message_id
            WHERE substring(x.open FROM u.place::int FOR 1) = B'1'
        ), needed AS MATERIALIZED (
            SELECT n.id, bool_or(n.lasts) AS is_lasting, bool_and(n.is_key) AS is_keyed
            FROM (
                SELECT l.id, true AS lasts, false AS is_key
                FROM looked l
                WHERE NOT EXISTS (SELECT FROM ended e WHERE e.message_id = l.id)
                UNION ALL
                SELECT e.message_id, e.kept_until > statement_timestamp() + interval '2 days', false
                FROM ended e
                WHERE e.kept_until > statement_timestamp()
                UNION ALL
                SELECT v.id, true, false FROM live v WHERE v.id IN (SELECT l.id FROM looked l)
                UNION ALL
                SELECT d.message_id, false, true
                FROM postroom.dedup d
                WHERE d.message_id >= $1
                  AND d.message_id <= $2
                  AND d.message_id IN (SELECT l.id FROM looked l)) n
            GROUP BY n.id
        ), removable AS (
            SELECT e.queue_id, e.outcome, count(*) AS messages,
                   min(e.message_id::text COLLATE "C")::uuid AS first_id, max(e.message_id::text COLLATE "C")::uuid AS last_id
            FROM ended e
            WHERE e.message_id NOT IN (SELECT n.id FROM needed n)
            GROUP BY e.queue_id, e.outcome
        )
        SELECT (SELECT count(*)::int FROM looked),
               $2,
               ARRAY(SELECT n.id FROM needed n),
               (SELECT count(*)::int FROM needed n WHERE n.is_lasting),
               (SELECT count(*)::int FROM needed n WHERE n.is_keyed),
               array_agg(r.queue_id), array_agg(r.outcome), array_agg(r.messages), array_agg(r.first_id), array_agg(r.last_id)
        FROM removable r
        $sql$, p_leaf) USING low, high;
END
$function$
;
COMMENT ON FUNCTION postroom.purge_look IS 'Internal: called by a job. Which of the next p_limit messages of a partition are still needed, and what the others were.';

CREATE OR REPLACE FUNCTION postroom.purge_queue(queue text, reason text, per_second integer DEFAULT 1000, actor text DEFAULT NULL::text)
 RETURNS uuid
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
#variable_conflict use_column
DECLARE
    most      constant int := 1000000;
    of_queue  int;
    last_seq  bigint;
    began     timestamptz;
    matched   bigint;
    started   postroom.operation;
BEGIN
    PERFORM postroom.require_reason(purge_queue.reason, purge_queue.actor);
    IF purge_queue.per_second IS NULL OR purge_queue.per_second NOT BETWEEN 1 AND 1000000 THEN
        PERFORM postroom.refuse('perSecond', '1 to 1000000', purge_queue.per_second::text);
    END IF;
    SELECT q.id INTO of_queue FROM postroom.queue q WHERE q.name = purge_queue.queue AND q.deleted_at IS NULL;
    IF NOT FOUND THEN
        PERFORM postroom.refuse('queue', 'one that exists', purge_queue.queue);
    END IF;
    began := clock_timestamp();
    last_seq := coalesce(pg_sequence_last_value('postroom.ready_seq'), 0);
    SELECT count(*) INTO matched FROM postroom.waiting_messages(of_queue, most);
    INSERT INTO postroom.operation (
        created_at, stepped_at, finished_at, planned, per_second, canary, canary_threshold, verb, state, actor, reason, note, filter,
        queue_ids, up_to)
    VALUES (
        began, began, CASE WHEN matched = 0 THEN began END, matched, purge_queue.per_second, 0, 0, 'purge',
        CASE WHEN matched = 0 THEN 'finished' ELSE 'running' END, coalesce(purge_queue.actor, session_user), purge_queue.reason,
        CASE WHEN matched = 0 THEN 'no message waited' WHEN matched = most THEN 'planned is what was counted; more wait' END,
        jsonb_build_object('queue', purge_queue.queue), ARRAY[of_queue], last_seq)
    RETURNING * INTO started;
    INSERT INTO postroom.operator_action (
        actor, action, queue_id, filter, per_second, planned, finished_at, note, reason, operation_id)
    VALUES (started.actor, 'purge', of_queue, started.filter, started.per_second, matched, clock_timestamp(), started.note,
            started.reason, started.id);
    RETURN started.id;
END
$function$
;
COMMENT ON FUNCTION postroom.purge_queue IS 'Cancels what waits in a queue now, at a rate: SELECT postroom.purge_queue(''mail'', ''sent by another way'', per_second => 5000).
Answers the id of the operation; a process with workers carries it on: view operations. stop_operation stops it. What is in progress goes
on, and what is created later stays; a dead letter that is redriven meanwhile is purged, too. Purged messages are CANCELLED with the reason
queue_purged.';

CREATE OR REPLACE FUNCTION postroom.purged_members(p_batch uuid, p_parts bigint[])
 RETURNS uuid[]
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET plan_cache_mode TO 'force_custom_plan'
 SET jit TO 'off'
AS $function$
DECLARE
    missing uuid[];
BEGIN
    missing := ARRAY(
        SELECT u.message_id
        FROM postroom.batch_part p
        CROSS JOIN LATERAL unnest(p.members) u (message_id)
        WHERE p.batch_id = p_batch
          AND p.id = ANY (p_parts)
          AND (SELECT true FROM postroom.message m WHERE m.id = u.message_id LIMIT 1) IS NULL); -- not EXISTS: see parts_to_count
    IF cardinality(missing) = 0 THEN
        RETURN missing;
    END IF;
    RETURN ARRAY(
        SELECT u.message_id
        FROM unnest(missing) u (message_id)
        WHERE NOT EXISTS (SELECT FROM postroom.message m WHERE m.id = u.message_id)
          AND NOT EXISTS (SELECT FROM postroom.place x WHERE x.message_id = u.message_id));
END
$function$
;
COMMENT ON FUNCTION postroom.purged_members IS 'Internal: called by a job. The members in these parts of a batch that were purged.';

CREATE OR REPLACE FUNCTION postroom.queue_for_use(p_name text)
 RETURNS postroom.queue
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    found_queue  postroom.queue;
    is_locked    boolean := false;
BEGIN
    LOOP
        SELECT * INTO found_queue FROM postroom.queue q WHERE q.name = p_name;
        IF FOUND AND found_queue.deleted_at IS NULL THEN
            RETURN found_queue;
        ELSIF NOT is_locked THEN
            -- A queue that comes back, too: its row stays locked until the end of the transaction.
            PERFORM postroom.lock_first_use(p_name);
            is_locked := true;
        ELSIF FOUND THEN
            UPDATE postroom.queue q SET deleted_at = NULL, used_at = clock_timestamp() WHERE q.id = found_queue.id;
        ELSE
            INSERT INTO postroom.queue (name) VALUES (p_name) ON CONFLICT DO NOTHING;
        END IF;
    END LOOP;
END
$function$
;
COMMENT ON FUNCTION postroom.queue_for_use IS 'Internal: the queue of a name, made with the usual settings at its first use; a deleted one comes back.';

CREATE OR REPLACE FUNCTION postroom.queues_of(p_message uuid)
 RETURNS text[]
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT ARRAY(SELECT q.name
                 FROM postroom.message m
                 JOIN postroom.queue q ON q.id = ANY (coalesce(m.queue_ids, ARRAY[m.queue_id]))
                 WHERE m.id = p_message
                 ORDER BY q.name)
$function$
;
COMMENT ON FUNCTION postroom.queues_of IS 'Internal: the names of the queues that a stored message was routed to; empty when the message was purged.';

CREATE OR REPLACE FUNCTION postroom.reached_bindings(p_exchange integer, p_key text, p_headers jsonb)
 RETURNS SETOF postroom.binding
 LANGUAGE sql
 STABLE ROWS 10
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
AS $function$
    WITH RECURSIVE reached (exchange_id) AS (
        SELECT p_exchange
        UNION
        SELECT n.exchange_id
        FROM reached r
        CROSS JOIN LATERAL (
            SELECT b.to_exchange_id AS exchange_id
            FROM postroom.matching_bindings(r.exchange_id, p_key, p_headers) b
            WHERE b.to_exchange_id IS NOT NULL
            UNION ALL
            SELECT a.id
            FROM postroom.exchange e
            JOIN postroom.exchange a ON a.name = e.alternate
            WHERE e.id = r.exchange_id
              AND NOT EXISTS (SELECT FROM postroom.matching_bindings(r.exchange_id, p_key, p_headers))) n
    )
    SELECT b.*
    FROM reached r
    CROSS JOIN LATERAL postroom.matching_bindings(r.exchange_id, p_key, p_headers) b
$function$
;
COMMENT ON FUNCTION postroom.reached_bindings IS 'Internal: all bindings that a message passes from an exchange on, over other exchanges, too.';

CREATE OR REPLACE FUNCTION postroom.record_queue_settings()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    most_groups  constant int := 20;
    said         constant jsonb := nullif(current_setting('postroom.change', true), '');
    whole        constant jsonb := nullif(current_setting('postroom.change_of_transaction', true), '');
    changes      text;
BEGIN
    WITH changed AS (
        SELECT replace(b.key, '_', ' ') AS name, b.key AS place, b.value AS before, a.value AS after, 1 AS number
        FROM jsonb_each(to_jsonb(OLD)) b
        JOIN jsonb_each(to_jsonb(NEW)) a ON a.key = b.key
        WHERE a.value <> b.value
          AND b.key NOT IN ('owner', 'paused_at', 'consumers_stopped_at', 'deleted_at', 'had_consumer', 'used_at', 'has_limiter',
                            'group_weights')
        UNION ALL
        SELECT 'weight of group ' || to_json(key), 'group_weights', coalesce(b.value, '1'), coalesce(a.value, '1'),
               row_number() OVER (ORDER BY key COLLATE "C")
        FROM jsonb_each(OLD.group_weights) b
        FULL JOIN jsonb_each(NEW.group_weights) a USING (key)
        WHERE a.value IS DISTINCT FROM b.value
    )
    SELECT concat_ws(', ',
        string_agg(c.name || ' ' || v.both_values, ', ' ORDER BY c.place COLLATE "C", c.number) FILTER (WHERE c.number <= most_groups),
        CASE WHEN max(c.number) > most_groups THEN format('weights of %s more groups', max(c.number) - most_groups) END,
        CASE WHEN count(*) > 0 AND said ->> 'set_by' = 'declaration' THEN 'declared' END)
    INTO changes
    FROM changed c
    CROSS JOIN LATERAL (
        SELECT string_agg(CASE WHEN length(s.text) <= 200 THEN s.text
                               ELSE format('%s... (%s characters, md5 %s)', left(s.text, 140), length(s.text), md5(s.text)) END,
                          ' -> ' ORDER BY s.number) AS both_values
        FROM (SELECT x.number,
                     CASE jsonb_typeof(x.value)
                         WHEN 'null' THEN 'none'
                         WHEN 'string' THEN CASE WHEN x.value #>> '{}' ~ '^[A-Za-z0-9_.:/ -]+$' AND x.value <> '"none"'
                                                 THEN x.value #>> '{}' ELSE x.value::text END
                         ELSE x.value::text END AS text
              FROM (VALUES (1, c.before), (2, c.after)) x (number, value)) s) v;
    IF changes <> '' THEN
        INSERT INTO postroom.operator_action (actor, action, queue_id, finished_at, reason, note)
        VALUES (coalesce(said ->> 'actor', whole ->> 'actor', session_user), 'declare', NEW.id, clock_timestamp(),
                coalesce(said ->> 'reason', whole ->> 'reason'), changes);
    END IF;
    RETURN NULL;
END
$function$
;
COMMENT ON FUNCTION postroom.record_queue_settings IS 'Internal: a trigger. Writes a line of the ledger with what the settings of a queue were and are.';

CREATE OR REPLACE FUNCTION postroom.redrive_dead_letters(filter jsonb, reason text, per_second integer DEFAULT 100, canary integer DEFAULT 10, canary_threshold integer DEFAULT 2, actor text DEFAULT NULL::text)
 RETURNS uuid
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT postroom.start_operation('redrive', filter, reason, actor, per_second, canary, canary_threshold)
$function$
;
COMMENT ON FUNCTION postroom.redrive_dead_letters IS 'Redrives the dead letters that match a filter (see preview_dead_letters) and are dead now, at a rate:
SELECT postroom.redrive_dead_letters(''{"queue": "mail"}'', ''the mail server is back'', per_second => 50).
Answers the id of the operation; a process with workers carries it on: view operations. First it redrives so many as canary says (0: none)
and waits for them. It stops when more of these than canary_threshold die again.';

CREATE OR REPLACE FUNCTION postroom.redrive_obstacles(p_messages uuid[], p_queues integer[])
 RETURNS TABLE(message_id uuid, queue_id integer, obstacle text)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    WITH target AS MATERIALIZED (
        SELECT q.id, q.name, q.deleted_at,
               CASE WHEN q.max_length IS NOT NULL THEN
                   q.max_length - (SELECT count(*) FROM (SELECT FROM postroom.ready r WHERE r.queue_id = q.id LIMIT q.max_length) r)
                                - (SELECT count(*) FROM (SELECT FROM postroom.grouped w WHERE w.queue_id = q.id LIMIT q.max_length) w)
               END AS room
        FROM postroom.queue q
        WHERE q.id = ANY (p_queues)
    )
    SELECT u.message_id, u.queue_id,
           CASE WHEN t.deleted_at IS NOT NULL THEN 'queue "' || t.name || '" was deleted'
                WHEN row_number() OVER (PARTITION BY u.queue_id ORDER BY u.place) > t.room THEN 'queue "' || t.name || '" is full' END
    FROM unnest(p_messages, p_queues) WITH ORDINALITY u (message_id, queue_id, place)
    JOIN target t ON t.id = u.queue_id
$function$
;
COMMENT ON FUNCTION postroom.redrive_obstacles IS 'Internal: what is in the way of redriving these dead letters; null: nothing.';

CREATE OR REPLACE FUNCTION postroom.redrive(p_message uuid, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    moved int;
BEGIN
    PERFORM postroom.require_reason_if_given(redrive.reason, redrive.actor);
    WITH removed AS (
        DELETE FROM postroom.dead_letter d
        WHERE d.message_id = p_message
        RETURNING d.queue_id, d.priority, d.deliveries, d.message_id
    ), back AS (
        INSERT INTO postroom.ready AS r (seq, queue_id, priority, deliveries, message_id, group_key)
        SELECT nextval('postroom.ready_seq'), x.queue_id, x.priority, x.deliveries, x.message_id,
               CASE WHEN x.queue_id = ANY (ARRAY(SELECT f.id FROM postroom.queue f WHERE f.fair))
                    THEN postroom.fair_key(x.message_id) ELSE '' END
        FROM removed x
        RETURNING r.queue_id
    ), logged AS (
        INSERT INTO postroom.operator_action (actor, action, queue_id, message_id, planned, done, finished_at, reason)
        SELECT coalesce(redrive.actor, session_user), 'redrive', b.queue_id, p_message, 1, 1, clock_timestamp(), redrive.reason
        FROM back b
    )
    SELECT count(*)::int INTO moved FROM back;
    RETURN moved;
END
$function$
;
COMMENT ON FUNCTION postroom.redrive IS 'Puts a dead letter back into its queue, its failures and crashes forgotten: SELECT postroom.redrive(''...'').
Answers how many were moved; 0: it is not dead.';

CREATE OR REPLACE FUNCTION postroom.refuse_moved()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF TG_OP = 'UPDATE' OR NOT EXISTS (SELECT FROM postroom.queue q WHERE q.name = NEW.name) THEN
        PERFORM postroom.require_not_moved(NEW.name, NEW.moved_to);
    END IF;
    RETURN NEW;
END
$function$
;
COMMENT ON FUNCTION postroom.refuse_moved IS 'Internal: a trigger. Keeps a queue from appearing or coming back on a home that it has left (PR421).';

CREATE OR REPLACE FUNCTION postroom.refuse_or_drop(p_message postroom.message, p_mandatory boolean)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    -- Never dropped: the queue is closed for a while, or lives on another home. See home.
    IF p_message.exchange = '' THEN
        PERFORM postroom.require_not_moved(p_message.routing_key,
            (SELECT q.moved_to FROM postroom.queue q WHERE q.name = p_message.routing_key));
    END IF;
    IF coalesce(p_mandatory, true) THEN
        RAISE EXCEPTION '%', CASE WHEN p_message.exchange = '' THEN
                format('the message reaches no queue: there is no queue "%s", which the routing key names. Nothing was written; '
                       'declare the queue, or name it as queue', p_message.routing_key)
            ELSE
                format('the message reaches no queue: exchange "%s" with routing key "%s" has no binding that matches. '
                       'Nothing was written; bind a queue, or pass mandatory => false to drop such messages',
                       p_message.exchange, p_message.routing_key) END
            USING ERRCODE = 'PR404', COLUMN = 'exchange';
    END IF;
    INSERT INTO postroom.dropped_message (exchange, routing_key, message_id, type, correlation_id)
    VALUES (p_message.exchange, p_message.routing_key, p_message.id, p_message.type, p_message.correlation_id)
    ON CONFLICT DO NOTHING;
END
$function$
;
COMMENT ON FUNCTION postroom.refuse_or_drop IS 'Internal: refuses a message that reaches no queue, or notes that it is dropped; one for a queue that has moved is refused (PR421).';

CREATE OR REPLACE FUNCTION postroom.refuse_unknown(p_field text, p_exchange text)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    RAISE EXCEPTION '% "%" does not exist. Declare it first, with postroom.declare_exchange', p_field, p_exchange
        USING ERRCODE = '22023', COLUMN = p_field;
END
$function$
;
COMMENT ON FUNCTION postroom.refuse_unknown IS 'Internal: refuses the name of an exchange that does not exist.';

CREATE OR REPLACE FUNCTION postroom.refuse_unless_empty(q postroom.queue, p_stays boolean)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF EXISTS (SELECT FROM postroom.ready r WHERE r.queue_id = q.id AND NOT postroom.is_own_row(r.xmin))
       OR EXISTS (SELECT FROM postroom.grouped w WHERE w.queue_id = q.id)
       OR EXISTS (SELECT FROM postroom.lease l WHERE l.queue_id = q.id)
       OR EXISTS (SELECT FROM postroom.dead_letter d WHERE d.queue_id = q.id)
       OR EXISTS (SELECT FROM postroom.delayed d WHERE d.queue_id = q.id AND NOT postroom.is_own_row(d.xmin)) THEN
        PERFORM postroom.refuse('ordered', format('left %s while queue "%s" holds messages', p_stays::text, q.name),
            (NOT p_stays)::text, 'Empty the queue first, its dead letters included, or declare another queue');
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.refuse_unless_empty IS 'Internal: refuses to change whether a queue is ordered while it holds messages.';

CREATE OR REPLACE FUNCTION postroom.refuse(p_field text, p_limit text, p_value text, p_hint text DEFAULT ''::text)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    shown text;
BEGIN
    SELECT coalesce(
        string_agg(
            CASE WHEN ascii(c) < 32 OR ascii(c) BETWEEN 127 AND 159 THEN '\u' || lpad(to_hex(ascii(c)), 4, '0') ELSE c END,
            '' ORDER BY place),
        '')
    INTO shown
    FROM regexp_split_to_table(left(p_value, 80), '') WITH ORDINALITY x (c, place)
    WHERE c <> '';
    IF char_length(p_value) > 80 THEN
        shown := shown || '… (' || char_length(p_value) || ' characters)';
    END IF;
    IF p_value IS NULL THEN
        shown := 'null';
    END IF;
    IF p_hint = '' THEN
        RAISE EXCEPTION '% must be %, got "%"', p_field, p_limit, shown USING ERRCODE = '22023', COLUMN = p_field;
    END IF;
    RAISE EXCEPTION '% must be %, got "%"', p_field, p_limit, shown USING ERRCODE = '22023', COLUMN = p_field, HINT = p_hint;
END
$function$
;
COMMENT ON FUNCTION postroom.refuse IS 'Internal: refuses a value in the words of InvalidMessageException and shows at most 80 characters of it.';

CREATE OR REPLACE FUNCTION postroom.regroup_starts(p_limiter postroom.limiter, p_max_starts integer, p_period interval, p_window text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF p_limiter.max_starts_per_group IS NULL OR p_max_starts IS NULL THEN
        -- A later limit begins anew. Rows that stayed would hold groups back by the old one.
        DELETE FROM postroom.limited_group g WHERE g.limiter_id = p_limiter.id;
    ELSIF (p_limiter.period_per_group, p_limiter.window_kind) IS DISTINCT FROM (p_period, p_window) THEN
        UPDATE postroom.limited_group g
        SET (booked_until, booked, free_at) = (
            SELECT c.until, c.booked, 0
            FROM postroom.carry_starts(p_limiter.period_per_group, p_limiter.window_kind, p_period, p_window, g.booked_until, g.booked) c)
        WHERE g.limiter_id = p_limiter.id
          AND cardinality(g.booked) > 0;
    ELSIF p_limiter.max_starts_per_group <> p_max_starts THEN
        UPDATE postroom.limited_group g
        SET free_at = 0
        WHERE g.limiter_id = p_limiter.id
          AND g.free_at > 0;
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.regroup_starts IS 'Internal: called by set_limiter. Lets the groups of a queue have other limits.';

CREATE OR REPLACE FUNCTION postroom.release_active(p_lease_time interval)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    longest    constant interval := CASE
        WHEN postroom.has_just_started(p_lease_time) THEN NULL
        ELSE p_lease_time END;
    all_of_it  constant int := (SELECT count(*) FROM postroom.active_consumer a);
    left_by    record;
BEGIN
    PERFORM postroom.end_single_active_change();
    FOR left_by IN
        SELECT a.queue_id, a.worker_id
        FROM postroom.active_consumer a
        WHERE a.worker_id <> 0
          AND NOT EXISTS (
            SELECT
            FROM postroom.queue q
            JOIN postroom.consumer c ON c.queue_id = q.id AND c.worker_id = a.worker_id
            JOIN postroom.worker w ON w.id = c.worker_id
            WHERE q.id = a.queue_id
              AND q.single_active_consumer
              AND q.deleted_at IS NULL
              AND w.stopped_at IS NULL
              AND (longest IS NULL OR w.beat_at > statement_timestamp() - longest)
              AND NOT EXISTS (SELECT FROM postroom.consumer_stop s
                              WHERE s.worker_id = w.id AND s.queue_id = q.id AND s.stopped_at IS NOT NULL))
        ORDER BY a.queue_id
        FOR UPDATE SKIP LOCKED
    LOOP
        DELETE FROM postroom.active_consumer a
        WHERE a.queue_id = left_by.queue_id
          AND NOT EXISTS (SELECT FROM postroom.lease l WHERE l.queue_id = left_by.queue_id AND l.worker_id = left_by.worker_id);
    END LOOP;
    RETURN all_of_it;
END
$function$
;
COMMENT ON FUNCTION postroom.release_active IS 'Internal: called by a job. Lets others consume where the single active consumer of a queue has left.';

CREATE OR REPLACE FUNCTION postroom.release_unknown(p_worker integer, p_known bigint[], p_older_than interval, p_only uuid[] DEFAULT NULL::uuid[])
 RETURNS TABLE(queue_id integer, priority smallint, lowest_seq bigint, messages integer)
 LANGUAGE plpgsql
 ROWS 10
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_mergejoin TO 'off'
AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH unknown AS MATERIALIZED (
        SELECT l.id, l.queue_id, l.priority, l.message_ids, l.open, l.failures, l.crashes, l.deliveries
        FROM postroom.lease l
        WHERE l.worker_id = p_worker
          AND l.id <> ALL (p_known)
          AND l.claimed_at < statement_timestamp() - p_older_than
          AND (p_only IS NULL OR l.message_ids && p_only)
        ORDER BY l.id
        FOR UPDATE SKIP LOCKED
    ), back AS (
        INSERT INTO postroom.ready AS r (seq, queue_id, priority, failures, crashes, deliveries, message_id, group_key)
        SELECT nextval('postroom.ready_seq'), k.queue_id, k.priority, coalesce(u.failures, 0::smallint), coalesce(u.crashes, 0::smallint),
               least(coalesce(u.deliveries, 0::smallint) + 1, 32767)::smallint, u.message_id,
               CASE WHEN k.queue_id = ANY (ARRAY(SELECT f.id FROM postroom.queue f WHERE f.fair))
                    THEN postroom.fair_key(u.message_id) ELSE '' END
        FROM unknown k
        CROSS JOIN LATERAL unnest(k.message_ids, k.failures, k.crashes, k.deliveries)
            WITH ORDINALITY u (message_id, failures, crashes, deliveries, place)
        WHERE substring(k.open FROM u.place::int FOR 1) = B'1'
        RETURNING r.queue_id, r.priority, r.seq
    ), dropped AS (
        DELETE FROM postroom.lease l USING unknown k WHERE l.id = k.id
    )
    SELECT b.queue_id, b.priority, min(b.seq), count(*)::int FROM back b GROUP BY b.queue_id, b.priority;
END
$function$
;
COMMENT ON FUNCTION postroom.release_unknown IS 'Internal: called by workers. Puts messages back that this worker holds without knowing it.';

CREATE OR REPLACE FUNCTION postroom.released_groups(p_limiter integer, p_full text[], p_now bigint, p_limit integer)
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
BEGIN
    RETURN ARRAY(
        SELECT g.group_key
        FROM postroom.limited_group g
        WHERE g.limiter_id = p_limiter
          AND g.free_at <= p_now
          AND g.group_key <> ALL (p_full)
        ORDER BY g.limiter_id, g.free_at
        LIMIT p_limit);
END
$function$
;
COMMENT ON FUNCTION postroom.released_groups IS 'Internal: which groups may start messages again after they were at their limit.';

CREATE OR REPLACE FUNCTION postroom.remove_leftovers(p_leaf text, p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    removed int;
BEGIN
    PERFORM postroom.require_read_committed();
    EXECUTE format($sql$
        DELETE FROM postroom.%I
        WHERE ctid = ANY (ARRAY(
            SELECT a.ctid
            FROM postroom.%I a
            LEFT JOIN postroom.queue q ON q.id = a.queue_id
            WHERE a.outcome > 2
              AND a.finished_at + coalesce(q.retention, interval '7 days') <= statement_timestamp()
              AND NOT EXISTS (SELECT FROM postroom.message m WHERE m.id = a.message_id)
            LIMIT $1))
        $sql$, p_leaf, p_leaf) USING p_limit;
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$function$
;
COMMENT ON FUNCTION postroom.remove_leftovers IS 'Internal: called by a job. Removes up to p_limit lines from a day of history that is not freed as a whole; answers how many.';

CREATE OR REPLACE FUNCTION postroom.remove_limiter(queue text DEFAULT NULL::text, destination text DEFAULT NULL::text, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    target int := postroom.limited_queue(remove_limiter.queue, remove_limiter.destination);
BEGIN
    PERFORM postroom.require_reason_if_given(remove_limiter.reason, remove_limiter.actor);
    DELETE FROM postroom.limiter l WHERE l.queue_id = target OR l.destination = remove_limiter.destination;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE postroom.queue q SET has_limiter = q.destination IS NOT NULL WHERE q.id = target;
    INSERT INTO postroom.operator_action (actor, action, queue_id, finished_at, reason, note)
    VALUES (coalesce(remove_limiter.actor, session_user), 'declare', target, clock_timestamp(), remove_limiter.reason,
            concat_ws(', ', 'no limiter', 'destination ' || remove_limiter.destination));
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.remove_limiter IS 'Removes the limiter of a queue, or of a destination: SELECT postroom.remove_limiter(''mail''). false: there was none.
reason and actor go on record.';

CREATE OR REPLACE FUNCTION postroom.report_stopped(p_worker integer, p_instance uuid, p_queue integer, p_queue_name text, p_held integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM FROM postroom.worker w WHERE w.id = p_worker AND w.instance = p_instance;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE postroom.consumer_stop s
    SET stopped_at = coalesce(s.stopped_at, clock_timestamp()), held = p_held
    WHERE s.worker_id = p_worker
      AND s.queue_id = p_queue
      AND EXISTS (SELECT FROM postroom.queue q WHERE q.id = p_queue AND q.name = p_queue_name);
    IF FOUND THEN
        RETURN true;
    END IF;
    PERFORM FROM postroom.queue q
    WHERE q.id = p_queue
      AND q.name = p_queue_name
      AND q.consumers_stopped_at IS NOT NULL
    FOR SHARE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO postroom.consumer_stop (worker_id, queue_id, stopped_at, held)
    VALUES (p_worker, p_queue, clock_timestamp(), p_held)
    ON CONFLICT (worker_id, queue_id) DO UPDATE
    SET stopped_at = excluded.stopped_at, held = excluded.held;
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.report_stopped IS 'Internal: called by workers. A consumer that was told to stop claims no more.';

CREATE OR REPLACE FUNCTION postroom.require_access_token(p_name text, p_role text, p_queues text[], p_expires_at timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    pattern text;
BEGIN
    IF p_name IS NULL OR p_name COLLATE "C" !~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$' THEN
        PERFORM postroom.refuse('name', '1 to 100 of A-Z a-z 0-9 . _ : -, first a letter or digit', p_name);
    ELSIF p_name = 'property' THEN
        PERFORM postroom.refuse('name', 'another one: that is the token of the server''s own settings', p_name);
    ELSIF p_role IS NULL OR p_role NOT IN ('reader', 'operator', 'producer') THEN
        PERFORM postroom.refuse('role', 'reader, operator or producer', p_role);
    ELSIF p_role <> 'producer' AND coalesce(cardinality(p_queues), 0) > 0 THEN
        PERFORM postroom.refuse('queues', 'left out: only a producer is bound to queues', p_queues::text);
    ELSIF p_role = 'producer' AND coalesce(cardinality(p_queues), 0) NOT BETWEEN 1 AND 100 THEN
        PERFORM postroom.refuse('queues', '1 to 100 patterns for a producer', coalesce(cardinality(p_queues), 0)::text);
    ELSIF p_expires_at <= clock_timestamp() OR p_expires_at > clock_timestamp() + interval '3650 days' THEN
        PERFORM postroom.refuse('expiresAt', 'in the future and at most 3650 days ahead', p_expires_at::text);
    END IF;
    FOREACH pattern IN ARRAY coalesce(p_queues, '{}') LOOP
        IF pattern IS NULL OR char_length(pattern) > 127
           OR pattern COLLATE "C" !~ '^(\*|#|[A-Za-z0-9][A-Za-z0-9_:-]*)(\.(\*|#|[A-Za-z0-9_:-]*))*$' THEN
            PERFORM postroom.refuse('queues', 'names of queues, with * for one word between dots and # for any number of words', pattern);
        END IF;
    END LOOP;
END
$function$
;
COMMENT ON FUNCTION postroom.require_access_token IS 'Internal: refuses a token that breaks a limit.';

CREATE OR REPLACE FUNCTION postroom.require_binding_arguments(p_kind text, p_arguments jsonb)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    bad text;
BEGIN
    IF p_arguments IS NULL OR jsonb_typeof(p_arguments) <> 'object' THEN
        PERFORM postroom.refuse('arguments', 'a JSON object', p_arguments::text);
    ELSIF octet_length(p_arguments::text) > 1024 THEN
        PERFORM postroom.refuse('arguments', 'at most 1024 bytes', octet_length(p_arguments::text) || ' bytes');
    ELSIF p_kind <> 'headers' AND p_arguments <> '{}' THEN
        PERFORM postroom.refuse('arguments', 'left out with an exchange of kind ' || p_kind, p_arguments::text);
    ELSIF p_arguments -> 'x-match' NOT IN ('"all"', '"any"', '"all-with-x"', '"any-with-x"') THEN
        PERFORM postroom.refuse('x-match', 'all, any, all-with-x or any-with-x', p_arguments ->> 'x-match');
    END IF;
    SELECT a.key || ': ' || a.value::text INTO bad
    FROM jsonb_each(p_arguments) a
    WHERE jsonb_typeof(a.value) NOT IN ('string', 'null')
    LIMIT 1;
    IF FOUND THEN
        PERFORM postroom.refuse('arguments', 'texts, or null for any value', bad, 'Headers of messages are texts: write numbers in quotes');
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_binding_arguments IS 'Internal: refuses arguments that no binding of an exchange of that kind can have.';

CREATE OR REPLACE FUNCTION postroom.require_completion(p_batch postroom.batch)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    field  text;
BEGIN
    PERFORM postroom.require_members(p_batch.completion);
    FOREACH field IN ARRAY ARRAY['id', 'at', 'deduplicationKey', 'batch'] LOOP
        IF p_batch.completion ->> field IS NOT NULL THEN
            PERFORM postroom.refuse(field, 'left out in the completion message of a batch', p_batch.completion ->> field);
        END IF;
    END LOOP;
    p_batch.done := 9223372036854775807;
    p_batch.dead := 0;
    p_batch.cancelled := 0;
    p_batch.expired := 0;
    p_batch.purged := 0;
    PERFORM postroom.try_message(postroom.completion_message(p_batch), false);
END
$function$
;
COMMENT ON FUNCTION postroom.require_completion IS 'Internal: refuses a message that create_message would refuse when the batch is completed.';

CREATE OR REPLACE FUNCTION postroom.require_dead_letter_filter(p_filter jsonb)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    known   constant text[] := '{all,queue,reason,errorClass,fingerprint,type,correlationId,headers,deadFrom,deadTo,createdFrom,createdTo}';
    member  record;
    given   int := 0;
BEGIN
    IF p_filter IS NULL OR jsonb_typeof(p_filter) <> 'object' THEN
        PERFORM postroom.refuse('filter', 'a JSON object', p_filter::text);
    END IF;
    FOR member IN SELECT e.key, e.value FROM jsonb_each(p_filter) e LOOP
        IF member.key <> ALL (known) THEN
            PERFORM postroom.refuse('filter', 'an object with members of ' || array_to_string(known, ', '), member.key);
        ELSIF member.key = 'all' THEN
            IF member.value <> 'true' THEN
                PERFORM postroom.refuse('all', 'true, or left out', member.value::text);
            END IF;
        ELSIF member.key = 'headers' THEN
            PERFORM postroom.require_headers(member.value);
            IF member.value = '{}' THEN
                PERFORM postroom.refuse('headers', 'one header at least, or left out', '{}');
            END IF;
        ELSIF jsonb_typeof(member.value) <> 'string' THEN
            PERFORM postroom.refuse(member.key, 'a text', member.value::text);
        ELSIF member.key IN ('deadFrom', 'deadTo', 'createdFrom', 'createdTo') THEN
            PERFORM postroom.settings_instant(member.key, member.value #>> '{}');
        ELSIF member.key <> 'errorClass' THEN -- the classes of generated code may be long
            PERFORM postroom.require_text(member.key, member.value #>> '{}');
        END IF;
        given := given + 1;
    END LOOP;
    IF given = 0 THEN
        PERFORM postroom.refuse('filter', 'one condition at least, or {"all": true}', p_filter::text);
    ELSIF p_filter ? 'all' AND given > 1 THEN
        PERFORM postroom.refuse('filter', 'conditions, or "all" alone', p_filter::text);
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_dead_letter_filter IS 'Internal: refuses what is no filter of dead letters, and an empty one: who means all must say so.';

CREATE OR REPLACE FUNCTION postroom.require_empty()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
AS $function$
BEGIN
    PERFORM postroom.require_read_committed();
    BEGIN
        LOCK TABLE postroom.queue IN ACCESS EXCLUSIVE MODE;
    EXCEPTION
        WHEN lock_not_available OR deadlock_detected THEN
            RAISE EXCEPTION 'whether queue "%" is ordered cannot be changed now: transactions that use queues are open. '
                'Nothing was changed; try again', NEW.name
                USING ERRCODE = '55P03', COLUMN = 'ordered';
    END;
    PERFORM postroom.refuse_unless_empty(NEW, OLD.ordered);
    DELETE FROM postroom.message_group g WHERE g.queue_id = NEW.id;
    RETURN NULL;
END
$function$
;
COMMENT ON FUNCTION postroom.require_empty IS 'Internal: a trigger. Refuses at the commit that a queue which holds messages is made ordered, or not.';

CREATE OR REPLACE FUNCTION postroom.require_headers(p_headers jsonb)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    header  record;
    headers int := 0;
    bytes   int := 0;
BEGIN
    IF jsonb_typeof(p_headers) <> 'object' THEN
        PERFORM postroom.refuse('headers', 'a JSON object', p_headers::text);
    END IF;
    FOR header IN SELECT h.key, jsonb_typeof(h.value) AS kind, h.value #>> '{}' AS value FROM jsonb_each(p_headers) h LOOP
        headers := headers + 1;
        IF header.key COLLATE "C" !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' THEN
            PERFORM postroom.refuse('headers', 'names of 1 to 100 of A-Z a-z 0-9 . _ -, first a letter or digit', header.key);
        ELSIF header.kind <> 'string' THEN
            PERFORM postroom.refuse('headers', 'texts', header.key || ': ' || coalesce(header.value, 'null'));
        ELSIF header.value ~ '[\x01-\x08\x0a-\x1f\x7f]' THEN
            PERFORM postroom.refuse('headers', 'no control characters', header.value);
        END IF;
        bytes := bytes + octet_length(header.key) + octet_length(header.value);
    END LOOP;
    IF headers > 64 THEN
        PERFORM postroom.refuse('headers', 'at most 64', headers || ' headers');
    ELSIF bytes > 8192 THEN
        PERFORM postroom.refuse('headers', 'at most 8192 bytes in all', bytes || ' bytes');
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_headers IS 'Internal: refuses headers that break a limit.';

CREATE OR REPLACE FUNCTION postroom.require_members(p_message jsonb)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    member record;
BEGIN
    IF jsonb_typeof(p_message) <> 'object' THEN
        PERFORM postroom.refuse('message', 'a JSON object', p_message::text);
    END IF;
    FOR member IN SELECT m.key, m.value, jsonb_typeof(m.value) AS kind FROM jsonb_each(p_message) m LOOP
        CASE
            WHEN member.key IN ('payload', 'headers') THEN
                CONTINUE;
            WHEN member.key IN ('queue', 'exchange', 'routingKey', 'type', 'id', 'delay', 'at', 'timeToLive', 'deduplicationKey',
                                'deduplicateUntil', 'onDuplicate', 'correlationId', 'group', 'direction', 'body', 'contentType',
                                'batch') THEN
                IF member.kind NOT IN ('string', 'null') THEN
                    PERFORM postroom.refuse(member.key, 'a string', member.value::text);
                END IF;
            WHEN member.key IN ('version', 'priority') THEN
                IF member.kind = 'null' THEN
                    CONTINUE;
                ELSIF member.kind <> 'number' OR member.value::numeric NOT BETWEEN -2147483648 AND 2147483647
                   OR member.value::numeric <> trunc(member.value::numeric) THEN
                    PERFORM postroom.refuse(member.key, 'a whole number of 32 bits', member.value::text);
                END IF;
            WHEN member.key = 'mandatory' THEN
                IF member.kind NOT IN ('boolean', 'null') THEN
                    PERFORM postroom.refuse('mandatory', 'true or false', member.value::text);
                END IF;
            ELSE
                PERFORM postroom.refuse(left(member.key, 80), 'left out: there is no such member', member.value::text,
                    'Known are batch, body, contentType, correlationId, deduplicateUntil, deduplicationKey, delay, direction, exchange, '
                    'group, headers, id, mandatory, onDuplicate, payload, priority, queue, routingKey, timeToLive, type, version and at');
        END CASE;
    END LOOP;
    IF p_message ->> 'at' !~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:[0-5]\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$' THEN
        PERFORM postroom.refuse('at', 'a time with a zone, such as 2030-01-31T08:00:00Z', p_message ->> 'at');
    ELSIF p_message ->> 'version' IS NOT NULL AND p_message ->> 'type' IS NULL THEN
        PERFORM postroom.refuse('version', 'given only with type', p_message ->> 'version');
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_members IS 'Internal: refuses an element of create_messages that is no object, or has a member that is unknown or of the wrong kind.';

CREATE OR REPLACE FUNCTION postroom.require_name(p_field text, p_name text)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF p_name COLLATE "C" ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,126}$' THEN
        RETURN;
    END IF;
    PERFORM postroom.refuse(p_field, '1 to 127 of A-Z a-z 0-9 . _ : -, first a letter or digit', p_name);
END
$function$
;
COMMENT ON FUNCTION postroom.require_name IS 'Internal: refuses what is no name of a queue or type.';

CREATE OR REPLACE FUNCTION postroom.require_no_group_limit(p_queue integer)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF EXISTS (SELECT
               FROM postroom.limiter l
               WHERE l.queue_id = p_queue
                 AND num_nonnulls(l.max_starts_per_group, l.max_in_progress_per_group) > 0) THEN
        PERFORM postroom.refuse('fair', 'true while the limiter of the queue has limits of groups', 'false',
            'SELECT postroom.remove_limiter(...) removes them');
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_no_group_limit IS 'Internal: refuses to make a queue unfair whose groups are limited.';

CREATE OR REPLACE FUNCTION postroom.require_not_moved(p_queue text, p_moved_to text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    elsewhere constant text := coalesce(p_moved_to, postroom.moved_to(p_queue));
BEGIN
    IF elsewhere IS NOT NULL THEN
        RAISE EXCEPTION 'queue "%" has moved to %; nothing was written', p_queue, elsewhere
            USING ERRCODE = 'PR421', COLUMN = 'queue', HINT = 'Start this process again with the rules of the homes: see docs/scale.md';
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_not_moved IS 'Internal: refuses a queue that has left this home, by its row or by the rules (PR421).';

CREATE OR REPLACE FUNCTION postroom.require_open_batch(p_field text, p_batch uuid)
 RETURNS postroom.batch
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    found_batch postroom.batch;
BEGIN
    SELECT * INTO found_batch FROM postroom.batch b WHERE b.id = p_batch FOR KEY SHARE;
    IF postroom.batch_state(found_batch) <> 'open' THEN
        PERFORM postroom.refuse(p_field, 'the id of an open batch', p_batch || ' (' || postroom.batch_state(found_batch) || ')');
    END IF;
    RETURN found_batch;
END
$function$
;
COMMENT ON FUNCTION postroom.require_open_batch IS 'Internal: refuses a batch that takes no members.';

CREATE OR REPLACE FUNCTION postroom.require_payload(p_payload jsonb)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    as_text  constant text := p_payload::text;
    number   text;
BEGIN
    IF octet_length(as_text) > 1048576 THEN
        PERFORM postroom.refuse('payload', 'at most 1048576 bytes', octet_length(as_text) || ' bytes');
    END IF;
    IF char_length(as_text) - char_length(translate(as_text, '[{', '')) > 64
       AND jsonb_path_exists(p_payload, 'strict $.**{64 to last} ? (@.type() == "array" || @.type() == "object")') THEN
        PERFORM postroom.refuse('payload', 'at most 64 levels deep', 'more');
    END IF;
    -- jsonb writes the 8 characters 1e131071 as 131,072 digits.
    IF as_text ~ '[0-9.]{65}' THEN
        SELECT n.value::text INTO number
        FROM jsonb_path_query(p_payload, 'strict $.** ? (@.type() == "number")') n (value)
        WHERE char_length(trim(BOTH '0' FROM translate(n.value::text, '-.', ''))) > 64
           OR abs(n.value::numeric) >= 1e309
           OR abs(n.value::numeric) < 1e-308 AND n.value::numeric <> 0
        LIMIT 1;
        IF FOUND THEN
            PERFORM postroom.refuse('payload', 'JSON with numbers of at most 64 digits and an exponent up to 308', number);
        END IF;
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_payload IS 'Internal: refuses a JSON payload that breaks a limit.';

CREATE OR REPLACE FUNCTION postroom.require_period(p_field text, p_period interval)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF p_period NOT BETWEEN interval '1 second' AND interval '400 days' OR extract(month FROM p_period) <> 0
       OR extract(year FROM p_period) <> 0 THEN
        PERFORM postroom.refuse(p_field, 'PT1S to 400 days, without months or years, which have no fixed length', p_period::text);
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_period IS 'Internal: refuses the time between two runs when it breaks a limit.';

CREATE OR REPLACE FUNCTION postroom.require_read_committed()
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'maintenance needs READ COMMITTED: a snapshot older than its lock would not see what was committed in between'
            USING ERRCODE = '25001';
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_read_committed IS 'Internal: refuses to go on (25001) at another isolation level, because maintenance decides after its locks on what was committed
before them.';

CREATE OR REPLACE FUNCTION postroom.require_reason_if_given(p_reason text, p_actor text)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF p_reason IS NOT NULL THEN
        PERFORM postroom.require_reason(p_reason, p_actor);
    ELSIF p_actor IS NOT NULL THEN
        PERFORM postroom.require_text('actor', p_actor);
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_reason_if_given IS 'Internal: refuses an unfit reason and an unfit name of a person; both may be null.';

CREATE OR REPLACE FUNCTION postroom.require_reason(p_reason text, p_actor text)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF p_reason IS NULL OR btrim(p_reason) = '' THEN
        PERFORM postroom.refuse('reason', '1 to 200 characters', p_reason);
    END IF;
    PERFORM postroom.require_text('reason', p_reason);
    IF p_actor IS NOT NULL THEN
        PERFORM postroom.require_text('actor', p_actor);
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_reason IS 'Internal: refuses a missing or unfit reason, and an unfit name of a person.';

CREATE OR REPLACE FUNCTION postroom.require_room(p_targets postroom.queue[], p_message uuid)
 RETURNS integer[]
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    answered  record;
    to_settle int[] := '{}';
BEGIN
    FOR answered IN
        SELECT a.*
        FROM postroom.admit(ARRAY(SELECT t.id FROM unnest(p_targets) t), ARRAY(SELECT t.name FROM unnest(p_targets) t),
                            array_fill(1, ARRAY[cardinality(p_targets)])) a
    LOOP
        IF answered.answer = 2 THEN -- full
            IF EXISTS (SELECT FROM postroom.message m WHERE m.id = p_message) THEN
                RETURN '{}';
            END IF;
            RAISE EXCEPTION 'queue "%" is full: % messages are READY in it, and its maximum length is %. '
                'Nothing was written; try again when its consumers have taken some, or raise the limit',
                answered.queue, answered.waiting, answered.max_length
                USING ERRCODE = 'PR429', COLUMN = 'queue';
        ELSIF answered.answer = 3 THEN -- settle
            to_settle := to_settle || answered.queue_id;
        END IF;
    END LOOP;
    RETURN to_settle;
END
$function$
;
COMMENT ON FUNCTION postroom.require_room IS 'Internal: refuses a message where a queue has no room for it.';

CREATE OR REPLACE FUNCTION postroom.require_routing_key(p_key text)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF p_key IS NULL OR octet_length(p_key) > 255 THEN
        PERFORM postroom.refuse('routingKey', '0 to 255 bytes of UTF-8', p_key);
    ELSIF p_key ~ '[\x01-\x08\x0a-\x1f\x7f]' THEN
        PERFORM postroom.refuse('routingKey', 'no control characters', p_key);
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_routing_key IS 'Internal: refuses a routing key or pattern that is null, longer than 255 bytes or has control characters.';

CREATE OR REPLACE FUNCTION postroom.require_schedule_message(p_name text, p_message jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    field  text;
BEGIN
    PERFORM postroom.require_members(p_message);
    FOREACH field IN ARRAY ARRAY['id', 'at', 'deduplicationKey', 'batch'] LOOP
        IF p_message ->> field IS NOT NULL THEN
            PERFORM postroom.refuse(field, 'left out in the message of a schedule', p_message ->> field,
                'Each run has a message of its own; its planned time is in header postroom-planned-at');
        END IF;
    END LOOP;
    PERFORM postroom.try_message(p_message || jsonb_build_object('headers',
        coalesce(nullif(p_message -> 'headers', 'null'), '{}')
        || jsonb_build_object('postroom-schedule', p_name, 'postroom-planned-at', '2026-01-01T00:00:00.000000Z')), true);
END
$function$
;
COMMENT ON FUNCTION postroom.require_schedule_message IS 'Internal: refuses a message that create_message would refuse when a schedule fires.';

CREATE OR REPLACE FUNCTION postroom.require_schedule(p_name text, p_cron text, p_zone text, p_every interval, p_after_end interval, p_at timestamp with time zone, p_missed text, p_missed_limit integer, p_overlap text)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM postroom.require_name('name', p_name);
    IF num_nonnulls(p_cron, p_every, p_after_end, p_at) <> 1 THEN
        PERFORM postroom.refuse('cron', 'given, or one of every, afterEnd and at, and only one of them',
            num_nonnulls(p_cron, p_every, p_after_end, p_at) || ' of them');
    END IF;
    PERFORM postroom.require_text('cron', p_cron);
    IF p_zone IS NOT NULL AND p_cron IS NULL THEN
        PERFORM postroom.refuse('zone', 'given only with cron', p_zone);
    END IF;
    PERFORM postroom.require_text('zone', p_zone);
    PERFORM postroom.require_period('every', p_every);
    PERFORM postroom.require_period('afterEnd', p_after_end);
    IF p_at NOT BETWEEN timestamptz 'epoch' AND timestamptz '9999-12-31T23:59:59Z' THEN
        PERFORM postroom.refuse('at', 'from 1970 to the end of the year 9999', p_at::text);
    END IF;
    IF p_missed IS NULL OR p_missed NOT IN ('NONE', 'ONCE', 'ALL') THEN
        PERFORM postroom.refuse('missed', 'NONE, ONCE or ALL', p_missed);
    ELSIF p_missed_limit NOT BETWEEN 1 AND 1000 THEN
        PERFORM postroom.refuse('missedLimit', '1 to 1000', p_missed_limit::text);
    ELSIF p_missed <> 'ALL' AND p_missed_limit IS NOT NULL THEN
        PERFORM postroom.refuse('missedLimit', 'given only with ALL', p_missed_limit::text);
    END IF;
    IF p_overlap IS NULL OR p_overlap NOT IN ('QUEUE', 'SKIP', 'CANCEL') THEN
        PERFORM postroom.refuse('overlap', 'QUEUE, SKIP or CANCEL', p_overlap);
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_schedule IS 'Internal: refuses what breaks a limit of a schedule, apart from its message.';

CREATE OR REPLACE FUNCTION postroom.require_settings_version(p_name text, p_found postroom.settings, p_expected bigint)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF p_expected < 0 THEN
        PERFORM postroom.refuse('expectedVersion', '0 for a new entry, or the version that was read', p_expected::text);
    ELSIF p_expected <> coalesce(p_found.version, 0) THEN
        RAISE EXCEPTION 'settings "%" are at version %, not %: %; nothing was changed', p_name, coalesce(p_found.version, 0), p_expected,
            CASE WHEN p_found.name IS NULL THEN 'there is no such entry'
                 ELSE format('changed by %s at %s', p_found.changed_by,
                     to_char(p_found.changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')) END
            USING ERRCODE = 'PR409', COLUMN = 'expectedVersion', HINT = 'Read the entry again, and repeat the change';
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_settings_version IS 'Internal: refuses a change that expects another version of the entry.';

CREATE OR REPLACE FUNCTION postroom.require_settings(p_document jsonb)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    known    constant text[] := '{channel,endpoint,attempts,retryAfter,headers,templates,properties,secret,validFrom,validUntil,enabled}';
    bad      text;
    waits    constant text := p_document ->> 'retryAfter';
    a_wait   constant text := '\s*\d{1,9}\s*(ms|s|m|h|d)\s*';
BEGIN
    SELECT k INTO bad FROM jsonb_object_keys(p_document) k WHERE k <> ALL (known) LIMIT 1;
    IF FOUND THEN
        PERFORM postroom.refuse('settings', 'an object with members of ' || array_to_string(known, ', '), bad);
    ELSIF octet_length(p_document::text) > 65536 THEN
        PERFORM postroom.refuse('settings', 'at most 65536 bytes as JSON', octet_length(p_document::text) || ' bytes');
    END IF;
    SELECT x.field INTO bad
    FROM unnest('{channel,endpoint,retryAfter,secret,validFrom,validUntil}'::text[]) x (field)
    WHERE jsonb_typeof(p_document -> x.field) <> 'string'
    LIMIT 1;
    IF FOUND THEN
        PERFORM postroom.refuse(bad, 'a text', CASE WHEN bad = 'secret' THEN 'another JSON value' ELSE (p_document -> bad)::text END);
    ELSIF p_document ->> 'channel' IS NULL OR p_document ->> 'channel' COLLATE "C" !~ '^[a-z][a-z0-9_-]{0,62}$' THEN
        PERFORM postroom.refuse('channel', '1 to 63 of a-z 0-9 _ -, first a letter, as in http', p_document ->> 'channel');
    ELSIF char_length(p_document ->> 'endpoint') NOT BETWEEN 1 AND 2000 OR p_document ->> 'endpoint' ~ '[\x01-\x20\x7f]' THEN
        PERFORM postroom.refuse('endpoint', '1 to 2000 characters without spaces and control characters', p_document ->> 'endpoint');
    ELSIF p_document ->> 'endpoint' ~ '^[^/?#]*://[^/?#]*@'
          OR p_document ->> 'endpoint' ~ '^[^/?#]*:[^/?#]*@' AND p_document ->> 'endpoint' !~* '^mailto:[^:]*$' THEN
        PERFORM postroom.refuse('endpoint', 'an address without a user and password', 'not shown',
            'Name where the password is found as secret, as in env:BILLING_SECRET');
    ELSIF jsonb_typeof(p_document -> 'attempts') <> 'number' OR p_document ->> 'attempts' !~ '^\d{1,4}$'
          OR (p_document ->> 'attempts')::int NOT BETWEEN 1 AND 1000 THEN
        PERFORM postroom.refuse('attempts', '1 to 1000', p_document ->> 'attempts');
    ELSIF jsonb_typeof(p_document -> 'enabled') <> 'boolean' THEN
        PERFORM postroom.refuse('enabled', 'true or false', p_document ->> 'enabled');
    ELSIF char_length(p_document ->> 'secret') > 500 OR p_document ->> 'secret' COLLATE "C"
          !~ '^(env:[A-Za-z_][A-Za-z0-9_]{0,126}|file:/[^\x01-\x1f\x7f]+|property:[A-Za-z0-9][A-Za-z0-9._-]{0,199})$' THEN
        PERFORM postroom.refuse('secret', 'a reference, as in env:NAME, file:/path or property:name', 'not shown',
            'Name where the secret is found; the secret itself is not stored');
    END IF;
    PERFORM postroom.require_texts('headers', coalesce(p_document -> 'headers', '{}'), 50, '^[A-Za-z0-9!#$%&''*+.^_`|~-]{1,100}$', 2000);
    PERFORM postroom.require_texts('templates', coalesce(p_document -> 'templates', '{}'), 50, '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$', 20000);
    PERFORM postroom.require_texts('properties', coalesce(p_document -> 'properties', '{}'), 100,
        '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$', 4000);
    SELECT e.key INTO bad
    FROM jsonb_each_text(coalesce(p_document -> 'headers', '{}')) e
    WHERE e.value ~ '[\x01-\x08\x0a-\x1f\x7f]'
    LIMIT 1;
    IF FOUND THEN
        PERFORM postroom.refuse('headers', 'values without line breaks and control characters', bad);
    END IF;
    SELECT h INTO bad
    FROM jsonb_object_keys(coalesce(p_document -> 'headers', '{}')) h
    WHERE lower(h) IN ('authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'api-key', 'x-api-key', 'x-auth-token')
    LIMIT 1;
    IF FOUND THEN
        PERFORM postroom.refuse('headers', 'headers that hold no secret', bad,
            'Name where the secret is found as secret, as in env:BILLING_SECRET');
    END IF;
    IF waits ~* ('^' || a_wait || '(,' || a_wait || ')*$') THEN
        IF NOT interval '400 days' >= ALL (string_to_array(waits, ',')::interval[]) THEN
            PERFORM postroom.refuse('retryAfter', 'waits of at most 400 days', waits);
        END IF;
    ELSIF waits ~* ('^' || a_wait || '\.\.' || a_wait || '$') THEN
        IF interval '0' >= split_part(waits, '..', 1)::interval
           OR split_part(waits, '..', 1)::interval > split_part(waits, '..', 2)::interval
           OR split_part(waits, '..', 2)::interval > interval '400 days' THEN
            PERFORM postroom.refuse('retryAfter', 'as in 1s..1h: 0 < first <= longest <= 400 days', waits);
        END IF;
    ELSIF waits IS NOT NULL THEN
        PERFORM postroom.refuse('retryAfter', '10s, or 10s, 1m, 5m, or 1s..1h, each at most 400 days', waits,
            'Units are ms, s, m, h and d');
    END IF;
    IF postroom.settings_instant('validUntil', p_document ->> 'validUntil')
       <= postroom.settings_instant('validFrom', p_document ->> 'validFrom') THEN
        PERFORM postroom.refuse('validUntil', 'later than validFrom', p_document ->> 'validUntil');
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_settings IS 'Internal: refuses an entry that breaks a limit, and never shows what could be a secret.';

CREATE OR REPLACE FUNCTION postroom.require_text(p_field text, p_text text)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF char_length(p_text) NOT BETWEEN 1 AND 200 THEN
        PERFORM postroom.refuse(p_field, '1 to 200 characters', p_text);
    ELSIF p_text ~ '[\x01-\x08\x0a-\x1f\x7f]' THEN
        PERFORM postroom.refuse(p_field, 'no control characters', p_text);
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_text IS 'Internal: refuses what is not 1 to 200 characters without control characters.';

CREATE OR REPLACE FUNCTION postroom.require_texts(p_field text, p_texts jsonb, p_most integer, p_name text, p_longest integer)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    bad record;
BEGIN
    IF jsonb_typeof(p_texts) <> 'object' THEN
        PERFORM postroom.refuse(p_field, 'a JSON object of texts', p_texts::text);
    END IF;
    SELECT e.key, e.value INTO bad
    FROM jsonb_each(p_texts) e
    WHERE e.key COLLATE "C" !~ p_name OR jsonb_typeof(e.value) <> 'string' OR char_length(e.value #>> '{}') > p_longest
    LIMIT 1;
    IF FOUND THEN
        PERFORM postroom.refuse(p_field,
            format('texts of at most %s characters under names as in %s', p_longest, p_name), bad.key || ': ' || bad.value);
    ELSIF (SELECT count(*) FROM jsonb_object_keys(p_texts)) > p_most THEN
        PERFORM postroom.refuse(p_field, format('at most %s texts', p_most), (SELECT count(*) FROM jsonb_object_keys(p_texts))::text);
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.require_texts IS 'Internal: refuses what is no JSON object of so many texts.';

CREATE OR REPLACE FUNCTION postroom.require_time_left(p_since timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    left_ms constant int := 80 - (1000 * extract(epoch FROM clock_timestamp() - p_since))::int;
BEGIN
    IF left_ms <= 0 THEN
        RAISE EXCEPTION 'others have waited for too long' USING ERRCODE = 'PR001';
    END IF;
    PERFORM set_config('lock_timeout', least(50, left_ms)::text, true);
END
$function$
;
COMMENT ON FUNCTION postroom.require_time_left IS 'Internal: gives up (PR001) when others have waited for too long, else leaves the rest of the time as the limit for the next lock.';

CREATE OR REPLACE FUNCTION postroom.reschedule(p_message uuid, p_due_at timestamp with time zone, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    done   int[] := '{}';
    found  int[];
BEGIN
    PERFORM postroom.require_reason_if_given(reschedule.reason, reschedule.actor);
    IF p_due_at IS NULL OR NOT isfinite(p_due_at) OR p_due_at > statement_timestamp() + interval '400 days' THEN
        RAISE EXCEPTION 'at must be a time at most 400 days ahead, got "%"', coalesce(p_due_at::text, 'null')
            USING ERRCODE = '22023', COLUMN = 'at';
    END IF;
    FOR look IN 1 .. 50 LOOP
        WITH taken AS (
            SELECT * FROM postroom.take_waiting(p_message, done)
        ), put_off AS (
            INSERT INTO postroom.delayed (due_at, queue_id, priority, failures, crashes, deliveries, message_id, reason)
            SELECT greatest(p_due_at, clock_timestamp()), t.queue_id, t.priority, t.failures, t.crashes, t.deliveries, p_message, 'delay'
            FROM taken t
        ), logged AS (
            INSERT INTO postroom.operator_action (actor, action, queue_id, message_id, planned, done, finished_at, note, reason)
            SELECT coalesce(reschedule.actor, session_user), 'reschedule', t.queue_id, p_message, 1, 1, clock_timestamp(),
                   'to ' || p_due_at, reschedule.reason
            FROM taken t
        )
        SELECT array_agg(t.queue_id) INTO found FROM taken t;
        done := done || found;
        EXIT WHEN NOT postroom.may_wait(p_message, done);
        PERFORM pg_sleep(0.002);
    END LOOP;
    RETURN cardinality(done);
END
$function$
;
COMMENT ON FUNCTION postroom.reschedule IS 'Gives a waiting message another due time; one in the past means now:
SELECT postroom.reschedule(''...'', now() + interval ''1 hour'').
Answers how many entries were moved; 0: it is in progress, dead, finished or unknown.';

CREATE OR REPLACE FUNCTION postroom.rescue(p_lease_time interval, p_limit integer, p_only bigint DEFAULT NULL::bigint)
 RETURNS TABLE(queue_id integer, priority smallint, lowest_seq bigint, messages integer, buried integer)
 LANGUAGE plpgsql
 ROWS 10
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_mergejoin TO 'off'
AS $function$
#variable_conflict use_column
BEGIN
    IF postroom.has_just_started(p_lease_time) THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM postroom.worker w WHERE w.stopped_at IS NULL AND w.beat_at > clock_timestamp()) THEN
        UPDATE postroom.worker w
        SET beat_at = clock_timestamp()
        WHERE w.id IN (SELECT x.id
                       FROM postroom.worker x
                       WHERE x.stopped_at IS NULL AND x.beat_at > clock_timestamp()
                       FOR NO KEY UPDATE SKIP LOCKED);
    END IF;
    RETURN QUERY
    WITH lost AS MATERIALIZED (
        SELECT l.id, l.claimed_at, l.worker_id, l.queue_id, l.priority, l.message_ids, l.open, l.failures, l.crashes, l.deliveries,
               l.started
        FROM postroom.lease l
        WHERE NOT EXISTS (
            SELECT FROM postroom.worker w
            WHERE w.id = l.worker_id
              AND w.stopped_at IS NULL
              AND w.beat_at > statement_timestamp() - p_lease_time)
          AND (p_only IS NULL OR l.id = p_only)
        ORDER BY l.id
        LIMIT p_limit
        FOR UPDATE OF l SKIP LOCKED
    ), held AS MATERIALIZED (
        SELECT l.id AS lease_id, l.claimed_at, l.worker_id, l.queue_id, l.priority, u.message_id,
               coalesce(u.failures, 0::smallint) AS failures,
               least(coalesce(u.crashes, 0::smallint) + s.started::int, 32767)::smallint AS crashes,
               least(coalesce(u.deliveries, 0::smallint) + 1, 32767)::smallint AS deliveries,
               s.started AS is_started,
               s.started AND coalesce(u.crashes, 0) + 1 >= coalesce(q.crash_limit, 3) AS is_spent
        FROM lost l
        CROSS JOIN LATERAL unnest(l.message_ids, l.failures, l.crashes, l.deliveries)
            WITH ORDINALITY u (message_id, failures, crashes, deliveries, place)
        CROSS JOIN LATERAL (SELECT l.started IS NULL OR u.place <= l.started AS started) s
        LEFT JOIN postroom.queue q ON q.id = l.queue_id
        WHERE substring(l.open FROM u.place::int FOR 1) = B'1'
          AND u.message_id IS NOT NULL
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, lease_id, queue_id, worker_id, number, outcome, error)
        SELECT h.message_id, h.claimed_at, clock_timestamp(), h.lease_id, h.queue_id, h.worker_id, h.deliveries, 8,
               'the worker holding it stopped sending heartbeats'
        FROM held h
        WHERE h.is_started
    ), back AS (
        INSERT INTO postroom.ready AS r (seq, queue_id, priority, failures, crashes, deliveries, message_id, group_key)
        SELECT nextval('postroom.ready_seq'), h.queue_id, h.priority, h.failures, h.crashes, h.deliveries, h.message_id,
               CASE WHEN h.queue_id = ANY (ARRAY(SELECT f.id FROM postroom.queue f WHERE f.fair))
                    THEN postroom.fair_key(h.message_id) ELSE '' END
        FROM held h
        WHERE NOT h.is_spent
        RETURNING r.queue_id, r.priority, r.seq
    ), dead AS (
        INSERT INTO postroom.dead_letter AS d
            (queue_id, priority, failures, crashes, deliveries, message_id, reason, error, fingerprint)
        SELECT h.queue_id, h.priority, h.failures, h.crashes, h.deliveries, h.message_id, 'crash_limit',
               'its worker died ' || h.crashes || ' times after it had started', 'crash_limit'
        FROM held h
        WHERE h.is_spent
        ON CONFLICT DO NOTHING
        RETURNING d.queue_id, d.priority
    ), dropped AS (
        DELETE FROM postroom.lease l USING lost WHERE l.id = lost.id
    )
    SELECT x.queue_id, x.priority, min(x.seq), count(x.seq)::int, count(*) FILTER (WHERE x.seq IS NULL)::int
    FROM (SELECT b.queue_id, b.priority, b.seq FROM back b
          UNION ALL SELECT d.queue_id, d.priority, NULL FROM dead d) x
    GROUP BY x.queue_id, x.priority;
END
$function$
;
COMMENT ON FUNCTION postroom.rescue IS 'Internal: called by a job. Puts messages of dead workers back.';

CREATE OR REPLACE FUNCTION postroom.resume_queue(queue text, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT postroom.set_paused(resume_queue.queue, false, resume_queue.reason, resume_queue.actor)
$function$
;
COMMENT ON FUNCTION postroom.resume_queue IS 'Ends the pause of a queue, in the transaction of the caller: SELECT postroom.resume_queue(''mail'').
true: it was paused; false: it was not; null: there is no such queue.';

CREATE OR REPLACE FUNCTION postroom.resume_schedule(name text, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    UPDATE postroom.schedule s
    SET paused = false, planned_at = NULL, after_at = clock_timestamp(),
        due_at = CASE WHEN NOT s.ended OR s.asked_at IS NOT NULL THEN clock_timestamp() END
    WHERE s.name = resume_schedule.name AND s.paused;
    IF FOUND THEN
        PERFORM postroom.log_schedule_action('resume', resume_schedule.name, resume_schedule.reason, resume_schedule.actor);
        RETURN true;
    END IF;
    RETURN (SELECT false FROM postroom.schedule s WHERE s.name = resume_schedule.name);
END
$function$
;
COMMENT ON FUNCTION postroom.resume_schedule IS 'Lets a paused schedule fire again, at its next time from now; what passed in the pause is left out. A time given by at is kept.
SELECT postroom.resume_schedule(''nightly-report''). true: it was paused; false: it was not; null: there is none.';

CREATE OR REPLACE FUNCTION postroom.revoke_access_token(name text, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    author  constant text := coalesce(revoke_access_token.actor, session_user);
BEGIN
    PERFORM postroom.require_reason_if_given(revoke_access_token.reason, revoke_access_token.actor);
    PERFORM postroom.lock_access_tokens(); -- see step 1
    UPDATE postroom.access_token t
    SET revoked_at = clock_timestamp(), revoked_by = author
    WHERE t.name = revoke_access_token.name AND t.revoked_at IS NULL;
    IF NOT FOUND THEN
        IF NOT EXISTS (SELECT FROM postroom.access_token t WHERE t.name = revoke_access_token.name) THEN
            PERFORM postroom.refuse('name', 'one that exists', revoke_access_token.name);
        END IF;
        RETURN false;
    END IF;
    INSERT INTO postroom.operator_action (actor, action, planned, done, finished_at, filter, reason)
    VALUES (author, 'revoke_token', 1, 1, clock_timestamp(), jsonb_build_object('token', revoke_access_token.name),
            revoke_access_token.reason);
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.revoke_access_token IS 'Ends a token: SELECT postroom.revoke_access_token(''ci'', ''it was in a log''). Servers refuse it, and end its sessions, within about a
second. false: it was revoked before. An unknown one is refused (22023).';

CREATE OR REPLACE FUNCTION postroom.routed(p_exchange text, p_key text, p_headers jsonb)
 RETURNS TABLE(exchange_id integer, targets postroom.queue[])
 LANGUAGE plpgsql
 STABLE ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    first_id int := 0;
BEGIN
    IF p_exchange <> '' THEN
        PERFORM postroom.require_name('exchange', p_exchange);
        SELECT e.id INTO first_id FROM postroom.exchange e WHERE e.name = p_exchange;
        IF NOT FOUND THEN
            PERFORM postroom.refuse_unknown('exchange', p_exchange);
        END IF;
    END IF;
    RETURN QUERY
        SELECT first_id, ARRAY(
            SELECT q
            FROM postroom.queue q
            WHERE q.deleted_at IS NULL
              AND CASE WHEN p_exchange = '' THEN q.name = p_key
                       ELSE q.id IN (SELECT b.queue_id FROM postroom.reached_bindings(first_id, p_key, p_headers) b) END
            ORDER BY q.name);
END
$function$
;
COMMENT ON FUNCTION postroom.routed IS 'Internal: the queues that a message reaches through an exchange, in the order of their names. Always one row.';

CREATE OR REPLACE FUNCTION postroom.route(exchange text, routing_key text DEFAULT ''::text, headers jsonb DEFAULT '{}'::jsonb)
 RETURNS TABLE(queue text, bindings text[])
 LANGUAGE plpgsql
 STABLE ROWS 10
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    first_id int;
BEGIN
    PERFORM postroom.require_routing_key(route.routing_key);
    PERFORM postroom.require_headers(coalesce(route.headers, '{}'));
    IF route.exchange = '' THEN
        RETURN QUERY SELECT q.name, '{}'::text[] FROM postroom.queue q WHERE q.name = route.routing_key AND q.deleted_at IS NULL;
        RETURN;
    END IF;
    PERFORM postroom.require_name('exchange', route.exchange);
    SELECT e.id INTO first_id FROM postroom.exchange e WHERE e.name = route.exchange;
    IF NOT FOUND THEN
        PERFORM postroom.refuse_unknown('exchange', route.exchange);
    END IF;
    RETURN QUERY
        SELECT q.name,
               array_agg(e.name || CASE WHEN e.kind IN ('direct', 'topic') THEN ' [' || b.routing_key || ']'
                                        WHEN e.kind = 'headers' THEN ' ' || b.arguments::text
                                        ELSE '' END
                         ORDER BY e.name, b.routing_key, b.arguments)
        FROM postroom.reached_bindings(first_id, route.routing_key, coalesce(route.headers, '{}')) b
        JOIN postroom.exchange e ON e.id = b.exchange_id
        JOIN postroom.queue q ON q.id = b.queue_id
        WHERE q.deleted_at IS NULL
        GROUP BY q.name
        ORDER BY q.name;
END
$function$
;
COMMENT ON FUNCTION postroom.route IS 'Which queues a message would reach, and by which bindings; writes nothing:
SELECT * FROM postroom.route(''orders'', ''order.42.paid'').
One row per queue. bindings are the last ones on the ways there, each as exchange and key, pattern or arguments.
The exchange '''' reaches the queue that the key names.';

CREATE OR REPLACE FUNCTION postroom.run_schedule(name text, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    UPDATE postroom.schedule s
    SET asked_at = clock_timestamp(), due_at = clock_timestamp()
    WHERE s.name = run_schedule.name;
    IF FOUND THEN
        PERFORM postroom.log_schedule_action('run', run_schedule.name, run_schedule.reason, run_schedule.actor);
        RETURN true;
    END IF;
    RETURN NULL;
END
$function$
;
COMMENT ON FUNCTION postroom.run_schedule IS 'Runs a schedule once now, beside its planned times, also a paused one: SELECT postroom.run_schedule(''nightly-report'').
A worker creates the message within two seconds. true: asked for; null: there is none.';

CREATE OR REPLACE FUNCTION postroom.running_groups(p_queue integer)
 RETURNS jsonb
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET jit TO 'off'
AS $function$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_object_agg(g.key, g.messages), '{}')
        FROM (
            SELECT coalesce(l.group_keys[p.place], postroom.fair_key(l.message_ids[p.place])) AS key, count(*) AS messages
            FROM postroom.lease l
            CROSS JOIN LATERAL generate_series(1, cardinality(l.message_ids)) p (place)
            WHERE l.queue_id = p_queue
              AND substring(l.open FROM p.place FOR 1) = B'1'
            GROUP BY 1
        ) g);
END
$function$
;
COMMENT ON FUNCTION postroom.running_groups IS 'Internal: how many messages of each group of a queue are in progress.';

CREATE OR REPLACE FUNCTION postroom.same_waits(p_waits text, p_others text)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT CASE
        WHEN p_waits !~ '\d' OR p_others !~ '\d' OR (strpos(p_waits, '..') > 0) <> (strpos(p_others, '..') > 0) THEN p_waits = p_others
        ELSE regexp_split_to_array(p_waits, ',|\.\.')::interval[] = regexp_split_to_array(p_others, ',|\.\.')::interval[]
    END
$function$
;
COMMENT ON FUNCTION postroom.same_waits IS 'Internal: whether two texts of queue.retry_after mean the same waits.';

CREATE OR REPLACE FUNCTION postroom.sample_watermark(p_by_locks boolean)
 RETURNS TABLE(seq bigint, xid text, writers text[], server_started_at timestamp with time zone)
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    seq := coalesce(pg_sequence_last_value('postroom.ready_seq'), 0); -- needs USAGE alone, as enqueuing does
    IF p_by_locks THEN
        SELECT coalesce(array_agg(l.virtualtransaction), '{}') INTO writers
        FROM pg_locks l
        WHERE l.relation = 'postroom.ready'::regclass
          AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
          AND l.mode = 'RowExclusiveLock';
    ELSE
        xid := pg_current_xact_id()::text;
    END IF;
    server_started_at := pg_postmaster_start_time();
    RETURN NEXT;
END
$function$
;
COMMENT ON FUNCTION postroom.sample_watermark IS 'Internal: called by workers. A sample for the low watermark: the seq up to which nothing can appear any more once the sample is
settled.';

CREATE OR REPLACE FUNCTION postroom.seal_batch(batch uuid)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    UPDATE postroom.batch b SET sealed_at = clock_timestamp() WHERE b.id = seal_batch.batch AND b.sealed_at IS NULL;
    IF FOUND THEN
        RETURN true;
    ELSIF NOT EXISTS (SELECT FROM postroom.batch b WHERE b.id = seal_batch.batch) THEN
        PERFORM postroom.refuse('batch', 'the id of a batch', seal_batch.batch::text);
    END IF;
    RETURN false;
END
$function$
;
COMMENT ON FUNCTION postroom.seal_batch IS 'Says that a batch gets no more members, in the transaction of the caller: SELECT postroom.seal_batch(''...'').
It is completed once all its members and children have ended; without any, at once. Answers whether that was a change. An unknown batch
is refused (22023).';

CREATE OR REPLACE FUNCTION postroom.seal_ledger(p_limit integer)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
DECLARE
    line    postroom.operator_action;
    last    bigint;
    before  bytea;
    sealed  int := 0;
BEGIN
    PERFORM postroom.require_read_committed();
    IF NOT EXISTS (SELECT FROM postroom.operator_action o WHERE o.number IS NULL) THEN
        RETURN 0;
    ELSIF NOT pg_try_advisory_xact_lock(1349481332, 0) THEN -- ordered queues lock the same number with their id, which is positive
        RETURN 0;
    END IF;
    SELECT o.number, o.hash INTO last, before
    FROM postroom.operator_action o
    WHERE o.number IS NOT NULL
    ORDER BY o.number DESC
    LIMIT 1;
    FOR line IN
        SELECT o.* FROM postroom.operator_action o WHERE o.number IS NULL ORDER BY o.at, o.id LIMIT p_limit
    LOOP
        sealed := sealed + 1;
        line.number := coalesce(last, 0) + sealed;
        line.sealed_at := clock_timestamp();
        before := postroom.ledger_hash(line, before);
        UPDATE postroom.operator_action o
        SET number = line.number, sealed_at = line.sealed_at, hash = before
        WHERE o.id = line.id;
    END LOOP;
    RETURN sealed;
END
$function$
;
COMMENT ON FUNCTION postroom.seal_ledger IS 'Internal: called by a job. Chains lines of the ledger that are not sealed yet, the oldest first; answers how many.';

CREATE OR REPLACE FUNCTION postroom.set_destination(queue text, destination text, set_by text DEFAULT 'operator'::text, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    target  int := postroom.limited_queue(set_destination.queue, NULL);
    before  postroom.queue;
BEGIN
    PERFORM postroom.require_reason_if_given(set_destination.reason, set_destination.actor);
    IF set_destination.set_by IS NULL OR set_destination.set_by NOT IN ('operator', 'declaration') THEN
        PERFORM postroom.refuse('set_by', 'operator or declaration', set_destination.set_by);
    END IF;
    IF set_destination.destination IS NOT NULL THEN
        PERFORM postroom.require_name('destination', set_destination.destination);
    END IF;
    FOR look IN 1..2 LOOP
        IF look = 1 THEN
            SELECT * INTO before FROM postroom.queue q WHERE q.id = target;
        ELSE
            PERFORM FROM postroom.limiter l WHERE l.destination = set_destination.destination FOR UPDATE;
            SELECT * INTO before FROM postroom.queue q WHERE q.id = target FOR NO KEY UPDATE;
        END IF;
        IF before.destination IS NOT DISTINCT FROM set_destination.destination
               AND (before.destination_by = 'operator' OR set_destination.set_by = 'declaration')
           OR set_destination.set_by = 'declaration' AND 'operator' IN (before.destination_by, before.settings_by) THEN
            RETURN false;
        END IF;
    END LOOP;
    IF before.destination IS DISTINCT FROM set_destination.destination THEN
        UPDATE postroom.limiter l
        SET armed = false, waits_for = NULL, waits_until = NULL
        WHERE l.destination = set_destination.destination;
    END IF;
    PERFORM set_config('postroom.change', jsonb_build_object('actor', set_destination.actor, 'reason', set_destination.reason,
        'set_by', set_destination.set_by)::text, true); -- for the line that record_queue_settings writes
    UPDATE postroom.queue q
    SET destination = set_destination.destination, destination_by = set_destination.set_by,
        has_limiter = set_destination.destination IS NOT NULL OR EXISTS (SELECT FROM postroom.limiter l WHERE l.queue_id = target)
    WHERE q.id = target;
    PERFORM set_config('postroom.change', '', true);
    RETURN before.destination IS DISTINCT FROM set_destination.destination;
END
$function$
;
COMMENT ON FUNCTION postroom.set_destination IS 'Names the external system of a queue, null for none: SELECT postroom.set_destination(''payments'', ''bank'').
A limiter of that destination, and a handler that says notNow about it, then hold for all queues that name it.
Answers whether that was a change. set_by => ''declaration'' leaves what an operator has set. reason and actor go on record.';

CREATE OR REPLACE FUNCTION postroom.set_fair(queue text, fair boolean, set_by text DEFAULT 'operator'::text, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    target postroom.queue;
BEGIN
    PERFORM postroom.require_read_committed();
    PERFORM postroom.require_reason_if_given(set_fair.reason, set_fair.actor);
    IF set_fair.set_by IS NULL OR set_fair.set_by NOT IN ('operator', 'declaration') THEN
        PERFORM postroom.refuse('set_by', 'operator or declaration', set_fair.set_by);
    END IF;
    IF set_fair.fair IS NULL THEN
        PERFORM postroom.refuse('fair', 'true or false', NULL);
    END IF;
    SELECT * INTO target FROM postroom.queue q WHERE q.name = set_fair.queue FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM postroom.refuse('queue', 'the name of a queue', set_fair.queue);
    ELSIF target.fair = set_fair.fair
          OR set_fair.set_by = 'declaration' AND target.settings_by = 'operator' AND target.deleted_at IS NULL THEN
        RETURN false;
    ELSIF target.ordered AND set_fair.fair THEN
        PERFORM postroom.refuse('fair', format('false while queue "%s" is ordered', target.name), 'true',
            'A queue is fair or ordered, never both');
    ELSIF NOT set_fair.fair THEN
        PERFORM postroom.require_no_group_limit(target.id);
    END IF;
    PERFORM set_config('postroom.change', jsonb_build_object('actor', set_fair.actor, 'reason', set_fair.reason,
        'set_by', set_fair.set_by)::text, true); -- for the line that record_queue_settings writes
    UPDATE postroom.queue q SET fair = set_fair.fair WHERE q.id = target.id;
    PERFORM set_config('postroom.change', '', true);
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.set_fair IS 'Lets the groups of a queue take turns, or not any more: SELECT postroom.set_fair(''imports'', true).
In a fair queue a group with a million waiting messages delays another group by one turn in each process. Messages without a group are a
group, too. It can be changed at any time. What waits already is a group of its own then. Refused (22023) for an ordered queue.
reason and actor go on record.';

CREATE OR REPLACE FUNCTION postroom.set_group_weight(queue text, group_key text, weight integer, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text, set_by text DEFAULT 'operator'::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    target   postroom.queue;
    changed  jsonb;
BEGIN
    PERFORM postroom.require_read_committed();
    PERFORM postroom.require_reason_if_given(set_group_weight.reason, set_group_weight.actor);
    IF set_group_weight.set_by IS NULL OR set_group_weight.set_by NOT IN ('operator', 'declaration') THEN
        PERFORM postroom.refuse('set_by', 'operator or declaration', set_group_weight.set_by);
    END IF;
    IF set_group_weight.group_key IS NULL THEN
        PERFORM postroom.refuse('group', '1 to 200 characters', NULL);
    END IF;
    PERFORM postroom.require_text('group', set_group_weight.group_key);
    IF coalesce(set_group_weight.weight, 0) NOT BETWEEN 1 AND 100 THEN
        PERFORM postroom.refuse('weight', '1 to 100', set_group_weight.weight::text);
    END IF;
    SELECT * INTO target FROM postroom.queue q WHERE q.name = set_group_weight.queue FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM postroom.refuse('queue', 'the name of a queue', set_group_weight.queue);
    ELSIF NOT target.fair OR target.deleted_at IS NOT NULL THEN
        PERFORM postroom.refuse('queue', 'the name of a fair queue that is not deleted', set_group_weight.queue,
            'SELECT postroom.set_fair(...) makes it fair');
    END IF;
    IF set_group_weight.set_by = 'declaration' AND 'operator' IN (target.weights_by, target.settings_by) THEN
        RETURN false;
    END IF;
    changed := CASE WHEN set_group_weight.weight = 1 THEN coalesce(target.group_weights, '{}') - set_group_weight.group_key
                    ELSE coalesce(target.group_weights, '{}')
                         || jsonb_build_object(set_group_weight.group_key, set_group_weight.weight) END;
    IF (SELECT count(*) FROM jsonb_object_keys(changed)) > 1000 THEN
        PERFORM postroom.refuse('group', 'one of at most 1000 groups with another weight than 1', set_group_weight.group_key);
    ELSIF nullif(changed, '{}') IS NOT DISTINCT FROM target.group_weights
          AND (target.weights_by = 'operator' OR set_group_weight.set_by = 'declaration') THEN
        RETURN false;
    END IF;
    PERFORM set_config('postroom.change', jsonb_build_object('actor', set_group_weight.actor, 'reason', set_group_weight.reason,
        'set_by', set_group_weight.set_by)::text, true); -- for the line that record_queue_settings writes
    UPDATE postroom.queue q
    SET group_weights = nullif(changed, '{}'), weights_by = set_group_weight.set_by
    WHERE q.id = target.id;
    PERFORM set_config('postroom.change', '', true);
    RETURN nullif(changed, '{}') IS DISTINCT FROM target.group_weights;
END
$function$
;
COMMENT ON FUNCTION postroom.set_group_weight IS 'How many messages of a group of a fair queue go in one turn, 1 to 100: SELECT postroom.set_group_weight(''imports'', ''acme'', 3).
1 is that of all groups that have no other. Answers whether that was a change. At most 1000 groups of a queue have another weight than 1.
A queue that is not fair, or is deleted, is refused (22023). The view group_weights shows weights. They stay when the queue is no longer
fair, and when it is deleted and declared again. set_by => ''declaration'' leaves the weights of a queue where an operator has set one.
reason and actor go on record.';

CREATE OR REPLACE FUNCTION postroom.set_limiter(queue text DEFAULT NULL::text, destination text DEFAULT NULL::text, max_starts integer DEFAULT NULL::integer, period interval DEFAULT NULL::interval, window_kind text DEFAULT 'sliding'::text, max_in_progress integer DEFAULT NULL::integer, max_starts_per_group integer DEFAULT NULL::integer, period_per_group interval DEFAULT NULL::interval, max_in_progress_per_group integer DEFAULT NULL::integer, set_by text DEFAULT 'operator'::text, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    target    int := postroom.limited_queue(set_limiter.queue, set_limiter.destination);
    length    constant interval := make_interval(secs => extract(epoch FROM set_limiter.period)::double precision);
    group_length  constant interval := make_interval(secs => extract(epoch FROM set_limiter.period_per_group)::double precision);
    is_of_groups  constant boolean := num_nonnulls(set_limiter.max_starts_per_group, set_limiter.max_in_progress_per_group) > 0;
    existing  postroom.limiter;
    is_same   boolean;
BEGIN
    PERFORM postroom.require_reason_if_given(set_limiter.reason, set_limiter.actor);
    IF set_limiter.set_by IS NULL OR set_limiter.set_by NOT IN ('operator', 'declaration') THEN
        PERFORM postroom.refuse('set_by', 'operator or declaration', set_limiter.set_by);
    END IF;
    IF set_limiter.max_starts IS NULL AND set_limiter.max_in_progress IS NULL AND NOT is_of_groups THEN
        PERFORM postroom.refuse('maxStarts', '1 to 1000000000, where the other limits are left out', NULL,
            'SELECT postroom.remove_limiter(...) removes one');
    ELSIF set_limiter.max_starts NOT BETWEEN 1 AND 1000000000 THEN
        PERFORM postroom.refuse('maxStarts', '1 to 1000000000', set_limiter.max_starts::text, 'To stop a queue, pause it');
    ELSIF set_limiter.max_in_progress NOT BETWEEN 1 AND 1000000000 THEN
        PERFORM postroom.refuse('maxInProgress', '1 to 1000000000', set_limiter.max_in_progress::text, 'To stop a queue, pause it');
    ELSIF (set_limiter.max_starts IS NULL) <> (set_limiter.period IS NULL) THEN
        PERFORM postroom.refuse('period', 'given with maxStarts, and left out without', set_limiter.period::text);
    ELSIF length NOT BETWEEN interval '100 milliseconds' AND interval '400 days' THEN
        PERFORM postroom.refuse('period', 'PT0.1S to 400 days', set_limiter.period::text);
    ELSIF set_limiter.max_starts_per_group NOT BETWEEN 1 AND 1000000000 THEN
        PERFORM postroom.refuse('maxStartsPerGroup', '1 to 1000000000', set_limiter.max_starts_per_group::text);
    ELSIF set_limiter.max_in_progress_per_group NOT BETWEEN 1 AND 1000000000 THEN
        PERFORM postroom.refuse('maxInProgressPerGroup', '1 to 1000000000', set_limiter.max_in_progress_per_group::text);
    ELSIF (set_limiter.max_starts_per_group IS NULL) <> (set_limiter.period_per_group IS NULL) THEN
        PERFORM postroom.refuse('periodPerGroup', 'given with maxStartsPerGroup, and left out without', set_limiter.period_per_group::text);
    ELSIF group_length NOT BETWEEN interval '100 milliseconds' AND interval '400 days' THEN
        PERFORM postroom.refuse('periodPerGroup', 'PT0.1S to 400 days', set_limiter.period_per_group::text);
    ELSIF is_of_groups AND target IS NULL THEN
        PERFORM postroom.refuse('maxStartsPerGroup', 'left out for a destination, and maxInProgressPerGroup too',
            set_limiter.destination, 'Limit the groups of each queue');
    ELSIF coalesce(set_limiter.window_kind, '') NOT IN ('fixed', 'sliding') THEN
        PERFORM postroom.refuse('window', 'fixed or sliding', set_limiter.window_kind);
    END IF;
    LOOP
        SELECT l.* INTO existing
        FROM postroom.limiter l
        WHERE l.queue_id = target OR l.destination = set_limiter.destination
        FOR UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO postroom.limiter (queue_id, destination, max_starts, period, window_kind, max_in_progress, max_starts_per_group,
                                      period_per_group, max_in_progress_per_group, set_by)
        VALUES (target, set_limiter.destination, set_limiter.max_starts, length, set_limiter.window_kind, set_limiter.max_in_progress,
                set_limiter.max_starts_per_group, group_length, set_limiter.max_in_progress_per_group, set_limiter.set_by)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            UPDATE postroom.queue q SET has_limiter = true WHERE q.id = target;
            EXIT;
        END IF;
    END LOOP;
    IF is_of_groups THEN -- behind the lock of the limiter: see step 7 of group_limit.sql
        PERFORM FROM postroom.queue q WHERE q.id = target AND q.fair FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            PERFORM postroom.refuse('queue', 'the name of a fair queue, where groups are limited', set_limiter.queue,
                'SELECT postroom.set_fair(...) makes it fair');
        END IF;
    END IF;
    IF existing.id IS NOT NULL THEN
        is_same := (existing.max_starts, existing.period, existing.window_kind, existing.max_in_progress, existing.max_starts_per_group,
                    existing.period_per_group, existing.max_in_progress_per_group) IS NOT DISTINCT FROM
                   (set_limiter.max_starts, length, set_limiter.window_kind, set_limiter.max_in_progress, set_limiter.max_starts_per_group,
                    group_length, set_limiter.max_in_progress_per_group);
        IF existing.set_by = 'operator' AND set_limiter.set_by = 'declaration' OR is_same AND existing.set_by = set_limiter.set_by THEN
            RETURN false;
        END IF;
        IF (existing.period, existing.window_kind) IS DISTINCT FROM (length, set_limiter.window_kind) THEN
            SELECT c.until, c.booked INTO existing.booked_until, existing.booked
            FROM postroom.carry_starts(existing.period, existing.window_kind, length, set_limiter.window_kind,
                                       existing.booked_until, existing.booked) c;
        END IF;
        PERFORM postroom.regroup_starts(existing, set_limiter.max_starts_per_group, group_length, set_limiter.window_kind);
        UPDATE postroom.limiter l
        SET max_starts = set_limiter.max_starts, period = length, window_kind = set_limiter.window_kind,
            max_in_progress = set_limiter.max_in_progress, max_starts_per_group = set_limiter.max_starts_per_group,
            period_per_group = group_length, max_in_progress_per_group = set_limiter.max_in_progress_per_group,
            set_by = set_limiter.set_by, set_at = clock_timestamp(),
            booked_until = existing.booked_until, booked = existing.booked
        WHERE l.id = existing.id;
    END IF;
    INSERT INTO postroom.operator_action (actor, action, queue_id, finished_at, reason, note)
    VALUES (coalesce(set_limiter.actor, session_user), 'declare', target, clock_timestamp(), set_limiter.reason,
           concat_ws(', ', 'limiter', 'destination ' || set_limiter.destination, set_limiter.max_starts || ' starts in ' || length,
                     set_limiter.window_kind, set_limiter.max_in_progress || ' in progress',
                     set_limiter.max_starts_per_group || ' starts of each group in ' || group_length,
                     set_limiter.max_in_progress_per_group || ' in progress of each group',
                     CASE WHEN set_limiter.set_by = 'declaration' THEN 'declared' END));
    RETURN NOT coalesce(is_same, false);
END
$function$
;
COMMENT ON FUNCTION postroom.set_limiter IS 'Limits a queue, or a destination that queues name: SELECT postroom.set_limiter(''mail'', max_starts => 10, period => ''1 second'').
At most max_starts messages start in a period (100 ms to 400 days), and at most max_in_progress are in progress, over all processes.
max_starts_per_group, period_per_group and max_in_progress_per_group limit each group of a fair queue by itself.
window_kind: sliding, in any span of a period; fixed, from one multiple of the period since 1970 (UTC) to the next.
Sets the limiter as a whole. Answers whether that was a change. remove_limiter removes it. reason and actor go on record.';

CREATE OR REPLACE FUNCTION postroom.set_ordered(queue text, ordered boolean, set_by text DEFAULT 'operator'::text, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    target postroom.queue;
BEGIN
    PERFORM postroom.require_read_committed();
    PERFORM postroom.require_reason_if_given(set_ordered.reason, set_ordered.actor);
    IF set_ordered.set_by IS NULL OR set_ordered.set_by NOT IN ('operator', 'declaration') THEN
        PERFORM postroom.refuse('set_by', 'operator or declaration', set_ordered.set_by);
    END IF;
    IF set_ordered.ordered IS NULL THEN
        PERFORM postroom.refuse('ordered', 'true or false', NULL);
    END IF;
    FOR look IN 1..2 LOOP
        IF look = 1 THEN
            SELECT * INTO target FROM postroom.queue q WHERE q.name = set_ordered.queue;
        ELSE
            PERFORM postroom.refuse_unless_empty(target, target.ordered);
            SELECT * INTO target FROM postroom.queue q WHERE q.name = set_ordered.queue FOR NO KEY UPDATE;
        END IF;
        IF NOT FOUND THEN
            PERFORM postroom.refuse('queue', 'the name of a queue', set_ordered.queue);
        END IF;
        IF target.ordered = set_ordered.ordered
           OR set_ordered.set_by = 'declaration' AND target.settings_by = 'operator' AND target.deleted_at IS NULL THEN
            RETURN false;
        END IF;
    END LOOP;
    IF target.fair AND set_ordered.ordered THEN
        PERFORM postroom.refuse('ordered', format('false while queue "%s" is fair', target.name), 'true',
            'SELECT postroom.set_fair(...) changes that');
    END IF;
    PERFORM set_config('postroom.change', jsonb_build_object('actor', set_ordered.actor, 'reason', set_ordered.reason,
        'set_by', set_ordered.set_by)::text, true); -- for the line that record_queue_settings writes
    UPDATE postroom.queue q SET ordered = set_ordered.ordered WHERE q.id = target.id;
    PERFORM set_config('postroom.change', '', true);
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.set_ordered IS 'Makes an empty queue ordered, or an ordered one usual: SELECT postroom.set_ordered(''orders'', true).
In an ordered queue at most one message of each group is in progress, in the order in which they were sent.
Answers whether that was a change. Refused (22023) while the queue holds messages. The COMMIT checks that again, and fails with 55P03 while
other transactions that use queues are open. reason and actor go on record.';

CREATE OR REPLACE FUNCTION postroom.set_paused(p_queue text, p_paused boolean, p_reason text, p_actor text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    changed int;
BEGIN
    PERFORM postroom.require_name('queue', p_queue);
    PERFORM postroom.require_reason_if_given(p_reason, p_actor);
    UPDATE postroom.queue q
    SET paused_at = CASE WHEN p_paused THEN clock_timestamp() END
    WHERE q.name = p_queue
      AND q.deleted_at IS NULL
      AND (q.paused_at IS NULL) = p_paused
    RETURNING q.id INTO changed;
    IF NOT FOUND THEN
        RETURN (SELECT false FROM postroom.queue q WHERE q.name = p_queue AND q.deleted_at IS NULL);
    END IF;
    INSERT INTO postroom.operator_action (actor, action, queue_id, finished_at, reason)
    VALUES (coalesce(p_actor, session_user), CASE WHEN p_paused THEN 'pause' ELSE 'resume' END, changed, clock_timestamp(), p_reason);
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.set_paused IS 'Internal: pauses or resumes a queue. A repeat changes nothing and leaves no line.';

CREATE OR REPLACE FUNCTION postroom.set_settings(settings text, change jsonb, expected_version bigint DEFAULT NULL::bigint, actor text DEFAULT NULL::text, replace boolean DEFAULT false, reason text DEFAULT NULL::text)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    existing  postroom.settings;
    after     postroom.settings;
    document  jsonb;
    written   bigint;
BEGIN
    PERFORM postroom.require_name('settings', set_settings.settings);
    PERFORM postroom.require_reason_if_given(set_settings.reason, set_settings.actor);
    IF set_settings.change IS NULL OR jsonb_typeof(set_settings.change) <> 'object' THEN
        PERFORM postroom.refuse('change', 'a JSON object', 'another value');
    END IF;
    LOOP
        SELECT * INTO existing FROM postroom.settings s WHERE s.name = set_settings.settings FOR UPDATE;
        PERFORM postroom.require_settings_version(set_settings.settings, existing, set_settings.expected_version);
        -- A member that is null is taken away, and its default comes back. jsonb_strip_nulls would look into members, too.
        SELECT coalesce(jsonb_object_agg(m.key, m.value), '{}') INTO document
        FROM jsonb_each(CASE WHEN existing.name IS NULL OR set_settings.replace THEN '{}' ELSE postroom.settings_document(existing) END
                        || set_settings.change) m
        WHERE jsonb_typeof(m.value) <> 'null';
        after := postroom.settings_row(set_settings.settings, document);
        IF existing.settings_by = 'operator' AND postroom.settings_document(existing) = postroom.settings_document(after) THEN
            RETURN existing.version;
        END IF;
        written := postroom.write_settings(set_settings.settings, existing, after, 'operator', set_settings.actor);
        IF written IS NOT NULL THEN
            INSERT INTO postroom.operator_action (actor, action, finished_at, reason, note)
            VALUES (coalesce(set_settings.actor, session_user), 'declare', clock_timestamp(), set_settings.reason,
                    format('settings %s, version %s', set_settings.settings, written));
            RETURN written;
        END IF;
    END LOOP;
END
$function$
;
COMMENT ON FUNCTION postroom.set_settings IS 'Makes or changes the entry of an external system, and returns its version:
SELECT postroom.set_settings(''billing'', ''{"channel": "http", "endpoint": "https://billing.example.com", "secret": "env:KEY"}'').
Members that are not named stay; null takes one away. replace: all that is not named is taken away.
channel, endpoint, attempts, retryAfter, headers, templates, properties, secret (a reference), validFrom, validUntil, enabled.
expected_version refuses (PR409) what another one has changed meanwhile; 0: it must be new. reason and actor go on record.
Each process follows within its poll interval; a repeat changes nothing.';

CREATE OR REPLACE FUNCTION postroom.settings_document(s postroom.settings)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'channel', s.channel,
        'endpoint', s.endpoint,
        'attempts', s.max_attempts,
        'retryAfter', s.retry_after,
        'headers', s.headers,
        'templates', s.templates,
        'properties', s.properties,
        'secret', s.secret,
        'validFrom', to_char(s.valid_from AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'validUntil', to_char(s.valid_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'enabled', s.enabled))
$function$
;
COMMENT ON FUNCTION postroom.settings_document IS 'Internal: an entry as one JSON object, as its history keeps it. A member without a value is left out.';

CREATE OR REPLACE FUNCTION postroom.settings_instant(p_field text, p_text text)
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    instant timestamptz;
BEGIN
    IF p_text ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$' THEN
        instant := p_text::timestamptz; -- with a zone of its own, so that no setting of the session counts
        IF instant NOT BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00' THEN -- no four digits in UTC
            PERFORM postroom.refuse(p_field, 'between the years 1 and 9999 in UTC', p_text);
        END IF;
        RETURN instant;
    ELSIF p_text IS NOT NULL THEN
        PERFORM postroom.refuse(p_field, 'an instant with a zone, as in 2027-01-31T12:00:00Z', p_text);
    END IF;
    RETURN NULL;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
    PERFORM postroom.refuse(p_field, 'an instant with a zone, as in 2027-01-31T12:00:00Z', p_text);
END
$function$
;
COMMENT ON FUNCTION postroom.settings_instant IS 'Internal: reads an instant of an entry; refuses what is none.';

CREATE OR REPLACE FUNCTION postroom.settings_obstacle(p_name text)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT CASE
        WHEN s.name IS NULL THEN 'there is no such entry'
        WHEN NOT s.enabled THEN format('it is disabled, by %s at %s', s.changed_by, to_char(s.changed_at AT TIME ZONE 'UTC', x.at_utc))
        WHEN s.valid_from > statement_timestamp() THEN 'it is valid from ' || to_char(s.valid_from AT TIME ZONE 'UTC', x.at_utc) || ' on'
        WHEN s.valid_until <= statement_timestamp() THEN 'it was valid until ' || to_char(s.valid_until AT TIME ZONE 'UTC', x.at_utc)
    END
    FROM (SELECT 'YYYY-MM-DD HH24:MI:SS "UTC"') x (at_utc)
    LEFT JOIN postroom.settings s ON s.name = p_name
$function$
;
COMMENT ON FUNCTION postroom.settings_obstacle IS 'Internal: why the entry of an external system cannot be used now; null: it can.';

CREATE OR REPLACE FUNCTION postroom.settings_row(p_name text, p_document jsonb)
 RETURNS postroom.settings
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    made postroom.settings;
BEGIN
    PERFORM postroom.require_settings(p_document);
    made.name := p_name;
    made.channel := p_document ->> 'channel';
    made.endpoint := p_document ->> 'endpoint';
    made.max_attempts := (p_document ->> 'attempts')::int;
    made.retry_after := p_document ->> 'retryAfter';
    made.headers := coalesce(p_document -> 'headers', '{}');
    made.templates := coalesce(p_document -> 'templates', '{}');
    made.properties := coalesce(p_document -> 'properties', '{}');
    made.secret := p_document ->> 'secret';
    made.valid_from := postroom.settings_instant('validFrom', p_document ->> 'validFrom');
    made.valid_until := postroom.settings_instant('validUntil', p_document ->> 'validUntil');
    made.enabled := coalesce((p_document ->> 'enabled')::boolean, true);
    RETURN made;
END
$function$
;
COMMENT ON FUNCTION postroom.settings_row IS 'Internal: reads an entry from its JSON object; refuses one that breaks a limit.';

CREATE OR REPLACE FUNCTION postroom.settle_batch(p_batch uuid)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    progress     postroom.batch_progress;
    batch        postroom.batch;
    since        timestamptz;
    with_purged  boolean;
    chosen       record;
    done_parts   int;
    counted      record;
    letters      record;
    again        boolean;
BEGIN
    PERFORM postroom.require_read_committed();
    SELECT * INTO progress FROM postroom.batch_progress g WHERE g.batch_id = p_batch FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    SELECT * INTO batch FROM postroom.batch b WHERE b.id = p_batch;
    IF batch.created_at > clock_timestamp() THEN -- the clock was set back: members end before their batch was created
        UPDATE postroom.batch b
        SET created_at = clock_timestamp()
        WHERE b.id IN (SELECT c.id FROM postroom.batch c WHERE c.id = p_batch FOR NO KEY UPDATE SKIP LOCKED);
        batch.created_at := clock_timestamp();
    END IF;
    since := batch.created_at - interval '1 hour'; -- spares the days before; the hour is for clocks of two servers
    with_purged := progress.purge_at NOT BETWEEN clock_timestamp() AND clock_timestamp() + interval '10 seconds'; -- or set back

    SELECT * INTO chosen
    FROM postroom.parts_to_count(p_batch, progress.next_part, CASE WHEN batch.cancelled_at IS NULL THEN 1000 ELSE 10000 END, since,
                                 with_purged);
    done_parts := postroom.count_done_parts(p_batch, chosen.parts, since);
    SELECT * INTO counted
    FROM postroom.count_parts(p_batch, chosen.parts, since,
        CASE WHEN with_purged THEN postroom.purged_members(p_batch, chosen.parts) ELSE '{}' END, batch.cancelled_at IS NOT NULL);
    counted.done := counted.done + done_parts;
    counted.ended := counted.ended + done_parts;
    counted.looked := counted.looked + done_parts;
    again := counted.ended > 0 AND counted.ended * 4 >= counted.looked AND counted.looked > 1000;
    IF batch.cancelled_at IS NOT NULL THEN
        again := postroom.cancel_members(counted.waiting) > 0 OR again;
        UPDATE postroom.batch b
        SET cancelled_at = clock_timestamp(), sealed_at = coalesce(b.sealed_at, clock_timestamp())
        WHERE b.id = ANY (ARRAY(SELECT c.id
                                FROM postroom.batch c
                                WHERE c.parent_id = p_batch AND c.cancelled_at IS NULL AND c.completed_at IS NULL
                                FOR NO KEY UPDATE SKIP LOCKED));
    END IF;
    UPDATE postroom.batch_progress g
    SET done = g.done + counted.done, expired = g.expired + counted.expired, cancelled = g.cancelled + counted.cancelled,
        dead = g.dead + counted.dead, purged = g.purged + counted.purged, next_part = chosen.next_part, counted_at = clock_timestamp(),
        look_at = clock_timestamp() + CASE WHEN again THEN interval '0' ELSE interval '1 second' END,
        purge_at = CASE WHEN with_purged AND counted.purged = 0 THEN clock_timestamp() + interval '10 seconds' ELSE g.purge_at END
    WHERE g.batch_id = p_batch;
    IF batch.sealed_at IS NULL OR postroom.has_unfinished(p_batch) THEN
        RETURN CASE WHEN again THEN 2 ELSE 1 END;
    END IF;

    SELECT * INTO batch FROM postroom.batch b WHERE b.id = p_batch FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 1; -- somebody adds members
    END IF;
    SELECT * INTO letters
    FROM postroom.count_parts(p_batch, ARRAY(SELECT p.id FROM postroom.batch_part p WHERE p.batch_id = p_batch AND p.is_dead), since, '{}',
                              false);
    UPDATE postroom.batch_progress g
    SET done = g.done + letters.done, expired = g.expired + letters.expired, cancelled = g.cancelled + letters.cancelled,
        dead = g.dead + letters.dead
    WHERE g.batch_id = p_batch;
    IF postroom.has_unfinished(p_batch) THEN
        RETURN 1;
    END IF;
    SELECT g.done, g.expired, g.cancelled, g.purged, g.dead + coalesce((SELECT sum(p.size) FROM postroom.batch_part p
                                                                        WHERE p.batch_id = p_batch), 0)
    INTO batch.done, batch.expired, batch.cancelled, batch.purged, batch.dead
    FROM postroom.batch_progress g
    WHERE g.batch_id = p_batch;
    RETURN CASE WHEN postroom.complete_batch(batch) THEN 3 ELSE 1 END;
END
$function$
;
COMMENT ON FUNCTION postroom.settle_batch IS 'Internal: called by a job. Counts the members of a batch that have ended, cancels those of a cancelled one, and completes it.
0: another process is at it, or it is completed; 1: counted; 2: counted, and there is more to count now; 3: it is completed now.';

CREATE OR REPLACE FUNCTION postroom.settle_length(p_queue integer, p_surplus bigint, p_after_seq bigint, p_messages uuid[])
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    target postroom.queue;
BEGIN
    SELECT * INTO target FROM postroom.queue q WHERE q.id = p_queue;
    IF target.overflow <> 'reject_to_dead_letter_exchange' THEN
        RETURN (SELECT s.dropped FROM postroom.shorten(p_queue, cardinality(p_messages)) s);
    END IF;
    RETURN postroom.drop_entries(target, p_surplus, array_fill(p_after_seq + 1, ARRAY[10]), p_messages);
END
$function$
;
COMMENT ON FUNCTION postroom.settle_length IS 'Internal: called after messages were created. Takes out what is above the maximum length of a queue.';

CREATE OR REPLACE FUNCTION postroom.shorten(p_queue integer, p_new integer, OUT dropped bigint, OUT is_more boolean)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    target    postroom.queue;
    known     postroom.queue_length;
    fresh     postroom.queue_length;
    last_seq  bigint;
    margin    bigint := 0;
    most      bigint;
BEGIN
    dropped := 0;
    is_more := false;
    IF p_new IS NOT NULL THEN
        known := postroom.lock_length(p_queue);
    ELSE
        SELECT * INTO known FROM postroom.queue_length s WHERE s.queue_id = p_queue FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;
    SELECT * INTO target FROM postroom.queue q WHERE q.id = p_queue AND q.deleted_at IS NULL AND q.max_length IS NOT NULL;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    last_seq := postroom.last_ready_seq();
    IF target.overflow = 'drop_head' THEN
        margin := target.max_length / 100;
        most := greatest(margin, 1000) + coalesce(p_new, 0);
    END IF;
    fresh := postroom.count_length(known, last_seq, target.max_length + most + 1);
    IF fresh.waiting > target.max_length AND most > 0 THEN
        dropped := postroom.drop_entries(target, least(fresh.waiting - target.max_length, most), fresh.lowest, NULL);
        fresh.waiting := fresh.waiting - dropped;
        is_more := dropped = most AND fresh.waiting > target.max_length;
    END IF;
    fresh.max_length := target.max_length;
    fresh.free_until := last_seq + CASE WHEN is_more THEN -1
                                        ELSE greatest(target.max_length + margin - fresh.waiting, margin) END;
    PERFORM postroom.store_length(known, fresh, p_new IS NULL OR dropped >= 100);
END
$function$
;
COMMENT ON FUNCTION postroom.shorten IS 'Internal: takes out a part of what is above the maximum length of a queue.';

CREATE OR REPLACE FUNCTION postroom.start_ahead(p_period bigint)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT least(p_period / 40, 25000)
$function$
;
COMMENT ON FUNCTION postroom.start_ahead IS 'Internal: how long before a start is free under a limit a claim may take it.';

CREATE OR REPLACE FUNCTION postroom.start_consumers(queue text, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    of_queue  int;
    started   int;
BEGIN
    PERFORM postroom.require_reason_if_given(start_consumers.reason, start_consumers.actor);
    UPDATE postroom.queue q
    SET consumers_stopped_at = NULL
    WHERE q.name = start_consumers.queue
      AND q.deleted_at IS NULL
    RETURNING q.id INTO of_queue;
    IF NOT FOUND THEN
        PERFORM postroom.refuse('queue', 'one that exists', start_consumers.queue);
    END IF;
    WITH ended AS (
        DELETE FROM postroom.consumer_stop s
        WHERE s.queue_id = of_queue
        RETURNING s.worker_id
    )
    SELECT count(*) INTO started
    FROM ended e
    JOIN postroom.worker w ON w.id = e.worker_id
    WHERE w.stopped_at IS NULL
      AND w.beat_at > statement_timestamp() - interval '1 minute';
    INSERT INTO postroom.operator_action (actor, action, queue_id, finished_at, note, reason)
    VALUES (coalesce(start_consumers.actor, session_user), 'start_consumers', of_queue, clock_timestamp(),
            started || ' that had been told to stop', start_consumers.reason);
    RETURN started;
END
$function$
;
COMMENT ON FUNCTION postroom.start_consumers IS 'Lets all consumers of a queue go on that were told to stop: SELECT postroom.start_consumers(''mail'').
Answers how many live ones that were. A queue that is paused stays paused.';

CREATE OR REPLACE FUNCTION postroom.start_guard(p_period bigint)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT least(greatest(p_period / 20, 25000), 100000)
$function$
;
COMMENT ON FUNCTION postroom.start_guard IS 'Internal: how long before the end of a booking its message must start.';

CREATE OR REPLACE FUNCTION postroom.start_operation(p_verb text, p_filter jsonb, p_reason text, p_actor text, p_per_second integer, p_canary integer, p_canary_threshold integer)
 RETURNS uuid
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
DECLARE
    started  postroom.operation;
    queues   int[];
    print    constant text := p_filter ->> 'fingerprint';
    began    timestamptz;
    matched  bigint;
BEGIN
    PERFORM postroom.require_dead_letter_filter(p_filter);
    PERFORM postroom.require_reason(p_reason, p_actor);
    IF p_per_second IS NULL OR p_per_second NOT BETWEEN 1 AND 1000000 THEN
        PERFORM postroom.refuse('perSecond', '1 to 1000000', p_per_second::text);
    ELSIF p_canary IS NULL OR p_canary NOT BETWEEN 0 AND 1000 THEN
        PERFORM postroom.refuse('canary', '0 to 1000', p_canary::text);
    ELSIF p_canary_threshold IS NULL OR p_canary_threshold NOT BETWEEN 0 AND 1000 THEN
        PERFORM postroom.refuse('canaryThreshold', '0 to 1000', p_canary_threshold::text);
    END IF;
    queues := postroom.filtered_queues(p_filter);
    began := clock_timestamp();
    SELECT count(*) INTO matched
    FROM postroom.dead_letter d
    WHERE d.dead_at <= began
      AND (queues IS NULL OR d.queue_id = ANY (queues))
      AND (print IS NULL OR d.fingerprint = print)
      AND postroom.dead_letter_matches(d, p_filter);
    INSERT INTO postroom.operation (
        created_at, stepped_at, finished_at, planned, per_second, canary, canary_threshold, verb, state, actor, reason, note, filter,
        queue_ids)
    VALUES (
        began, began, CASE WHEN matched = 0 THEN began END, matched, p_per_second, p_canary, p_canary_threshold, p_verb,
        CASE WHEN matched = 0 THEN 'finished' ELSE 'running' END, coalesce(p_actor, session_user), p_reason,
        CASE WHEN matched = 0 THEN 'no dead letter matched' END, p_filter, queues)
    RETURNING * INTO started;
    INSERT INTO postroom.operator_action (
        actor, action, filter, per_second, planned, finished_at, note, reason, operation_id)
    VALUES (started.actor, p_verb, p_filter, p_per_second, matched, clock_timestamp(), started.note, p_reason, started.id);
    RETURN started.id;
END
$function$
;
COMMENT ON FUNCTION postroom.start_operation IS 'Internal: puts a redrive or discard of many on record. Jobs carry it on: see step_operation.';

CREATE OR REPLACE FUNCTION postroom.start_slice(p_period bigint, p_window text, p_at bigint)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT (p_at + s.width - 1) / s.width * s.width
    FROM (SELECT CASE p_window WHEN 'fixed' THEN p_period ELSE greatest(p_period / 400, 1000) END) s (width)
$function$
;
COMMENT ON FUNCTION postroom.start_slice IS 'Internal: the end of the slice of a limiter''s time line in which a moment lies.';

CREATE OR REPLACE FUNCTION postroom.start_time(p_period bigint)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT postroom.start_guard(p_period) + least(greatest(p_period / 4, 25000), 1000000)
$function$
;
COMMENT ON FUNCTION postroom.start_time IS 'Internal: how long after its claim a message of a limited queue may start.';

CREATE OR REPLACE FUNCTION postroom.step_operation(p_operation uuid, p_burst interval)
 RETURNS TABLE(queue_id integer, priority smallint, seq bigint, messages bigint)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
 SET enable_sort TO 'off'
 SET enable_bitmapscan TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    o            postroom.operation;
    print        text;
    now_is       timestamptz;
    most         int;
    end_message  uuid;
    end_queue    int;
    ids          uuid[];
    queues       int[];
    taken        int;
    moved        int := 0;
    moved_ids    uuid[];
    moved_in     int[];
    died         int;
    pending      int;
BEGIN
    SELECT * INTO o FROM postroom.operation x WHERE x.id = p_operation AND x.state = 'running' FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    print := o.filter ->> 'fingerprint';
    now_is := clock_timestamp();
    o.allowed := least(o.allowed + o.per_second * greatest(extract(epoch FROM now_is - o.stepped_at), 0),
                       greatest(o.per_second * extract(epoch FROM p_burst), 1));
    most := least(floor(o.allowed), 5000);
    IF o.canary > 0 AND o.canary_ended_at IS NULL AND cardinality(o.canary_messages) > 0 THEN
        SELECT j.died, j.pending INTO died, pending FROM postroom.judge_canary(o) j;
        IF died > o.canary_threshold THEN
            PERFORM postroom.end_operation(o, 'stopped_by_canary',
                format('%s of the first %s died again', died, cardinality(o.canary_messages)));
            RETURN;
        ELSIF cardinality(o.canary_messages) >= o.canary AND pending = 0 THEN
            o.canary_ended_at := now_is;
        END IF;
    END IF;
    IF o.canary > 0 AND o.canary_ended_at IS NULL THEN
        most := least(most, o.canary - cardinality(o.canary_messages));
    END IF;
    IF o.verb = 'purge' AND most >= 1 THEN
        PERFORM postroom.step_purge(o, most, now_is);
        RETURN;
    ELSIF most < 1 THEN
        UPDATE postroom.operation x
        SET stepped_at = now_is, allowed = o.allowed, canary_ended_at = o.canary_ended_at
        WHERE x.id = o.id;
        RETURN;
    END IF;

    SELECT d.message_id, d.queue_id INTO end_message, end_queue
    FROM postroom.dead_letter d
    WHERE (d.message_id, d.queue_id) > (o.position_message, o.position_queue)
    ORDER BY d.message_id, d.queue_id
    OFFSET 19999 LIMIT 1;
    SELECT array_agg(c.message_id), array_agg(c.queue_id) INTO ids, queues
    FROM (SELECT d.message_id, d.queue_id
          FROM postroom.dead_letter d
          WHERE (d.message_id, d.queue_id) > (o.position_message, o.position_queue)
            AND (end_message IS NULL OR (d.message_id, d.queue_id) <= (end_message, end_queue))
            AND d.dead_at <= o.created_at
            AND (o.queue_ids IS NULL OR d.queue_id = ANY (o.queue_ids))
            AND (print IS NULL OR d.fingerprint = print)
            AND postroom.dead_letter_matches(d, o.filter)
          ORDER BY d.message_id, d.queue_id
          LIMIT most
          FOR UPDATE OF d) c;
    taken := coalesce(cardinality(ids), 0);

    IF taken > 0 AND o.verb = 'redrive' THEN
        SELECT array_agg(x.message_id) FILTER (WHERE x.obstacle IS NULL), array_agg(x.queue_id) FILTER (WHERE x.obstacle IS NULL),
               coalesce(max(x.obstacle), o.note)
        INTO moved_ids, moved_in, o.note
        FROM postroom.redrive_obstacles(ids, queues) x;
        -- The row locks gave the transaction its id before nextval draws: the low watermark (see poll) rests on that.
        RETURN QUERY
        WITH removed AS (
            DELETE FROM postroom.dead_letter d
            USING unnest(moved_ids, moved_in) u (message_id, queue_id)
            WHERE d.message_id = u.message_id
              AND d.queue_id = u.queue_id
            RETURNING d.queue_id, d.priority, d.deliveries, d.message_id
        ), back AS (
            INSERT INTO postroom.ready AS r (seq, queue_id, priority, deliveries, message_id, group_key)
            SELECT nextval('postroom.ready_seq'), x.queue_id, x.priority, x.deliveries, x.message_id,
                   CASE WHEN x.queue_id = ANY (ARRAY(SELECT f.id FROM postroom.queue f WHERE f.fair))
                        THEN postroom.fair_key(x.message_id) ELSE '' END
            FROM removed x
            RETURNING r.queue_id, r.priority, r.seq
        )
        SELECT b.queue_id, b.priority, min(b.seq), count(*)
        FROM back b
        GROUP BY b.queue_id, b.priority;
        moved := coalesce(cardinality(moved_ids), 0);
        IF o.canary > 0 AND o.canary_ended_at IS NULL AND moved > 0 THEN
            o.canary_messages := o.canary_messages || moved_ids;
            o.canary_queues := o.canary_queues || moved_in;
        END IF;
    ELSIF taken > 0 THEN
        WITH removed AS (
            DELETE FROM postroom.dead_letter d
            USING unnest(ids, queues) u (message_id, queue_id)
            WHERE d.message_id = u.message_id
              AND d.queue_id = u.queue_id
            RETURNING d.queue_id, d.deliveries, d.message_id
        )
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
        SELECT x.message_id, clock_timestamp(), clock_timestamp(), x.queue_id, x.deliveries, 1, 'discarded' FROM removed x;
        PERFORM postroom.advance_after(queues, ids);
        moved := taken;
    END IF;

    IF taken = most THEN
        o.position_message := ids[taken];
        o.position_queue := queues[taken];
    ELSIF end_message IS NOT NULL THEN
        o.position_message := end_message;
        o.position_queue := end_queue;
    END IF;
    o.processed := o.processed + moved;
    o.failed := o.failed + taken - moved;
    UPDATE postroom.operation x
    SET stepped_at = now_is, allowed = o.allowed - taken, canary_ended_at = o.canary_ended_at, processed = o.processed, failed = o.failed,
        position_message = o.position_message, position_queue = o.position_queue, canary_messages = o.canary_messages,
        canary_queues = o.canary_queues, note = o.note
    WHERE x.id = o.id;
    IF taken < most AND end_message IS NULL THEN
        PERFORM postroom.end_operation(o, 'finished',
            CASE WHEN o.processed + o.failed < o.planned
                 THEN (o.planned - o.processed - o.failed) || ' of ' || o.planned || ' had left before their turn'
                      || coalesce('; ' || o.note, '') END);
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.step_operation IS 'Internal: called by a job. Redrives or discards as many dead letters, or purges as many messages, as the rate of an operation allows.';

CREATE OR REPLACE FUNCTION postroom.step_purge(p_operation postroom.operation, p_most integer, p_now timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
DECLARE
    o         postroom.operation := p_operation;
    of_queue  constant int := p_operation.queue_ids[1];
    ids       uuid[] := '{}';
    found     uuid[];
    behind    boolean;
BEGIN
    WITH candidates AS MATERIALIZED (
        SELECT w.ctid, w.message_id, w.deliveries
        FROM postroom.grouped w
        WHERE w.queue_id = of_queue
          AND (w.seq <= o.up_to OR (SELECT m.created_at FROM postroom.message m WHERE m.id = w.message_id) <= o.created_at)
        LIMIT p_most
        FOR UPDATE OF w SKIP LOCKED
    ), removed AS (
        DELETE FROM postroom.grouped WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM candidates c)) RETURNING message_id, deliveries
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
        SELECT d.message_id, clock_timestamp(), clock_timestamp(), of_queue, d.deliveries, 1, 'queue_purged' FROM removed d
    )
    SELECT coalesce(array_agg(d.message_id), '{}') INTO ids FROM removed d;

    WITH candidates AS MATERIALIZED (
        SELECT r.ctid, r.priority, r.seq, r.message_id, r.deliveries
        FROM postroom.ready r
        WHERE r.queue_id = of_queue
          AND (r.priority, r.seq) > (o.position_priority, o.position_seq)
          AND r.seq <= o.up_to
        ORDER BY r.queue_id, r.priority, r.seq
        LIMIT p_most - cardinality(ids)
        FOR UPDATE OF r SKIP LOCKED
    ), removed AS (
        DELETE FROM postroom.ready WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM candidates c)) RETURNING message_id, deliveries
    ), history AS (
        INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
        SELECT d.message_id, clock_timestamp(), clock_timestamp(), of_queue, d.deliveries, 1, 'queue_purged' FROM removed d
    )
    SELECT (SELECT coalesce(array_agg(d.message_id), '{}') FROM removed d),
           coalesce((array_agg(c.priority ORDER BY c.priority DESC, c.seq DESC))[1], o.position_priority),
           coalesce((array_agg(c.seq ORDER BY c.priority DESC, c.seq DESC))[1], o.position_seq)
    INTO found, o.position_priority, o.position_seq
    FROM candidates c;
    ids := ids || found;

    IF cardinality(ids) = 0 THEN
        WITH late AS MATERIALIZED (
            SELECT d.ctid, d.message_id, d.deliveries
            FROM postroom.delayed d
            WHERE d.queue_id = of_queue
              AND (SELECT m.created_at FROM postroom.message m WHERE m.id = d.message_id) <= o.created_at
            LIMIT p_most
            FOR UPDATE OF d SKIP LOCKED
        ), moved AS MATERIALIZED (
            SELECT r.ctid, r.message_id, r.deliveries
            FROM postroom.ready r
            WHERE r.queue_id = of_queue
              AND r.moved
              AND r.seq > o.up_to
              AND (SELECT m.created_at FROM postroom.message m WHERE m.id = r.message_id) <= o.created_at
            LIMIT p_most - (SELECT count(*) FROM late)
            FOR UPDATE OF r SKIP LOCKED
        ), removed AS (
            DELETE FROM postroom.delayed WHERE ctid = ANY (ARRAY(SELECT l.ctid FROM late l)) RETURNING message_id, deliveries
        ), taken AS (
            DELETE FROM postroom.ready WHERE ctid = ANY (ARRAY(SELECT m.ctid FROM moved m)) RETURNING message_id, deliveries
        ), cancelled AS (
            SELECT * FROM removed UNION ALL SELECT * FROM taken
        ), history AS (
            INSERT INTO postroom.attempt (message_id, started_at, finished_at, queue_id, number, outcome, error)
            SELECT b.message_id, clock_timestamp(), clock_timestamp(), of_queue, b.deliveries, 1, 'queue_purged' FROM cancelled b
        )
        SELECT coalesce(array_agg(b.message_id), '{}') INTO ids FROM cancelled b;
    END IF;

    IF cardinality(ids) > 0 THEN
        PERFORM postroom.advance_after(array_fill(of_queue, ARRAY[cardinality(ids)]), ids);
        o.looks_in_vain := 0;
    ELSE
        behind := EXISTS (SELECT FROM postroom.ready r WHERE r.queue_id = of_queue AND r.seq <= o.up_to)
               OR EXISTS (SELECT FROM postroom.grouped w WHERE w.queue_id = of_queue AND w.seq <= o.up_to);
        o.looks_in_vain := o.looks_in_vain + 1;
        o.position_priority := -1;
        o.position_seq := 0;
    END IF;
    o.processed := o.processed + cardinality(ids);
    UPDATE postroom.operation x
    SET stepped_at = p_now, allowed = o.allowed - cardinality(ids), processed = o.processed, looks_in_vain = o.looks_in_vain,
        position_priority = o.position_priority, position_seq = o.position_seq
    WHERE x.id = o.id;
    IF cardinality(ids) = 0 AND (NOT behind OR o.looks_in_vain >= 5) THEN
        PERFORM postroom.end_operation(o, 'finished',
            CASE WHEN behind THEN 'messages that open transactions hold were left' END);
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.step_purge IS 'Internal: called by step_operation. Cancels so many messages that wait in the queue of a purge.';

CREATE OR REPLACE FUNCTION postroom.stop_consumers(queue text, how_many integer DEFAULT NULL::integer, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS integer
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT o.consumers
    FROM postroom.order_consumer_stop(
        stop_consumers.queue, stop_consumers.how_many, NULL, stop_consumers.actor, stop_consumers.reason) o
$function$
;
COMMENT ON FUNCTION postroom.stop_consumers IS 'Tells so many consumers of a queue to stop, or all, in the transaction of the caller: SELECT postroom.stop_consumers(''mail'', 2),
SELECT postroom.stop_consumers(''mail'').
Answers how many were running and were told. The view consumer_stops shows their receipts. All means: also those that start later, until
start_consumers.';

CREATE OR REPLACE FUNCTION postroom.stop_operation(operation uuid, reason text, actor text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    stopped postroom.operation;
BEGIN
    PERFORM postroom.require_reason(stop_operation.reason, stop_operation.actor);
    UPDATE postroom.operation o
    SET state = 'stopped', finished_at = clock_timestamp(),
        note = left('by ' || coalesce(stop_operation.actor, session_user) || ': ' || stop_operation.reason, 1000)
    WHERE o.id = stop_operation.operation
      AND o.state = 'running'
    RETURNING * INTO stopped;
    IF NOT FOUND THEN
        IF NOT EXISTS (SELECT FROM postroom.operation o WHERE o.id = stop_operation.operation) THEN
            PERFORM postroom.refuse('operation', 'one that exists', stop_operation.operation::text);
        END IF;
        RETURN false;
    END IF;
    INSERT INTO postroom.operator_action (actor, action, planned, done, finished_at, reason, operation_id)
    VALUES (coalesce(stop_operation.actor, session_user), 'stop_operation', stopped.planned, stopped.processed, clock_timestamp(),
            stop_operation.reason, stopped.id);
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.stop_operation IS 'Stops a redrive or discard of many, or a purge: SELECT postroom.stop_operation(''...'', ''wrong filter'').
What was redriven, discarded or cancelled stays so. Answers whether it was running. After the commit it changes nothing more.';

CREATE OR REPLACE FUNCTION postroom.store_length(p_before postroom.queue_length, p_fresh postroom.queue_length, p_always boolean)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    IF p_always
       OR p_fresh.free_until - p_fresh.counted_seq >= 8
       OR p_fresh.counted_seq - p_before.counted_seq >= 1000
       OR p_fresh.max_length >= 5000 AND p_fresh.waiting >= p_fresh.max_length
       OR p_fresh.counted_seq < p_before.counted_seq THEN
        UPDATE postroom.queue_length s
        SET max_length = p_fresh.max_length, waiting = p_fresh.waiting, counted_at = p_fresh.counted_at,
            counted_seq = p_fresh.counted_seq, free_until = p_fresh.free_until, lowest = p_fresh.lowest
        WHERE s.queue_id = p_fresh.queue_id;
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.store_length IS 'Internal: keeps what was counted of a limited queue.';

CREATE OR REPLACE FUNCTION postroom.store_routed(p_message postroom.message, p_targets postroom.queue[], p_due timestamp with time zone)
 RETURNS uuid
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    INSERT INTO postroom.message VALUES (p_message.*) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN p_message.id;
    ELSIF p_due IS NULL THEN
        INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved, group_key)
        SELECT p_message.seq, t.id, p_message.priority, p_message.id, false,
               CASE WHEN t.fair THEN coalesce(p_message.group_key, E'\x01') ELSE '' END
        FROM unnest(p_targets) t;
    ELSE
        INSERT INTO postroom.delayed (due_at, queue_id, priority, message_id, reason)
        SELECT p_due, t.id, p_message.priority, p_message.id, 'delay'
        FROM unnest(p_targets) t;
    END IF;
    INSERT INTO postroom.entry_expiry (expires_at, queue_id, message_id)
    SELECT p_message.created_at + t.time_to_live, t.id, p_message.id
    FROM unnest(p_targets) t
    WHERE t.time_to_live BETWEEN interval '1 millisecond' AND interval '400 days'
      AND p_message.expires_at IS NULL;
    RETURN NULL;
END
$function$
;
COMMENT ON FUNCTION postroom.store_routed IS 'Internal: stores a message with an entry in each of several queues. null: done; else the id that was there already.';

CREATE OR REPLACE FUNCTION postroom.store_through(p_message postroom.message, p_targets postroom.queue[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    only_one constant boolean := cardinality(p_targets) = 1;
BEGIN
    -- The low watermark (see poll) rests on this order: the transaction id and the lock on ready come before nextval draws a seq.
    PERFORM pg_current_xact_id();
    LOCK TABLE postroom.ready IN ROW EXCLUSIVE MODE;
    p_message.seq := nextval('postroom.ready_seq');
    p_message.queue_id := CASE WHEN only_one THEN p_targets[1].id ELSE 0 END;
    p_message.queue_ids := CASE WHEN NOT only_one THEN ARRAY(SELECT t.id FROM unnest(p_targets) t) END;
    p_message.expires_at := CASE WHEN only_one AND p_targets[1].time_to_live BETWEEN interval '1 millisecond' AND interval '400 days'
                                 THEN p_message.created_at + p_targets[1].time_to_live END;
    IF only_one THEN
        INSERT INTO postroom.message VALUES (p_message.*);
        INSERT INTO postroom.ready (seq, queue_id, priority, message_id, moved, group_key)
        VALUES (p_message.seq, p_message.queue_id, p_message.priority, p_message.id, false,
                CASE WHEN p_targets[1].fair THEN coalesce(p_message.group_key, E'\x01') ELSE '' END);
    ELSE
        PERFORM postroom.store_routed(p_message, p_targets, NULL);
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.store_through IS 'Internal: stores a new message in each of these queues.';

CREATE OR REPLACE FUNCTION postroom.sweep_groups(p_queue integer, p_group text, p_limit integer)
 RETURNS TABLE(last_queue integer, last_group text, advanced integer, is_used boolean)
 LANGUAGE plpgsql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
DECLARE
    queues   int[];
    keys     text[];
    holders  uuid[];
    places   tid[];
    looked   int;
    waiting  record;
BEGIN
    advanced := 0;
    SELECT count(*), (array_agg(s.queue_id))[count(*)::int], (array_agg(s.group_key))[count(*)::int],
           array_agg(s.queue_id) FILTER (WHERE NOT s.is_free), array_agg(s.group_key) FILTER (WHERE NOT s.is_free),
           array_agg(s.message_id) FILTER (WHERE NOT s.is_free), array_agg(s.place) FILTER (WHERE NOT s.is_free)
    INTO looked, last_queue, last_group, queues, keys, holders, places
    FROM (
        SELECT g.queue_id, g.group_key, g.message_id, g.is_free, g.ctid AS place
        FROM postroom.message_group g
        WHERE (g.queue_id, g.group_key) > (p_queue, p_group)
        ORDER BY g.queue_id, g.group_key
        LIMIT p_limit
    ) s;
    IF queues IS NOT NULL THEN
        SELECT array_agg(places[e.place]) INTO places FROM postroom.ended_holders(queues, holders) e;
    END IF;
    IF places IS NOT NULL THEN
        SELECT array_agg(g.queue_id), array_agg(g.group_key), array_agg(g.message_id) INTO queues, keys, holders
        FROM (SELECT x.queue_id, x.group_key, x.message_id
              FROM postroom.message_group x
              WHERE x.ctid = ANY (places) AND NOT x.is_free
              FOR UPDATE SKIP LOCKED) g;
        SELECT array_agg(queues[e.place]), array_agg(keys[e.place]), array_agg(holders[e.place])
        INTO queues, keys, holders
        FROM postroom.ended_holders(queues, holders) e;
        IF keys IS NOT NULL THEN
            advanced := postroom.advance_groups(queues, keys, holders, array_fill(false, ARRAY[cardinality(keys)]));
        END IF;
    END IF;
    IF looked < p_limit THEN
        last_queue := NULL;
        last_group := NULL;
    END IF;
    DELETE FROM postroom.message_group g
    WHERE g.ctid = ANY (ARRAY(
        SELECT x.ctid
        FROM postroom.message_group x
        WHERE (x.queue_id, x.group_key) > (p_queue, p_group)
          AND (last_queue IS NULL OR (x.queue_id, x.group_key) <= (last_queue, last_group COLLATE "C"))
          AND x.is_free
          AND x.held_since < clock_timestamp() - interval '1 minute'
        FOR UPDATE SKIP LOCKED));

    -- Groups of grouped in the same range: jumps from one to the next.
    FOR waiting IN
        WITH RECURSIVE g AS (
            (SELECT w.queue_id, w.group_key, w.seq
             FROM postroom.grouped w
             WHERE (w.queue_id, w.group_key) > (p_queue, p_group)
             ORDER BY w.queue_id, w.group_key, w.seq
             LIMIT 1)
            UNION ALL
            SELECT n.queue_id, n.group_key, n.seq
            FROM g
            CROSS JOIN LATERAL (
                SELECT w.queue_id, w.group_key, w.seq
                FROM postroom.grouped w
                WHERE (w.queue_id, w.group_key) > (g.queue_id, g.group_key)
                ORDER BY w.queue_id, w.group_key, w.seq
                LIMIT 1) n
            WHERE last_queue IS NULL OR (n.queue_id, n.group_key) <= (last_queue, last_group COLLATE "C")
        )
        SELECT x.queue_id, x.group_key, x.seq
        FROM (SELECT g.queue_id, g.group_key, g.seq FROM g LIMIT p_limit * 10) x
        WHERE NOT EXISTS (
            SELECT FROM postroom.message_group h
            WHERE h.queue_id = x.queue_id AND h.group_key = x.group_key AND h.low <= x.seq AND NOT h.is_free)
    LOOP
        CONTINUE WHEN NOT pg_try_advisory_xact_lock(1349481332, waiting.queue_id);
        CONTINUE WHEN NOT EXISTS (SELECT FROM postroom.grouped w
                                  WHERE w.queue_id = waiting.queue_id AND w.group_key = waiting.group_key AND w.seq = waiting.seq);
        PERFORM FROM postroom.message_group h
        WHERE h.queue_id = waiting.queue_id AND h.group_key = waiting.group_key
        FOR UPDATE SKIP LOCKED;
        IF FOUND THEN
            UPDATE postroom.message_group h
            SET low = least(h.low, waiting.seq), is_free = false
            WHERE h.queue_id = waiting.queue_id AND h.group_key = waiting.group_key;
        ELSIF EXISTS (SELECT FROM postroom.message_group h
                      WHERE h.queue_id = waiting.queue_id AND h.group_key = waiting.group_key) THEN
            CONTINUE; -- to wait here would keep all claims of the queue waiting
        ELSE
            INSERT INTO postroom.message_group (queue_id, group_key, message_id, low, epoch)
            VALUES (waiting.queue_id, waiting.group_key, NULL, waiting.seq, pg_sequence_last_value('postroom.ready_seq'));
        END IF;
        advanced := advanced + postroom.advance_groups(ARRAY[waiting.queue_id], ARRAY[waiting.group_key], ARRAY[NULL::uuid], ARRAY[false]);
    END LOOP;
    is_used := EXISTS (SELECT FROM postroom.message_group) OR EXISTS (SELECT FROM postroom.grouped);
    RETURN NEXT;
END
$function$
;
COMMENT ON FUNCTION postroom.sweep_groups IS 'Internal: called by a job. Makes groups of ordered queues go on whose holders have ended without handing them on.';

CREATE OR REPLACE FUNCTION postroom.tail_begins(p_parent text)
 RETURNS date
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
    SELECT max(CASE WHEN isfinite(p.to_at) THEN p.to_at ELSE p.from_at END)::date
    FROM postroom.partitions(p_parent) p
$function$
;
COMMENT ON FUNCTION postroom.tail_begins IS 'Internal: the day at which the tail begins, attached or not.';

CREATE OR REPLACE FUNCTION postroom.take_active(p_worker integer, p_queue integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    holder int;
BEGIN
    SELECT a.worker_id INTO holder FROM postroom.active_consumer a WHERE a.queue_id = p_queue;
    IF NOT FOUND THEN
        INSERT INTO postroom.active_consumer (queue_id, worker_id)
        SELECT p_queue, p_worker
        WHERE NOT EXISTS (SELECT FROM postroom.lease l WHERE l.queue_id = p_queue AND l.worker_id <> p_worker)
        ON CONFLICT DO NOTHING;
        RETURN FOUND;
    ELSIF holder <> p_worker THEN
        RETURN false;
    END IF;
    PERFORM FROM postroom.active_consumer a WHERE a.queue_id = p_queue AND a.worker_id = p_worker FOR KEY SHARE SKIP LOCKED;
    RETURN FOUND;
END
$function$
;
COMMENT ON FUNCTION postroom.take_active IS 'Internal: called by claims. Whether this process is the single active consumer of a queue.';

CREATE OR REPLACE FUNCTION postroom.take_after_parent(p_parent text, p_partition text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    parent    pg_class;
    partition constant regclass := ('postroom.' || quote_ident(p_partition))::regclass;
    given     record;
    identity  text;
BEGIN
    SELECT c.* INTO parent FROM pg_class c WHERE c.oid = ('postroom.' || quote_ident(p_parent))::regclass;
    IF parent.relowner <> (SELECT c.relowner FROM pg_class c WHERE c.oid = partition) THEN
        BEGIN
            EXECUTE format('ALTER TABLE %s OWNER TO %I', partition, pg_get_userbyid(parent.relowner));
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE WARNING '% belongs to %, not to the owner of %: %', partition, current_user, p_parent, SQLERRM;
        END;
    END IF;
    FOR given IN
        SELECT DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS role
        FROM pg_class c
        CROSS JOIN LATERAL aclexplode(c.relacl) a
        WHERE c.oid = partition
          AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('REVOKE ALL ON TABLE %s FROM %s', partition, given.role);  -- given by ALTER DEFAULT PRIVILEGES
    END LOOP;
    FOR given IN
        SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS role,
               a.privilege_type || coalesce(' (' || quote_ident(a.attname) || ')', '') AS privilege,
               CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS further
        FROM (
            SELECT x.grantee, x.privilege_type, x.is_grantable, NULL AS attname
            FROM aclexplode(parent.relacl) x
            UNION ALL
            SELECT x.grantee, x.privilege_type, x.is_grantable, t.attname
            FROM pg_attribute t
            CROSS JOIN LATERAL aclexplode(t.attacl) x
            WHERE t.attrelid = parent.oid) a
        WHERE a.grantee <> parent.relowner
    LOOP
        EXECUTE format('GRANT %s ON TABLE %s TO %s%s', given.privilege, partition, given.role, given.further);
    END LOOP;
    IF parent.relrowsecurity THEN
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', partition);
    END IF;
    identity := CASE parent.relreplident
        WHEN 'f' THEN 'FULL'
        WHEN 'n' THEN 'NOTHING'
        WHEN 'i' THEN (
            SELECT format('USING INDEX %I', c.relname)
            FROM pg_index of_parent
            JOIN pg_index own ON own.indrelid = partition AND own.indisunique AND own.indkey::text = of_parent.indkey::text
            JOIN pg_class c ON c.oid = own.indexrelid
            WHERE of_parent.indrelid = parent.oid
              AND of_parent.indisreplident
            LIMIT 1)
        END;
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY %s', partition, coalesce(identity, 'DEFAULT'));
END
$function$
;
COMMENT ON FUNCTION postroom.take_after_parent IS 'Internal: gives a new partition the owner, the rights and the replica identity of its parent.';

CREATE OR REPLACE FUNCTION postroom.take_key(p_owner integer, p_key text, p_message uuid, p_until text, p_on_duplicate text, p_due timestamp with time zone)
 RETURNS uuid
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    -- p_due counts from now, the limit of 400 days from the start of the statement, which was earlier.
    due       constant timestamptz := least(coalesce(p_due, statement_timestamp()), statement_timestamp() + interval '400 days');
    holder    uuid;
    waiting   int := 0; -- in so many
    entries   int;      -- of so many queues
    in_doubt  boolean := false;
    replaces  boolean;
BEGIN
    FOR round IN 1 .. 5 LOOP
        INSERT INTO postroom.dedup (queue_id, key, message_id)
        VALUES (p_owner, p_key, p_message)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            RETURN NULL;
        ELSIF p_until = 'purged' AND p_on_duplicate IN ('refuse', 'keep') THEN
            SELECT d.message_id INTO holder FROM postroom.dedup d WHERE d.queue_id = p_owner AND d.key = p_key;
        ELSE
            SELECT d.message_id INTO holder FROM postroom.dedup d WHERE d.queue_id = p_owner AND d.key = p_key FOR UPDATE;
        END IF;
        CONTINUE WHEN NOT FOUND; -- purged in between: the key is free again
        IF EXISTS (SELECT FROM postroom.message m WHERE m.id = p_message) THEN
            RETURN p_message;
        ELSIF holder = p_message THEN
            RETURN NULL; -- lock_keys has taken it for this message
        ELSIF p_until = 'purged' AND p_on_duplicate IN ('refuse', 'keep') THEN
            RETURN holder;
        END IF;
        IF p_until = 'start' OR p_on_duplicate IN ('replace', 'reschedule') THEN
            SELECT l.waiting, l.entries, l.in_doubt INTO waiting, entries, in_doubt FROM postroom.lock_waiting(holder) l;
        END IF;
        replaces := p_on_duplicate = 'replace' AND (waiting > 0 OR in_doubt);
        IF p_on_duplicate = 'reschedule' AND (waiting > 0 OR in_doubt) AND (p_until <> 'start' OR waiting + in_doubt::int >= entries) THEN
            replaces := EXISTS (SELECT FROM postroom.message m WHERE m.id = holder AND m.expires_at <= due)
                     OR EXISTS (SELECT FROM postroom.entry_expiry x WHERE x.message_id = holder AND x.expires_at <= due);
            IF NOT replaces THEN
                waiting := postroom.reschedule(holder, due);
                IF waiting > 0 AND (p_until <> 'start' OR waiting = entries) THEN
                    RETURN holder;
                END IF;
            END IF;
        END IF;
        IF replaces AND postroom.cancel(holder) > 0 THEN
            PERFORM set_config('postroom.recount', 'on', true); -- for admit: its queue has room for one more
        ELSIF p_until = 'purged' OR p_until = 'start' AND waiting > 0 AND waiting = entries THEN
            -- It waits in all its queues. In one where it has started, nothing would stand for what the new one tells.
            RETURN holder;
        ELSIF p_until = 'end' AND postroom.keeps_key(holder, 'end', 'keep') THEN
            RETURN holder;
        END IF;
        UPDATE postroom.dedup d SET message_id = p_message WHERE d.queue_id = p_owner AND d.key = p_key;
        RETURN NULL;
    END LOOP;
    RAISE EXCEPTION 'deduplicationKey "%" was purged and taken again 5 times', p_key USING ERRCODE = '40001';
END
$function$
;
COMMENT ON FUNCTION postroom.take_key IS 'Internal: takes a deduplication key for a new message. Answers the message that keeps it, or null.';

CREATE OR REPLACE FUNCTION postroom.take_waiting(p_message uuid, p_done integer[])
 RETURNS TABLE(queue_id integer, priority smallint, failures smallint, crashes smallint, deliveries smallint)
 LANGUAGE sql
 ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
    WITH first_place AS (
        DELETE FROM postroom.ready r
        USING postroom.message m
        CROSS JOIN LATERAL unnest(coalesce(m.queue_ids, ARRAY[m.queue_id])) e (queue_id)
        WHERE m.id = p_message
          AND r.queue_id = e.queue_id AND r.priority = m.priority AND r.seq = m.seq AND r.message_id = m.id
          AND r.queue_id <> ALL (p_done)
        RETURNING r.queue_id, r.priority, r.failures, r.crashes, r.deliveries
    ), moved AS (
        DELETE FROM postroom.ready r
        WHERE r.message_id = p_message AND r.moved
          AND r.queue_id <> ALL (p_done)
        RETURNING r.queue_id, r.priority, r.failures, r.crashes, r.deliveries
    ), put_off AS (
        DELETE FROM postroom.delayed d
        WHERE d.message_id = p_message
          AND d.queue_id <> ALL (p_done)
        RETURNING d.queue_id, d.priority, d.failures, d.crashes, d.deliveries
    ), behind AS (
        DELETE FROM postroom.grouped w
        WHERE w.message_id = p_message
          AND w.queue_id <> ALL (p_done)
        RETURNING w.queue_id, w.priority, w.failures, w.crashes, w.deliveries
    )
    SELECT * FROM first_place UNION ALL SELECT * FROM moved UNION ALL SELECT * FROM put_off UNION ALL SELECT * FROM behind
$function$
;
COMMENT ON FUNCTION postroom.take_waiting IS 'Internal: removes the entries of one message from the places where they wait, whichever those are, but for the queues of p_done.
Answers what they were. Used by cancel and reschedule.';

CREATE OR REPLACE FUNCTION postroom.takes(p_types text[], p_type text, p_version integer)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT EXISTS (
        SELECT FROM unnest(p_types) t (name)
        WHERE t.name = '*'
           OR p_type = 'postroom.kill'
           OR p_type IS NULL AND t.name = ''
           OR split_part(t.name, '/', 1) = p_type
              AND t.name ~ '/[0-9]{1,5}$'
              AND substring(t.name FROM '[0-9]{1,5}$')::int >= p_version)
$function$
;
COMMENT ON FUNCTION postroom.takes IS 'Whether a handler with these types takes a message, for queries over postroom.consumers:
SELECT ... WHERE postroom.takes(c.types, m.type, m.type_version)';

CREATE OR REPLACE FUNCTION postroom.tidy_group_limits(p_limit integer, OUT keyed integer, OUT removed integer)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
DECLARE
    now_us  constant bigint := extract(epoch FROM clock_timestamp()) * 1000000;
BEGIN
    WITH plain AS MATERIALIZED (
        SELECT r.queue_id, r.priority, r.seq, r.message_id
        FROM postroom.ready r
        WHERE r.queue_id = ANY (ARRAY(
                  SELECT l.queue_id
                  FROM postroom.limiter l
                  WHERE num_nonnulls(l.max_starts_per_group, l.max_in_progress_per_group) > 0))
          AND r.group_key = ''
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    )
    UPDATE postroom.ready r
    SET group_key = postroom.fair_key(p.message_id)
    FROM plain p
    WHERE r.queue_id = p.queue_id
      AND r.priority = p.priority
      AND r.seq = p.seq;
    GET DIAGNOSTICS keyed = ROW_COUNT;

    WITH idle AS MATERIALIZED (
        SELECT g.limiter_id, g.group_key, o.over_before, o.free_before
        FROM postroom.limited_group g
        LEFT JOIN postroom.limiter l ON l.id = g.limiter_id
        CROSS JOIN LATERAL (
            SELECT CASE WHEN l.max_starts_per_group IS NULL THEN 9223372036854775807
                        WHEN l.window_kind = 'fixed' THEN now_us
                        ELSE now_us - (extract(epoch FROM l.period_per_group) * 1000000)::bigint END,
                   CASE WHEN l.max_starts_per_group IS NULL THEN 9223372036854775807 ELSE now_us - 60000000 END
        ) o (over_before, free_before)
        WHERE coalesce(g.booked_until[cardinality(g.booked_until)], 0) < o.over_before
          AND coalesce(g.free_at, 0) < o.free_before
        LIMIT p_limit
    )
    DELETE FROM postroom.limited_group g
    USING idle i
    WHERE g.limiter_id = i.limiter_id
      AND g.group_key = i.group_key
      AND coalesce(g.booked_until[cardinality(g.booked_until)], 0) < i.over_before -- asked once more of what is locked: step 6
      AND coalesce(g.free_at, 0) < i.free_before;
    GET DIAGNOSTICS removed = ROW_COUNT;
END
$function$
;
COMMENT ON FUNCTION postroom.tidy_group_limits IS 'Internal: called by a job. Keeps the bookkeeping of limits of groups small.';

CREATE OR REPLACE FUNCTION postroom.topic_matches(p_pattern text, p_key text)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    words      constant text[] := string_to_array(p_pattern, '.');
    named      constant text[] := string_to_array(p_key, '.');
    word       int := 1;
    at         int := 1;
    last_any   int := 0;
    after_any  int := 0;
BEGIN
    WHILE at <= cardinality(named) LOOP
        IF word <= cardinality(words) AND words[word] = '#' THEN
            last_any := word;
            after_any := at;
            word := word + 1;
        ELSIF word <= cardinality(words) AND (words[word] = '*' OR words[word] COLLATE "C" = named[at]) THEN
            word := word + 1;
            at := at + 1;
        ELSIF last_any > 0 THEN
            word := last_any + 1;
            after_any := after_any + 1;
            at := after_any;
        ELSE
            RETURN false;
        END IF;
    END LOOP;
    WHILE word <= cardinality(words) AND words[word] = '#' LOOP
        word := word + 1;
    END LOOP;
    RETURN word > cardinality(words);
END
$function$
;
COMMENT ON FUNCTION postroom.topic_matches IS 'Internal: whether the pattern of a binding matches a routing key; * is exactly one word, # any number of words:
SELECT postroom.topic_matches(''order.*.paid'', ''order.42.paid'')';

CREATE OR REPLACE FUNCTION postroom.truncate_ready(p_bytes bigint)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET row_security TO 'off'
AS $function$
BEGIN
    PERFORM postroom.require_read_committed();
    IF pg_relation_size('postroom.ready') < p_bytes OR EXISTS (SELECT FROM postroom.ready) THEN
        RETURN false;
    END IF;
    BEGIN
        LOCK TABLE postroom.ready IN ACCESS EXCLUSIVE MODE NOWAIT;
    EXCEPTION
        WHEN lock_not_available THEN RETURN false;
    END;
    IF EXISTS (SELECT FROM postroom.ready) THEN
        RETURN false;
    END IF;
    TRUNCATE postroom.ready CONTINUE IDENTITY;
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.truncate_ready IS 'Internal: called by a job. Frees ready when it is empty and at least p_bytes large.';

CREATE OR REPLACE FUNCTION postroom.try_message(p_message jsonb, p_waits boolean)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    said   text;
    field  text;
    hint   text;
BEGIN
    IF NOT p_waits THEN
        PERFORM set_config('postroom.wait_for_room', 'off', true);
    END IF;
    PERFORM postroom.create_messages(jsonb_build_array(p_message));
    RAISE SQLSTATE 'PR000' USING MESSAGE = 'accepted'; -- takes the message back, and never leaves this function
EXCEPTION
    WHEN SQLSTATE 'PR000' OR SQLSTATE 'PR404' OR SQLSTATE 'PR429' THEN
        RETURN;
    WHEN data_exception THEN
        GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, field = COLUMN_NAME, hint = PG_EXCEPTION_HINT;
        said := regexp_replace(said, '^message 0 of the batch: (.*)\. Nothing of the batch was written$', '\1');
        RAISE EXCEPTION '%', said USING ERRCODE = SQLSTATE, COLUMN = field, HINT = hint;
END
$function$
;
COMMENT ON FUNCTION postroom.try_message IS 'Internal: refuses a message that create_message would refuse, and leaves nothing behind.';

CREATE OR REPLACE FUNCTION postroom.unbind(exchange text, queue text DEFAULT NULL::text, routing_key text DEFAULT ''::text, arguments jsonb DEFAULT '{}'::jsonb, to_exchange text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_column
BEGIN
    IF num_nonnulls(unbind.queue, unbind.to_exchange) <> 1 THEN
        PERFORM postroom.refuse('queue', 'given if to_exchange is not, and only then', unbind.queue,
            'Name one destination: queue or to_exchange');
    END IF;
    PERFORM postroom.require_name('exchange', unbind.exchange);
    PERFORM postroom.require_routing_key(unbind.routing_key);
    IF NOT EXISTS (
        SELECT
        FROM postroom.bindings b
        WHERE b.exchange = unbind.exchange
          AND b.routing_key = unbind.routing_key
          AND b.arguments = unbind.arguments
          AND (b.queue = unbind.queue OR b.to_exchange = unbind.to_exchange))
    THEN
        RETURN false;
    END IF;
    PERFORM postroom.change_routing();
    DELETE FROM postroom.binding b
    USING postroom.exchange e
    WHERE e.name = unbind.exchange
      AND b.exchange_id = e.id
      AND b.routing_key = unbind.routing_key
      AND b.arguments = unbind.arguments
      AND (b.queue_id = (SELECT q.id FROM postroom.queue q WHERE q.name = unbind.queue)
           OR b.to_exchange_id = (SELECT t.id FROM postroom.exchange t WHERE t.name = unbind.to_exchange));
    RETURN FOUND;
END
$function$
;
COMMENT ON FUNCTION postroom.unbind IS 'Removes a binding; the arguments are those of postroom.bind: SELECT postroom.unbind(''orders'', ''mail'', ''order.*.paid'').
false: there was none.';

CREATE OR REPLACE FUNCTION postroom.unbook_groups(p_limiter integer, p_keys text[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    UPDATE postroom.limited_group g
    SET booked[cardinality(g.booked)] = greatest(0, g.booked[cardinality(g.booked)] - k.messages), free_at = 0
    FROM (SELECT u.key, count(*)::int AS messages FROM unnest(p_keys) u (key) GROUP BY u.key) k
    WHERE g.limiter_id = p_limiter
      AND g.group_key = k.key COLLATE "C"
      AND cardinality(g.booked) > 0;
END
$function$
;
COMMENT ON FUNCTION postroom.unbook_groups IS 'Internal: gives starts back that were booked for expired messages.';

CREATE OR REPLACE FUNCTION postroom.unpark(destination text, reason text DEFAULT NULL::text, actor text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
BEGIN
    PERFORM postroom.limited_queue(NULL, unpark.destination);
    PERFORM postroom.require_reason_if_given(unpark.reason, unpark.actor);
    UPDATE postroom.limiter l
    SET parked_until = NULL, probes = NULL, probes_started = 0
    WHERE l.destination = unpark.destination
      AND (l.parked_until IS NOT NULL OR l.probes IS NOT NULL);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO postroom.operator_action (actor, action, finished_at, reason, note)
    VALUES (coalesce(unpark.actor, session_user), 'unpark', clock_timestamp(), unpark.reason, 'destination ' || unpark.destination);
    RETURN true;
END
$function$
;
COMMENT ON FUNCTION postroom.unpark IS 'Lets messages of a parked destination start again at once: SELECT postroom.unpark(''bank''). false: it was not parked.
reason and actor go on record.';

CREATE OR REPLACE FUNCTION postroom.validate_old(p_parent text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
AS $function$
BEGIN
    EXECUTE format('ALTER TABLE postroom.%I VALIDATE CONSTRAINT %I', p_parent || '_old', p_parent || '_old_ends');
END
$function$
;
COMMENT ON FUNCTION postroom.validate_old IS 'Internal: checks the rows of the _old partition against its promised end, after bound_old and in a transaction of its own.';

CREATE OR REPLACE FUNCTION postroom.validate_tail(p_parent text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
AS $function$
BEGIN
    IF postroom.promised_end(p_parent) IS NOT NULL THEN
        EXECUTE format('ALTER TABLE postroom.%I VALIDATE CONSTRAINT %I', p_parent || '_tail', p_parent || '_tail_ends');
    END IF;
END
$function$
;
COMMENT ON FUNCTION postroom.validate_tail IS 'Internal: checks the old rows of the tail against the promised end, after bound_tail and in a transaction of its own.';

CREATE OR REPLACE FUNCTION postroom.waiting_messages(p_queue integer, p_most integer)
 RETURNS TABLE(message_id uuid, place text)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
    SELECT x.message_id, x.place
    FROM ((SELECT r.message_id, 'READY' AS place
           FROM postroom.ready r
           WHERE r.queue_id = p_queue
           ORDER BY r.queue_id, r.priority, r.seq
           LIMIT p_most)
          UNION ALL
          (SELECT w.message_id, 'READY' FROM postroom.grouped w WHERE w.queue_id = p_queue LIMIT p_most)
          UNION ALL
          (SELECT d.message_id, 'DELAYED' FROM postroom.delayed d WHERE d.queue_id = p_queue LIMIT p_most)) x
    LIMIT p_most
$function$
;
COMMENT ON FUNCTION postroom.waiting_messages IS 'Internal: so many of the messages that wait in a queue, first those that are READY.';

CREATE OR REPLACE FUNCTION postroom.waits_in_group(p_queue integer, p_seq bigint)
 RETURNS boolean
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
    SELECT EXISTS (SELECT FROM postroom.queue q WHERE q.id = p_queue AND q.ordered)
       AND (EXISTS (
                SELECT
                FROM postroom.grouped w
                JOIN postroom.message m ON m.id = w.message_id
                WHERE w.queue_id = p_queue
                  AND CASE WHEN m.seq > 0 THEN m.seq ELSE w.seq END < p_seq
                  AND NOT EXISTS (
                      SELECT
                      FROM postroom.message_group g
                      WHERE g.queue_id = p_queue
                        AND g.group_key = w.group_key
                        AND (EXISTS (SELECT FROM postroom.delayed d WHERE d.message_id = g.message_id AND d.queue_id = p_queue)
                             OR EXISTS (SELECT FROM postroom.dead_letter d WHERE d.message_id = g.message_id AND d.queue_id = p_queue))))
            OR EXISTS (
                SELECT
                FROM postroom.ready r
                JOIN postroom.message m ON m.id = r.message_id
                WHERE r.queue_id = p_queue AND r.moved AND r.deliveries = 0 AND m.seq > 0 AND m.seq < p_seq))
$function$
;
COMMENT ON FUNCTION postroom.waits_in_group IS 'Internal: whether something in an ordered queue that came before a seq waits for its turn in its group.';

CREATE OR REPLACE FUNCTION postroom.worker_text(p_instance uuid)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
    SELECT coalesce(
        (SELECT format('worker "%s" (%s, since %s, last heartbeat %s s ago)', w.name, coalesce('from ' || host(w.address), 'local'),
                    to_char(w.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'),
                    greatest(extract(epoch FROM clock_timestamp() - w.beat_at), 0)::bigint)
         FROM postroom.worker w
         WHERE w.instance = p_instance),
        'a worker that is gone')
$function$
;
COMMENT ON FUNCTION postroom.worker_text IS 'Internal: names a process for an error message: where it runs, and since when.';

CREATE OR REPLACE FUNCTION postroom.write_settings(p_name text, p_before postroom.settings, p_after postroom.settings, p_by text, p_actor text)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
DECLARE
    next_version  constant bigint := 1 + coalesce((SELECT max(c.version) FROM postroom.settings_change c WHERE c.name = p_name), 0);
    actor         constant text := coalesce(p_actor, session_user);
    written       bigint;
BEGIN
    PERFORM set_config('postroom.settings_actor', actor, true);
    IF p_after.name IS NULL THEN
        DELETE FROM postroom.settings s WHERE s.name = p_name RETURNING next_version INTO written;
    ELSIF p_before.name IS NULL THEN
        INSERT INTO postroom.settings (name, channel, endpoint, max_attempts, retry_after, headers, templates, properties, secret,
                                       valid_from, valid_until, enabled, version, settings_by, changed_by)
        VALUES (p_name, p_after.channel, p_after.endpoint, p_after.max_attempts, p_after.retry_after, p_after.headers, p_after.templates,
                p_after.properties, p_after.secret, p_after.valid_from, p_after.valid_until, p_after.enabled, next_version, p_by, actor)
        ON CONFLICT DO NOTHING
        RETURNING version INTO written;
    ELSE
        UPDATE postroom.settings s
        SET channel = p_after.channel, endpoint = p_after.endpoint, max_attempts = p_after.max_attempts,
            retry_after = p_after.retry_after, headers = p_after.headers, templates = p_after.templates,
            properties = p_after.properties, secret = p_after.secret, valid_from = p_after.valid_from,
            valid_until = p_after.valid_until, enabled = p_after.enabled, version = next_version, settings_by = p_by,
            changed_at = clock_timestamp(), changed_by = actor
        WHERE s.name = p_name
        RETURNING s.version INTO written;
    END IF;
    PERFORM set_config('postroom.settings_actor', '', true);
    RETURN written;
END
$function$
;
COMMENT ON FUNCTION postroom.write_settings IS 'Internal: writes an entry, or deletes it (after is null). null: another transaction has made it meanwhile.';
