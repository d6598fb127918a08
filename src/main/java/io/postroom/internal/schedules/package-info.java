/**
 * When a schedule is due: pure planning of times, without a database and without a clock. Start reading at {@link
 * io.postroom.internal.schedules.CronTimes}.
 *
 * <p>A room of its own and no part of {@code jobs}, because two rooms plan: a declaration checks an expression before it is saved and
 * previews its times, and the job plans the next run.
 *
 * <p>Spring's {@code CronExpression} only parses and walks the wall clock ({@code next(LocalDateTime)}). Its {@code next(ZonedDateTime)}
 * is never used: it leaves out or repeats runs when clocks change, and it stands still in zones such as Lord Howe's. What its parser
 * takes and answers wrongly is refused in {@link io.postroom.internal.schedules.CronFields} before it is asked.
 *
 * <p>A job fires when it is told that a schedule is due: the poll of the process carries the time, or the look of the promote job where
 * nothing is polled. So schedules that are not due cost no statement, and one that SQL declares is found by the next poll.
 *
 * <p>Looks wrong but is right: a process never replaces a plan of newer time zone rules than its own, although it may fire it. See {@link
 * io.postroom.internal.schedules.ZoneVersion}.
 */
@NullMarked
package io.postroom.internal.schedules;

import org.jspecify.annotations.NullMarked;
