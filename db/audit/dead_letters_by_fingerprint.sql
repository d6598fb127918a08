-- Question: which errors killed messages? Alike errors share a fingerprint; a redrive can be told to take one fingerprint only.
-- Parameters: none.
-- Run: psql -f db/audit/dead_letters_by_fingerprint.sql
SELECT d.fingerprint,
       d.queue,
       d.reason,
       count(*) AS dead_letters,
       min(d.dead_at) AS first_at,
       max(d.dead_at) AS last_at,
       (array_agg(d.message_id ORDER BY d.dead_at DESC, d.message_id))[1] AS newest,
       (array_agg(left(split_part(d.error, E'\n', 1), 200) ORDER BY d.dead_at DESC, d.message_id))[1] AS newest_error
FROM postroom.dead_letters d
GROUP BY d.fingerprint, d.queue, d.reason
ORDER BY dead_letters DESC, d.fingerprint, d.queue;
