package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Limits of queues and destinations. */
final class LimiterSql {
    private LimiterSql() {}

    /** Sets a limiter: see the function. Always one row: whether that was a change. */
    static final Sql SET = Sql.of("""
            -- name: set_limiter
            SELECT postroom.set_limiter(:queue::text, :destination::text, :maxStarts::int, :period::bigint * interval '1 microsecond',
                                        :window, :maxInProgress::int, :maxStartsPerGroup::int,
                                        :periodPerGroup::bigint * interval '1 microsecond', :maxInProgressPerGroup::int, :setBy,
                                        :reason, :actor)
            """);

    /** Removes a limiter: see the function. Always one row: whether there was one. */
    static final Sql REMOVE = Sql.of("""
            -- name: remove_limiter
            SELECT postroom.remove_limiter(:queue::text, :destination::text, :reason, :actor)
            """);

    /** Names the destination of a queue: see the function. Always one row: whether that was a change. */
    static final Sql SET_DESTINATION = Sql.of("""
            -- name: set_destination
            SELECT postroom.set_destination(:queue, :destination::text, :setBy, :reason, :actor)
            """);

    /** Parks a destination: see the function. Always one row: whether a queue names it. */
    static final Sql PARK = Sql.of("""
            -- name: park
            SELECT postroom.park(:destination, :time)
            """);

    /** Ends that: see the function. Always one row: whether it was parked. */
    static final Sql UNPARK = Sql.of("""
            -- name: unpark
            SELECT postroom.unpark(:destination, :reason, :actor)
            """);

    /** All limiters: see the function. Reads all of lease once for each. */
    static final Sql LIST = Sql.of("""
            -- name: limiters
            SELECT l.queue, l.destination, l.max_starts, (extract(epoch FROM l.period) * 1000000)::bigint, l.window_kind,
                   l.max_in_progress, l.max_starts_per_group, (extract(epoch FROM l.period_per_group) * 1000000)::bigint,
                   l.max_in_progress_per_group,
                   l.starts, l.in_progress, l.next_start, l.set_by = 'operator', l.set_at, l.parked_until, l.groups_at_limit
            FROM postroom.limiters() l
            """);
}
