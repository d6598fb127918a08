-- Question: is every message in exactly one place, and is each place well-formed? No row: all is well.
-- Run: psql -f db/checks/conservation.sql, at any time, also while everything is at work.
-- It is ONE statement and needs READ COMMITTED: then it has all its locks before it takes its one snapshot. So a day that is being freed by
-- TRUNCATE (which older snapshots do not survive) is seen before or after. It reads all tables whole: 300,000 messages took 1.7 s on two
-- cores.
-- The lease time below is the default; set it to postroom.lease-time if that was changed.
WITH setting AS MATERIALIZED (
    SELECT interval '30 seconds' AS lease_time
), limits AS MATERIALIZED (
    -- A limit can be held against a message only if it is known to have been in force. It is not known when declarations set the limit
    -- (each start may change it), nor before an operator did. Attempts belong to the handler unless an operator set them.
    SELECT q.id,
           q.name,
           CASE WHEN q.settings_by = 'operator' THEN q.max_attempts END AS max_attempts,
           CASE WHEN q.settings_by <> 'declaration' THEN q.crash_limit END AS crash_limit,
           coalesce((SELECT max(o.at) FROM postroom.operator_action o WHERE o.queue_id = q.id AND o.action = 'declare'),
               '-infinity') AS since
    FROM postroom.queue q
), held AS MATERIALIZED (
    SELECT u.message_id, l.queue_id, l.id AS lease_id,
           coalesce(u.failures, 0::smallint) AS failures, coalesce(u.crashes, 0::smallint) AS crashes
    FROM postroom.lease l
    CROSS JOIN LATERAL unnest(l.message_ids, l.failures, l.crashes) WITH ORDINALITY u (message_id, failures, crashes, place)
    WHERE substring(l.open FROM u.place::int FOR 1) = B'1'
), live AS MATERIALIZED (
    SELECT r.message_id, r.queue_id, 'ready' AS place, r.failures, r.crashes FROM postroom.ready r
    UNION ALL
    SELECT d.message_id, d.queue_id, 'delayed', d.failures, d.crashes FROM postroom.delayed d
    UNION ALL
    SELECT w.message_id, w.queue_id, 'grouped', w.failures, w.crashes FROM postroom.grouped w
    UNION ALL
    SELECT h.message_id, h.queue_id, 'lease ' || h.lease_id, h.failures, h.crashes FROM held h
    UNION ALL
    SELECT d.message_id, d.queue_id, 'dead_letter', d.failures, d.crashes FROM postroom.dead_letter d
), finished AS MATERIALIZED (
    SELECT a.message_id, a.queue_id, count(*) AS times
    FROM postroom.attempt a
    WHERE a.outcome <= 2
    GROUP BY a.message_id, a.queue_id
), history AS MATERIALIZED (
    SELECT a.message_id, a.queue_id,
           count(*) FILTER (WHERE a.outcome IN (3, 6, 7)) AS failed,
           count(*) FILTER (WHERE a.outcome = 6) AS rejected,
           count(*) FILTER (WHERE a.outcome = 7) AS given_up,
           count(*) FILTER (WHERE a.outcome = 8) AS crashed
    FROM postroom.attempt a
    WHERE a.outcome IN (3, 6, 7, 8)
    GROUP BY a.message_id, a.queue_id
), found AS (
    SELECT 'no_place' AS "check", m.queue_id, m.id AS message_id, 'stored, but neither waiting, held, dead nor finished' AS detail
    FROM postroom.message m
    WHERE NOT EXISTS (SELECT FROM live l WHERE l.message_id = m.id)
      AND NOT EXISTS (SELECT FROM finished f WHERE f.message_id = m.id)

    UNION ALL
    SELECT 'no_place', e.queue_id, m.id, 'was routed to this queue, too, and is neither waiting, held, dead nor finished there'
    FROM postroom.message m
    CROSS JOIN LATERAL unnest(m.queue_ids) e (queue_id)
    WHERE m.queue_ids IS NOT NULL
      AND NOT EXISTS (SELECT FROM live l WHERE l.message_id = m.id AND l.queue_id = e.queue_id)
      AND NOT EXISTS (SELECT FROM finished f WHERE f.message_id = m.id AND f.queue_id = e.queue_id)

    UNION ALL
    SELECT 'two_places', l.queue_id, l.message_id, string_agg(l.place, ', ' ORDER BY l.place)
    FROM (SELECT queue_id, message_id, place FROM live
          UNION ALL SELECT f.queue_id, f.message_id, 'finished' FROM finished f) l
    GROUP BY l.queue_id, l.message_id
    HAVING count(*) > 1

    UNION ALL
    SELECT 'finished_twice', f.queue_id, f.message_id, f.times || ' lines of history finish it'
    FROM finished f
    WHERE f.times > 1

    UNION ALL
    SELECT 'no_message', l.queue_id, l.message_id, 'in ' || l.place || ', but its content is gone: purged unfinished, or written by hand'
    FROM live l
    WHERE NOT EXISTS (SELECT FROM postroom.message m WHERE m.id = l.message_id)

    UNION ALL
    SELECT 'purged_unfinished', h.queue_id, h.message_id, 'its content is gone, its history has no end'
    FROM history h
    WHERE NOT EXISTS (SELECT FROM postroom.message m WHERE m.id = h.message_id)
      AND NOT EXISTS (SELECT FROM finished f WHERE f.message_id = h.message_id)

    UNION ALL
    SELECT 'dedup_without_message', d.queue_id, d.message_id, 'the key "' || d.key || '" is taken for a message that is gone'
    FROM postroom.dedup d
    WHERE NOT EXISTS (SELECT FROM postroom.message m WHERE m.id = d.message_id)

    UNION ALL
    SELECT 'not_found_in_ready', r.queue_id, r.message_id,
           'at ' || r.seq || ', not at its first place and not marked as moved: look-ups miss it'
    FROM postroom.ready r
    JOIN postroom.message m ON m.id = r.message_id
    WHERE NOT r.moved
      AND NOT (r.queue_id = ANY (coalesce(m.queue_ids, ARRAY[m.queue_id])) AND r.priority = m.priority AND r.seq = m.seq)

    UNION ALL
    SELECT 'no_such_priority', r.queue_id, r.message_id, format('in ready with priority %s: nobody claims it', r.priority)
    FROM postroom.ready r
    WHERE r.priority NOT BETWEEN 0 AND 9

    UNION ALL
    SELECT 'lease_malformed', l.queue_id, NULL,
           format('lease %s: %s messages, bits %s%s', l.id, cardinality(l.message_ids), l.open,
               CASE WHEN bit_count(l.open) = 0 THEN ', none open' ELSE '' END)
    FROM postroom.lease l
    WHERE cardinality(l.message_ids) <> length(l.open)
       OR bit_count(l.open) = 0
       OR cardinality(l.failures) <> cardinality(l.message_ids)
       OR cardinality(l.crashes) <> cardinality(l.message_ids)
       OR cardinality(l.deliveries) <> cardinality(l.message_ids)

    UNION ALL
    SELECT 'lease_overdue', l.queue_id, NULL,
           format('lease %s of %s since %s: rescue should have put its messages back',
               l.id, coalesce(w.name, 'worker ' || l.worker_id || ' (gone)'), l.claimed_at)
    FROM postroom.lease l
    CROSS JOIN setting s
    LEFT JOIN postroom.worker w ON w.id = l.worker_id
    -- Rescue itself waits one lease time after a restart of the server.
    WHERE greatest(l.claimed_at, least(w.beat_at, w.stopped_at), pg_postmaster_start_time()) < statement_timestamp() - 3 * s.lease_time

    UNION ALL
    -- The longest time limit of a handler is 24 hours.
    SELECT 'lease_too_old', l.queue_id, NULL,
           format('lease %s of worker %s since %s: longer than any handler may take', l.id, l.worker_id, l.claimed_at)
    FROM postroom.lease l
    WHERE l.claimed_at < statement_timestamp() - interval '25 hours'

    UNION ALL
    SELECT 'not_promoted', d.queue_id, d.message_id, format('DELAYED and due since %s, while workers live', d.due_at)
    FROM postroom.delayed d
    WHERE d.due_at < statement_timestamp() - interval '10 minutes'
      AND EXISTS (
          SELECT
          FROM postroom.worker w
          CROSS JOIN setting s
          WHERE w.stopped_at IS NULL
            AND w.beat_at > statement_timestamp() - s.lease_time
            AND w.started_at < statement_timestamp() - interval '10 minutes')

    UNION ALL
    SELECT 'dead_letter_unexplained', d.queue_id, d.message_id,
           format('%s with %s failures and %s crashes; history: %s failed, %s rejected, %s crashed',
               d.reason, d.failures, d.crashes, coalesce(h.failed, 0), coalesce(h.rejected, 0), coalesce(h.crashed, 0))
    FROM postroom.dead_letter d
    LEFT JOIN history h ON h.message_id = d.message_id AND h.queue_id = d.queue_id
    WHERE CASE d.reason
              WHEN 'attempts_spent' THEN d.failures < 1 OR coalesce(h.given_up, 0) < 1
              WHEN 'rejected' THEN coalesce(h.rejected, 0) < 1
              WHEN 'crash_limit' THEN d.crashes < 1 OR coalesce(h.crashed, 0) < 1
              ELSE d.error IS NULL
          END

    UNION ALL
    SELECT 'dead_letter_under_limit', d.queue_id, d.message_id,
           format('%s with %s failures of %s and %s crashes of %s', d.reason, d.failures, l.max_attempts, d.crashes, l.crash_limit)
    FROM postroom.dead_letter d
    JOIN limits l ON l.id = d.queue_id AND d.dead_at > l.since
    WHERE d.reason = 'attempts_spent' AND d.failures < l.max_attempts
       OR d.reason = 'crash_limit' AND d.crashes < l.crash_limit

    UNION ALL
    SELECT 'over_limit', p.queue_id, p.message_id,
           format('in %s with %s failures of %s and %s crashes of %s: it should be dead',
               p.place, p.failures, l.max_attempts, p.crashes, l.crash_limit)
    FROM live p
    JOIN limits l ON l.id = p.queue_id
    JOIN postroom.message m ON m.id = p.message_id AND m.created_at > l.since
    WHERE p.place <> 'dead_letter'
      AND (p.failures >= l.max_attempts OR p.crashes >= l.crash_limit)

    UNION ALL
    SELECT 'credit_unexplained', p.queue_id, p.message_id,
           format('in %s with %s failures and %s crashes; history: %s failed, %s crashed',
               p.place, p.failures, p.crashes, coalesce(h.failed, 0), coalesce(h.crashed, 0))
    FROM live p
    LEFT JOIN history h ON h.message_id = p.message_id AND h.queue_id = p.queue_id
    WHERE (p.failures > 0 OR p.crashes > 0)
      AND (p.failures > coalesce(h.failed, 0) OR p.crashes > coalesce(h.crashed, 0))

    UNION ALL
    -- In an ordered queue a message in progress holds its group, so that no other one of the group is in progress.
    SELECT 'group_not_held', h.queue_id, h.message_id,
           format('in progress under lease %s, but its group "%s" is %s', h.lease_id, m.group_key,
               coalesce('held by message ' || g.message_id, 'free'))
    FROM held h
    JOIN postroom.queue q ON q.id = h.queue_id
    JOIN postroom.message m ON m.id = h.message_id
    LEFT JOIN postroom.message_group g ON g.queue_id = h.queue_id AND g.group_key = m.group_key
    WHERE q.ordered
      AND m.group_key IS NOT NULL
      AND g.message_id IS DISTINCT FROM h.message_id

    UNION ALL
    -- The holder of each group is looked for every few seconds.
    SELECT 'group_without_holder', g.queue_id, g.message_id,
           format('group "%s" is held since %s by a message that has ended: sweep_groups should have let it go on',
               g.group_key, g.held_since)
    FROM postroom.message_group g
    WHERE g.held_since < statement_timestamp() - interval '10 minutes'
      AND NOT EXISTS (SELECT FROM live l WHERE l.message_id = g.message_id AND l.queue_id = g.queue_id AND l.place <> 'grouped')

    UNION ALL
    SELECT 'ledger', l.queue_id, l.first_id, format('line %s: %s messages from %s to %s', l.id, l.messages, l.first_id, l.last_id)
    FROM postroom.purge_ledger l
    WHERE l.messages < 1
       OR l.first_id > l.last_id
       OR (l.messages = 1) <> (l.first_id = l.last_id)
       OR NOT EXISTS (SELECT FROM postroom.queue q WHERE q.id = l.queue_id)

    UNION ALL
    -- A sequence that fell back (a standby promoted, a backup restored) hides new messages behind the cursors of running workers; one that
    -- caches numbers breaks the low watermark.
    SELECT 'sequence', NULL, NULL,
           format('ready_seq stands at %s with cache %s; the highest in ready is %s', s.last_value, p.seqcache, r.highest)
    FROM postroom.ready_seq s
    JOIN pg_sequence p ON p.seqrelid = 'postroom.ready_seq'::regclass
    CROSS JOIN (SELECT max(r.seq) AS highest FROM postroom.ready r) r
    WHERE r.highest > s.last_value
       OR p.seqcache <> 1
)
SELECT f."check", coalesce(l.name, '#' || f.queue_id) AS queue, f.message_id, f.detail
FROM found f
LEFT JOIN limits l ON l.id = f.queue_id
ORDER BY f."check", queue, f.message_id;
