package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Statements about mailboxes. */
final class MailboxSql {
    private MailboxSql() {}

    static final Sql ENTRIES = Sql.of("""
            -- name: list_mailbox_entries
            SELECT name
            FROM postroom.settings
            WHERE channel = 'mailbox'
            ORDER BY name
            """);

    /** A lease that ends later than in a minute is of a clock that was ahead. */
    static final Sql HOLD = Sql.of("""
            -- name: hold_mailbox
            INSERT INTO postroom.mailbox AS m (name, holder, worker, held_until)
            VALUES (:name, :holder, :worker, clock_timestamp() + interval '30 seconds')
            ON CONFLICT ON CONSTRAINT mailbox_pk DO UPDATE
            SET holder = excluded.holder,
                worker = excluded.worker,
                held_until = excluded.held_until
            WHERE m.holder = excluded.holder
               OR m.held_until IS NULL
               OR m.held_until NOT BETWEEN clock_timestamp() AND clock_timestamp() + interval '1 minute'
            """);

    static final Sql RELEASE = Sql.of("""
            -- name: release_mailbox
            UPDATE postroom.mailbox
            SET holder = NULL, held_until = NULL
            WHERE name = :name
              AND holder = :holder
            """);

    static final Sql BEGIN = Sql.of("""
            -- name: begin_mailbox
            UPDATE postroom.mailbox
            SET source = :source,
                generation = generation + 1,
                uid_validity = :uidValidity,
                known_below = :uidNext,
                position = 0
            WHERE name = :name
              AND holder = :holder
              AND (source <> :source OR uid_validity <> :uidValidity OR generation = 0)
            """);

    static final Sql GENERATION = Sql.of("""
            -- name: find_mailbox_generation
            SELECT generation, known_below, position
            FROM postroom.mailbox
            WHERE name = :name
            """);

    static final Sql FORGET = Sql.of("""
            -- name: forget_received_mails
            DELETE FROM postroom.received_mail
            WHERE (mailbox, generation, mail_id) IN (
                SELECT r.mailbox, r.generation, r.mail_id
                FROM postroom.received_mail r
                WHERE r.mailbox = :name
                  AND r.taken_at < clock_timestamp() - interval '90 days'
                  AND NOT (r.generation = :generation AND r.mail_id = ANY (:present))
                LIMIT 1000)
            """);

    static final Sql KNOWN = Sql.of("""
            -- name: find_received_mails
            SELECT mail_id, error <> ''
            FROM postroom.received_mail
            WHERE mailbox = :name
              AND generation = :generation
              AND mail_id = ANY (:mailIds)
            """);

    static final Sql UNMARKED = Sql.of("""
            -- name: list_unmarked_mails
            SELECT mail_id, error <> ''
            FROM postroom.received_mail
            WHERE mailbox = :name
              AND generation = :generation
              AND NOT is_marked
            LIMIT 500
            """);

    static final Sql MARKED = Sql.of("""
            -- name: mark_received_mails
            UPDATE postroom.received_mail
            SET is_marked = true
            WHERE mailbox = :name
              AND generation = :generation
              AND mail_id = ANY (:mailIds)
              AND NOT is_marked
            """);

    /**
     * Locks the mailbox if the reader still holds its lease. A reader that was suspended for longer than that finds another holder here,
     * and creates nothing. One whose lease ended a moment ago, and was taken by nobody, may go on: the lock keeps a new holder waiting.
     */
    static final Sql LOCK = Sql.of("""
            -- name: lock_mailbox
            UPDATE postroom.mailbox
            SET position = greatest(position, :position)
            WHERE name = :name
              AND holder = :holder
              AND generation = :generation
            """);

    static final Sql IS_SAME = Sql.of("""
            -- name: is_mail_received
            SELECT EXISTS (
                SELECT
                FROM postroom.received_mail
                WHERE fingerprint = :fingerprint
                  AND mailbox = :name
                  AND message_id IS NOT NULL)
            """);

    static final Sql DECIDE = Sql.of("""
            -- name: decide_mail
            INSERT INTO postroom.received_mail (mailbox, generation, mail_id, message_id, size, is_marked, fingerprint, internet_id, error)
            VALUES (:name, :generation, :mailId, :messageId::uuid, :size, :marked, :fingerprint, :internetId, :error)
            ON CONFLICT ON CONSTRAINT received_mail_pk DO NOTHING
            """);

    static final Sql REPORT = Sql.of("""
            -- name: report_mailbox
            UPDATE postroom.mailbox
            SET read_at = CASE WHEN :error = '' THEN clock_timestamp() ELSE read_at END,
                failing_since = CASE WHEN :error = '' THEN NULL ELSE coalesce(failing_since, clock_timestamp()) END,
                error = :error
            WHERE name = :name
              AND holder = :holder
            """);

    static final Sql LIST = Sql.of("""
            -- name: list_mailboxes
            SELECT name, source, worker, held, read_at, failing_since, error, messages, rejected
            FROM postroom.mailboxes
            ORDER BY name
            """);

    static final Sql REJECTED = Sql.of("""
            -- name: list_rejected_mails
            SELECT mail_id, internet_id, size, taken_at, error
            FROM postroom.received_mails
            WHERE mailbox = :name
              AND error <> ''
            ORDER BY taken_at DESC
            LIMIT :most
            """);
}
