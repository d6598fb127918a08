-- Why: what users may query. Tables stay internal; these views keep their columns. A look-up by message_id goes through an index in every
-- place a message can be in. lease is the exception: that table has a row per batch in progress and is read whole.
-- Locks: only new objects.
-- Table size: tried on 300,000 messages with 200 leases: queue_messages by id 1.6 ms (1.1 of them the leases), all of it 310 ms.
-- Older workers: none exist.

-- Where each message is, and nothing else; the views below add names. A message that never moved is found in ready by its first seq.
CREATE VIEW postroom.place AS
SELECT first.id AS message_id, r.queue_id, 'READY'::text AS state, r.priority, r.seq, r.failures, r.crashes, r.deliveries,
       NULL::timestamptz AS due_at, NULL::text AS reason, NULL::bigint AS lease_id, NULL::int AS worker_id, NULL::timestamptz AS claimed_at,
       NULL::timestamptz AS finished_at
FROM postroom.message first
JOIN postroom.ready r ON r.queue_id = ANY (coalesce(first.queue_ids, ARRAY[first.queue_id]))
                     AND r.priority = first.priority AND r.seq = first.seq AND r.message_id = first.id
WHERE NOT r.moved
UNION ALL
SELECT r.message_id, r.queue_id, 'READY', r.priority, r.seq, r.failures, r.crashes, r.deliveries,
       NULL, NULL, NULL, NULL, NULL, NULL
FROM postroom.ready r
WHERE r.moved
UNION ALL
SELECT d.message_id, d.queue_id, 'DELAYED', d.priority, NULL, d.failures, d.crashes, d.deliveries,
       d.due_at, d.reason, NULL, NULL, NULL, NULL
FROM postroom.delayed d
UNION ALL
SELECT w.message_id, w.queue_id, 'READY', w.priority, w.seq, w.failures, w.crashes, w.deliveries,
       NULL, NULL, NULL, NULL, NULL, NULL
FROM postroom.grouped w
UNION ALL
SELECT u.message_id, l.queue_id, 'IN_PROGRESS', l.priority, NULL,
       coalesce(u.failures, 0::smallint), coalesce(u.crashes, 0::smallint), least(coalesce(u.deliveries, 0) + 1, 32767)::smallint,
       NULL, NULL, l.id, l.worker_id, l.claimed_at, NULL
FROM postroom.lease l
CROSS JOIN LATERAL unnest(l.message_ids, l.failures, l.crashes, l.deliveries)
    WITH ORDINALITY u (message_id, failures, crashes, deliveries, place)
WHERE substring(l.open FROM u.place::int FOR 1) = B'1'
UNION ALL
SELECT d.message_id, d.queue_id, 'DEAD', d.priority, NULL, d.failures, d.crashes, d.deliveries,
       NULL, d.reason, NULL, NULL, NULL, NULL
FROM postroom.dead_letter d
UNION ALL
SELECT a.message_id, a.queue_id, CASE a.outcome WHEN 0 THEN 'DONE' WHEN 1 THEN 'CANCELLED' ELSE 'EXPIRED' END,
       NULL, NULL, NULL, NULL, a.number,
       NULL, CASE a.outcome WHEN 1 THEN a.error END, a.lease_id, a.worker_id, NULL, a.finished_at
FROM postroom.attempt a
WHERE a.outcome <= 2;
COMMENT ON VIEW postroom.place IS 'Internal: where each message is; query queue_messages instead';

CREATE VIEW postroom.queue_messages AS
SELECT p.message_id,
       q.name AS queue,
       p.state,
       m.type,
       m.type_version,
       CASE m.direction WHEN 0 THEN 'OUTGOING' ELSE 'INCOMING' END AS direction,
       coalesce(p.priority, m.priority) AS priority,
       m.correlation_id,
       m.group_key,
       m.headers,
       m.payload,
       m.body,
       coalesce(m.content_type, 'application/json') AS content_type,
       m.created_at,
       m.created_by,
       m.exchange,
       m.routing_key,
       CASE WHEN m.queue_ids IS NULL THEN m.expires_at ELSE
           least(m.expires_at, (SELECT x.expires_at FROM postroom.entry_expiry x
                                WHERE x.message_id = p.message_id AND x.queue_id = p.queue_id)) END AS expires_at,
       -- A place without these counts has them in the history.
       CASE WHEN p.failures IS NOT NULL THEN p.failures WHEN p.deliveries <= 1 THEN 0 ELSE
           (SELECT count(*)::int FROM postroom.attempt a
            WHERE a.message_id = p.message_id AND a.queue_id = p.queue_id AND a.outcome IN (3, 6, 7)) END AS failures,
       CASE WHEN p.crashes IS NOT NULL THEN p.crashes WHEN p.deliveries <= 1 THEN 0 ELSE
           (SELECT count(*)::int FROM postroom.attempt a
            WHERE a.message_id = p.message_id AND a.queue_id = p.queue_id AND a.outcome = 8) END AS crashes,
       p.deliveries,
       p.seq,
       p.due_at,
       p.reason,
       CASE WHEN p.deliveries > 0 THEN
           (SELECT a.error FROM postroom.attempt a
            WHERE a.message_id = p.message_id AND a.queue_id = p.queue_id AND a.error IS NOT NULL AND a.outcome <> 0
            ORDER BY a.finished_at DESC
            LIMIT 1) END AS error,
       CASE WHEN p.state = 'IN_PROGRESS' THEN coalesce(w.name, 'worker ' || p.worker_id || ' (gone)') END AS worker,
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
COMMENT ON COLUMN postroom.queue_messages.group_key IS
    'messages of one group run one after the other in an ordered queue; in others a label';
COMMENT ON COLUMN postroom.queue_messages.body IS 'the content when it is bytes; payload is null then';
COMMENT ON COLUMN postroom.queue_messages.exchange IS 'through which it was created; null: it named its queue';
COMMENT ON COLUMN postroom.queue_messages.expires_at IS 'a message still waiting then becomes EXPIRED; null: never';
COMMENT ON COLUMN postroom.queue_messages.failures IS 'attempts that failed since the last redrive; of a finished one all there were';
COMMENT ON COLUMN postroom.queue_messages.crashes IS 'how often its worker died after it had started; of a finished one all there were';
COMMENT ON COLUMN postroom.queue_messages.deliveries IS 'times it was claimed, the one in progress, releases and snoozes included';
COMMENT ON COLUMN postroom.queue_messages.seq IS
    'when READY: its place in the order of its queue and priority, or in its group';
COMMENT ON COLUMN postroom.queue_messages.due_at IS 'when a DELAYED one becomes READY';
COMMENT ON COLUMN postroom.queue_messages.reason IS
    'why it is DELAYED (delay, retry, snooze, not_now, no_handler, undecodable, payload_missing, not_run) '
    'DEAD (attempts_spent, rejected, undecodable, crash_limit, quarantined, expired, maxlen, dlx_unroutable, cycle) '
    'or CANCELLED (queue_deleted, maxlen, batch_cancelled; null: somebody asked for it)';
COMMENT ON COLUMN postroom.queue_messages.error IS 'the last recorded error';
COMMENT ON COLUMN postroom.queue_messages.worker IS 'who holds it while IN_PROGRESS, since claimed_at';
COMMENT ON COLUMN postroom.queue_messages.removable_at IS
    'when the retention of its queue is over and RemoveQueueMessages may remove it; null: not finished';

-- queue_messages is quick by the id alone, because a UNION of joins takes no parameter from outside. Ask here first, and there with
-- message_id = ANY (ARRAY(SELECT message_id FROM postroom.message_content WHERE ...)): 27 instead of 92 ms for 300 messages of 300,000.
CREATE VIEW postroom.message_content AS
SELECT m.id AS message_id,
       q.name AS queue,
       m.type,
       m.type_version,
       CASE m.direction WHEN 0 THEN 'OUTGOING' ELSE 'INCOMING' END AS direction,
       m.priority,
       m.correlation_id,
       m.group_key,
       m.headers,
       m.payload,
       m.body,
       coalesce(m.content_type, 'application/json') AS content_type,
       m.created_at,
       m.created_by,
       m.exchange,
       m.routing_key,
       m.expires_at,
       CASE WHEN m.queue_ids IS NOT NULL THEN
           ARRAY(SELECT t.name FROM postroom.queue t WHERE t.id = ANY (m.queue_ids) ORDER BY t.name) END AS queues
FROM postroom.message m
LEFT JOIN postroom.queue q ON q.id = m.queue_id;
COMMENT ON VIEW postroom.message_content IS 'one row per stored message, without where it stands: quick by message_id and correlation_id';
COMMENT ON COLUMN postroom.message_content.queue IS 'null: it was routed to several queues, those of queues';

CREATE VIEW postroom.message_history AS
SELECT a.message_id,
       q.name AS queue,
       CASE WHEN a.lease_id IS NULL THEN 0 ELSE a.number END AS number,
       CASE WHEN a.worker_id IS NULL THEN '' ELSE coalesce(w.name, 'worker ' || a.worker_id || ' (gone)') END AS worker,
       a.started_at,
       a.finished_at,
       (ARRAY ['done', 'cancelled', 'expired', 'retry', 'snooze', 'not_now', 'reject', 'failed', 'crashed',
        'undecodable'])[a.outcome + 1] AS outcome,
       a.error_class,
       CASE WHEN a.outcome <> 0 THEN a.error END AS error,
       CASE WHEN a.outcome = 0 THEN a.error END AS note,
       a.lease_id
FROM postroom.attempt a
JOIN postroom.queue q ON q.id = a.queue_id
LEFT JOIN postroom.worker w ON w.id = a.worker_id;
COMMENT ON VIEW postroom.message_history IS
    'what happened to messages: one row per attempt that ended, and one when it was cancelled or expired';
COMMENT ON COLUMN postroom.message_history.number IS 'the delivery it belongs to, from 1; 0: cancelled or expired while waiting';
COMMENT ON COLUMN postroom.message_history.worker IS 'the process that ran it; empty when none did';
COMMENT ON COLUMN postroom.message_history.outcome IS
    'done, cancelled, expired (these three finish a message), retry, snooze, not_now, reject, failed (last attempt spent), crashed, '
    'undecodable (when a handler''s process could first not read it)';
COMMENT ON COLUMN postroom.message_history.error IS 'what went wrong; of a cancelled one the reason where there is one';
COMMENT ON COLUMN postroom.message_history.note IS 'what the handler noted of a message that it finished';
COMMENT ON COLUMN postroom.message_history.lease_id IS 'the fencing number it ran under; messages of one batch share it';

CREATE VIEW postroom.group_weights AS
SELECT q.name AS queue, w.key COLLATE "C" AS group_key, w.value::int AS weight, q.fair
FROM postroom.queue q
CROSS JOIN LATERAL jsonb_each_text(q.group_weights) w
WHERE q.deleted_at IS NULL;
COMMENT ON VIEW postroom.group_weights IS
    'groups of fair queues of which more than one message goes in a turn; groups that are not named have the weight 1';
COMMENT ON COLUMN postroom.group_weights.weight IS 'how many messages of the group go in one turn, 2 to 100';
COMMENT ON COLUMN postroom.group_weights.fair IS 'whether the queue is fair now; the weights of one that is not mean nothing';

-- ready and dead_letter have an index by queue; the other tables are read once for all queues.
CREATE VIEW postroom.queue_stats AS
SELECT q.name AS queue,
       r.ready,
       coalesce(d.delayed, 0) AS delayed,
       coalesce(l.in_progress, 0) AS in_progress,
       x.dead,
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
       q.fair
FROM postroom.queue q
CROSS JOIN LATERAL (
    SELECT (SELECT count(*) FROM postroom.ready x WHERE x.queue_id = q.id)
           + (SELECT count(*) FROM postroom.grouped x WHERE x.queue_id = q.id) AS ready) r
CROSS JOIN LATERAL (SELECT count(*) AS dead FROM postroom.dead_letter x WHERE x.queue_id = q.id) x
CROSS JOIN LATERAL (
    SELECT count(*)::int AS consumers
    FROM postroom.consumer c
    JOIN postroom.worker w ON w.id = c.worker_id
    WHERE c.queue_id = q.id
      AND w.stopped_at IS NULL
      AND w.beat_at > statement_timestamp() - interval '1 minute') c
CROSS JOIN LATERAL (
    SELECT min(m.created_at) AS oldest_ready_at
    FROM generate_series(0, 9) lane (priority)
    CROSS JOIN LATERAL (
        SELECT r.message_id
        FROM postroom.ready r
        WHERE r.queue_id = q.id AND r.priority = lane.priority::smallint
        ORDER BY r.seq
        LIMIT 1) head
    JOIN postroom.message m ON m.id = head.message_id) h
LEFT JOIN (SELECT d.queue_id, count(*) AS delayed FROM postroom.delayed d GROUP BY d.queue_id) d ON d.queue_id = q.id
LEFT JOIN (
    SELECT l.queue_id, sum(bit_count(l.open))::bigint AS in_progress FROM postroom.lease l GROUP BY l.queue_id) l ON l.queue_id = q.id
LEFT JOIN postroom.worker w ON w.instance = q.owner
LEFT JOIN postroom.active_consumer ac ON ac.queue_id = q.id
LEFT JOIN postroom.worker aw ON aw.id = ac.worker_id
WHERE q.deleted_at IS NULL;
COMMENT ON VIEW postroom.queue_stats IS 'one row per queue: how much is in each place now; finished messages are not counted';
COMMENT ON COLUMN postroom.queue_stats.oldest_ready_at IS
    'when the oldest of the messages at the heads of its priorities was created; null: nothing is READY';
COMMENT ON COLUMN postroom.queue_stats.consumers IS 'live consumers in all processes: their process gave a sign of life in the last minute';
COMMENT ON COLUMN postroom.queue_stats.kind IS 'durable, exclusive (goes with its owner) or auto_delete (goes with its last consumer)';
COMMENT ON COLUMN postroom.queue_stats.max_length IS 'most READY messages; null: as many as come';
COMMENT ON COLUMN postroom.queue_stats.overflow IS 'above that: drop_head, reject or reject_to_dead_letter_exchange';
COMMENT ON COLUMN postroom.queue_stats.single_active_consumer IS 'whether only one process consumes at a time';
COMMENT ON COLUMN postroom.queue_stats.active_consumer IS 'the process that does; null: none has claimed yet since the last one left';
COMMENT ON COLUMN postroom.queue_stats.expires_after IS 'after how long without use the queue is deleted; null: never';
COMMENT ON COLUMN postroom.queue_stats.fair IS 'whether the groups of its messages take turns';
COMMENT ON COLUMN postroom.queue_stats.owner IS 'the process that an exclusive queue belongs to';

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
COMMENT ON VIEW postroom.dead_letters IS 'messages that were given up; they stay until redriven (postroom.redrive) or cancelled';
COMMENT ON COLUMN postroom.dead_letters.reason IS
    'attempts_spent, rejected, undecodable, crash_limit, quarantined; '
    'in a queue with a dead letter exchange also expired, maxlen, dlx_unroutable, cycle';
COMMENT ON COLUMN postroom.dead_letters.fingerprint IS 'the same for alike errors: class and message without their digits';

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
       o.note
FROM postroom.operator_action o
LEFT JOIN postroom.queue q ON q.id = o.queue_id;
COMMENT ON VIEW postroom.operator_log IS
    'what people did: pause, resume, stop_consumers, start_consumers, cancel, reschedule, redrive, purge, declare, delete';
COMMENT ON COLUMN postroom.operator_log.actor IS 'the person if the console or API knew it, else the database user';
COMMENT ON COLUMN postroom.operator_log.done IS
    'how many messages of the planned ones it has moved; a bulk action goes on until finished_at';

CREATE VIEW postroom.dropped_messages AS
SELECT d.dropped_at, d.exchange, d.routing_key, d.message_id, d.type, d.correlation_id
FROM postroom.dropped_message d;
COMMENT ON VIEW postroom.dropped_messages IS
    'messages that reached no queue and were created with mandatory off: one row each, kept for seven days';

CREATE VIEW postroom.exchanges AS
SELECT e.name AS exchange, e.kind, e.alternate, e.created_at
FROM postroom.exchange e;
COMMENT ON VIEW postroom.exchanges IS 'exchanges: what takes messages that name no queue';

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

CREATE VIEW postroom.purge_log AS
SELECT l.purged_at,
       q.name AS queue,
       (ARRAY ['done', 'cancelled', 'expired'])[l.outcome + 1] AS outcome,
       l.messages,
       l.first_id,
       l.last_id,
       l.how
FROM postroom.purge_ledger l
LEFT JOIN postroom.queue q ON q.id = l.queue_id;
COMMENT ON VIEW postroom.purge_log IS 'what RemoveQueueMessages removed: one row per purge, queue and outcome';
COMMENT ON COLUMN postroom.purge_log.first_id IS 'lowest and, in last_id, highest id that left; not all between them did';
COMMENT ON COLUMN postroom.purge_log.how IS 'truncate: with its whole day; delete: in a batch';

CREATE VIEW postroom.consumers AS
SELECT q.name AS queue,
       c.handler,
       w.name AS worker,
       CASE c.direction WHEN 0 THEN 'OUTGOING' ELSE 'INCOMING' END AS direction,
       c.types,
       c.concurrency,
       c.mode,
       c.started_at,
       w.version,
       w.beat_at,
       w.stopped_at IS NULL AND w.beat_at > statement_timestamp() - interval '1 minute' AS live,
       q.consumers_stopped_at IS NOT NULL OR s.worker_id IS NOT NULL AS told_to_stop
FROM postroom.consumer c
JOIN postroom.queue q ON q.id = c.queue_id
JOIN postroom.worker w ON w.id = c.worker_id
LEFT JOIN postroom.consumer_stop s ON s.worker_id = c.worker_id AND s.queue_id = c.queue_id;
COMMENT ON VIEW postroom.consumers IS 'who handles what: one row per queue, process and handler';
COMMENT ON COLUMN postroom.consumers.types IS
    'type/version it takes (versions up to that one); an empty text: messages without a type; *: any';
COMMENT ON COLUMN postroom.consumers.live IS 'its process gave a sign of life in the last minute';
COMMENT ON COLUMN postroom.consumers.told_to_stop IS 'by stop_consumers; consumer_stops has the receipts';

-- lease has no index by worker or queue and is read once.
CREATE VIEW postroom.consumer_stops AS
SELECT q.name AS queue,
       coalesce(w.name, 'worker ' || s.worker_id || ' (gone)') AS worker,
       s.ordered_at,
       o.actor AS ordered_by,
       s.stopped_at,
       greatest(coalesce(l.held, 0), CASE WHEN w.stopped_at IS NULL AND w.beat_at > statement_timestamp() - interval '1 minute'
                                          THEN s.held END) AS in_flight,
       w.beat_at,
       w.id IS NULL OR w.stopped_at IS NOT NULL AS ended,
       s.worker_id,
       s.order_id
FROM postroom.consumer_stop s
JOIN postroom.queue q ON q.id = s.queue_id
LEFT JOIN postroom.worker w ON w.id = s.worker_id
LEFT JOIN postroom.operator_action o ON o.id = s.order_id
LEFT JOIN (
    SELECT l.worker_id, l.queue_id, sum(bit_count(l.open))::int AS held
    FROM postroom.lease l
    GROUP BY l.worker_id, l.queue_id) l ON l.worker_id = s.worker_id AND l.queue_id = s.queue_id;
COMMENT ON VIEW postroom.consumer_stops IS
    'consumers that were told to stop (stop_consumers), and their receipts; a row goes with start_consumers';
COMMENT ON COLUMN postroom.consumer_stops.ordered_by IS 'who told it; null: its process started after an order for all';
COMMENT ON COLUMN postroom.consumer_stops.stopped_at IS 'since when it claims no more; null: its process has not answered yet';
COMMENT ON COLUMN postroom.consumer_stops.in_flight IS 'messages of the queue that its process still holds';
COMMENT ON COLUMN postroom.consumer_stops.ended IS 'its process has ended in good order';
