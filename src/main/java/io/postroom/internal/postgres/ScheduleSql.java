package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Statements about schedules. */
final class ScheduleSql {
    private ScheduleSql() {}

    static final Sql DECLARE = Sql.of("""
            -- name: create_schedule
            SELECT postroom.create_schedule(
                :name, :message::jsonb, cron => :cron, zone => :zone,
                every => :every::bigint * interval '1 microsecond', after_end => :afterEnd::bigint * interval '1 microsecond',
                at => :at, missed => :missed, missed_limit => :missedLimit, overlap => :overlap, set_by => :setBy)
            """);

    static final Sql DELETE = Sql.of("""
            -- name: delete_schedule
            SELECT postroom.delete_schedule(:name, :reason::text, :actor::text)
            """);

    static final Sql PAUSE = Sql.of("""
            -- name: pause_schedule
            SELECT postroom.pause_schedule(:name, :reason::text, :actor::text)
            """);

    static final Sql RESUME = Sql.of("""
            -- name: resume_schedule
            SELECT postroom.resume_schedule(:name, :reason::text, :actor::text)
            """);

    static final Sql RUN = Sql.of("""
            -- name: run_schedule
            SELECT postroom.run_schedule(:name, :reason::text, :actor::text)
            """);

    private static final String TIMING = """
            cron, zone, (extract(epoch FROM every) * 1000000)::bigint, (extract(epoch FROM after_end) * 1000000)::bigint, at,
            missed, missed_limit, overlap
            """;

    private static final String INFO = "SELECT " + TIMING + """
            , name, state, queue, exchange, next_at, last_planned_at, last_fired_at, last_message_id, error, settings_by
            FROM postroom.schedules
            """;

    static final Sql LIST = Sql.of(
            "-- name: list_schedules\n" + INFO + "WHERE name > :after COLLATE \"C\" ORDER BY name LIMIT :limit\n");

    static final Sql FIND = Sql.of("-- name: find_schedule\n" + INFO + "WHERE name = :name\n");

    static final Sql RUNS = Sql.of("""
            -- name: schedule_runs
            SELECT planned_at, fired_at, outcome, message_id
            FROM postroom.schedule_runs
            WHERE name = :name
            ORDER BY fired_at DESC, planned_at DESC
            """);

    static final Sql NOW = Sql.of("-- name: now\nSELECT statement_timestamp()\n");

    static final Sql UNTIL_NEXT_DUE = Sql.of("""
            -- name: until_next_schedule
            SELECT (extract(epoch FROM min(due_at) - statement_timestamp()) * 1000000)::bigint
            FROM postroom.schedule
            WHERE due_at IS NOT NULL
            """);

    static final Sql DUE = Sql.of("""
            -- name: due_schedules
            SELECT id
            FROM postroom.schedule
            WHERE due_at <= statement_timestamp()
              AND (failures > 0 OR NOT :onlyFailed)
            ORDER BY due_at
            LIMIT :limit
            """);

    /**
     * Locks due rows. Under READ COMMITTED a row that another node has just moved on is checked again after the wait for it, and left out.
     * A message's state is asked for by a second statement: under this one's snapshot the message of such a row might not exist yet, and
     * would count as finished.
     */
    static final Sql LOCK_DUE = Sql.of("""
            -- name: lock_due_schedules
            SELECT\s""" + TIMING + """
            , id, name, (message - 'payload')::text, (message -> 'payload')::text,
            (extract(epoch FROM (message ->> 'delay')::interval) * 1000000)::bigint,
            (extract(epoch FROM (message ->> 'timeToLive')::interval) * 1000000)::bigint,
            paused, ended, after_at, planned_at, asked_at, last_message_id, runs, statement_timestamp()
            FROM postroom.schedule
            WHERE due_at <= statement_timestamp()
              AND (:only::int IS NULL AND failures = 0 OR id = :only::int)
            ORDER BY due_at
            LIMIT :limit
            FOR UPDATE SKIP LOCKED
            """);

    /**
     * Lets the messages of this transaction wait for no room in a queue: see {@code admit} in {@code db/function/limits.sql}. Somebody's
     * open transaction that has created a message in that queue would hold up all schedules of this one. And that transaction may want the
     * row of a schedule, which is locked here.
     */
    static final Sql WAIT_FOR_NO_ROOM = Sql.of("""
            -- name: wait_for_no_room
            SELECT set_config('postroom.wait_for_room', 'off', true)
            """);

    static final Sql LAST_MESSAGES = Sql.of("""
            -- name: last_messages
            SELECT p.message_id, bool_or(p.state IN ('READY', 'DELAYED', 'IN_PROGRESS')), max(p.finished_at),
                   (SELECT max(a.finished_at) FROM postroom.attempt a WHERE a.message_id = p.message_id)
            FROM postroom.place p
            WHERE p.message_id = ANY (:ids::uuid[])
            GROUP BY p.message_id
            """);

    static final Sql CANCEL_OLDER = Sql.of("-- name: cancel_older\nSELECT postroom.cancel_older(:id)\n");

    /** Moves schedules on. The next look of others finds them with their new time, or waits for this transaction. */
    static final Sql MOVE_ON = Sql.of("""
            -- name: move_schedules_on
            UPDATE postroom.schedule s
            SET due_at = x.due_at,
                planned_at = x.planned_at,
                after_at = x.after_at,
                asked_at = NULL,
                ended = x.ended,
                zone_version = coalesce(x.zone_version, s.zone_version),
                last_planned_at = coalesce(x.last_planned_at, s.last_planned_at),
                last_fired_at = CASE WHEN x.last_planned_at IS NULL THEN s.last_fired_at ELSE statement_timestamp() END,
                last_message_id = coalesce(x.last_message_id, s.last_message_id),
                runs = s.runs + x.runs,
                failures = 0,
                error = x.error,
                error_at = CASE WHEN x.error IS NOT NULL THEN statement_timestamp() END
            FROM jsonb_to_recordset(:steps::jsonb) x (id int, due_at timestamptz, planned_at timestamptz, after_at timestamptz,
                ended boolean, zone_version text, last_planned_at timestamptz, last_message_id uuid, runs int, error text)
            WHERE s.id = x.id
            """);

    static final Sql ADD_RUNS = Sql.of("""
            -- name: add_schedule_runs
            INSERT INTO postroom.schedule_run (schedule_id, slot, planned_at, fired_at, message_id, outcome)
            SELECT x.id, x.slot, x.planned_at, statement_timestamp(), x.message_id, x.outcome
            FROM jsonb_to_recordset(:runs::jsonb) x (id int, slot smallint, planned_at timestamptz, message_id uuid, outcome smallint)
            ON CONFLICT ON CONSTRAINT schedule_run_pk DO UPDATE
            SET planned_at = excluded.planned_at, fired_at = excluded.fired_at, message_id = excluded.message_id,
                outcome = excluded.outcome
            """);

    /** Waits 1, 2, 4 ... seconds, at most 300. A schedule that was moved on, paused or changed meanwhile is not due and not touched. */
    static final Sql FAILED = Sql.of("""
            -- name: schedule_failed
            UPDATE postroom.schedule s
            SET failures = s.failures + 1,
                due_at = statement_timestamp() + least(300, power(2, least(s.failures, 10))) * interval '1 second',
                error = :error,
                error_at = statement_timestamp()
            WHERE s.id = :id AND s.due_at <= statement_timestamp()
            """);

    /**
     * What is due now is left to its firing, which plans the time after it anyway. Waits for no lock: rows of a transaction that declares
     * several schedules would be waited for in another order.
     */
    static final Sql REPLAN = Sql.of("""
            -- name: replan_schedules
            UPDATE postroom.schedule s
            SET planned_at = NULL,
                due_at = CASE WHEN NOT s.paused THEN statement_timestamp() ELSE s.due_at END,
                zone_version = :zoneVersion
            WHERE s.id IN (
                SELECT o.id
                FROM postroom.schedule o
                WHERE o.cron IS NOT NULL
                  AND o.zone_version < :zoneVersion COLLATE "C"
                  AND (o.planned_at > statement_timestamp() OR o.error IS NOT NULL AND o.due_at IS NULL)
                LIMIT :limit
                FOR UPDATE SKIP LOCKED)
            """);

    static final Sql ADVANCE = Sql.of("""
            -- name: advance_schedules
            UPDATE postroom.schedule
            SET due_at = due_at - :time * interval '1 microsecond',
                planned_at = planned_at - :time * interval '1 microsecond',
                after_at = after_at - :time * interval '1 microsecond'
            """);
}
