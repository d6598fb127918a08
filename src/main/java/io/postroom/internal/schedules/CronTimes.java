package io.postroom.internal.schedules;

import io.postroom.api.InvalidMessageException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.zone.ZoneOffsetTransition;
import java.time.zone.ZoneRules;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.scheduling.support.CronExpression;

/**
 * The times of a cron expression in a time zone. A schedule whose minute or hour field begins with {@code *} is an interval, any other one
 * has fixed times.
 *
 * <p>Clocks put forward: fixed times that fall into the gap give one run, at the first moment after it. An interval has nothing to make up.
 * Clocks put back: fixed times run in the first pass only, an interval in both. The answer depends on the expression and the moment alone,
 * so it is the same after a restart. Immutable and thread-safe.
 */
public final class CronTimes {
    private final String expression;
    private final ZoneRules rules;
    private final boolean isInterval;
    private final List<CronExpression> expressions;

    private CronTimes(String expression, ZoneId zone, CronFields fields, List<CronExpression> expressions) {
        this.expression = expression;
        this.rules = zone.getRules();
        this.isInterval = fields.isInterval();
        this.expressions = expressions;
    }

    /**
     * Reads an expression.
     *
     * @param expression 5 fields, 6 with seconds first, or a macro such as {@code @daily}; at most 200 characters
     * @throws InvalidMessageException it breaks a rule; whether it ever fires is not asked here
     */
    public static CronTimes of(String expression, ZoneId zone) {
        CronFields fields = CronFields.of(expression);
        try {
            return new CronTimes(
                    expression,
                    zone,
                    fields,
                    fields.expressions().stream().map(CronExpression::parse).toList());
        } catch (IllegalArgumentException refused) {
            throw new InvalidMessageException(
                    "cron", "an expression that Spring's CronExpression reads", expression, message(refused));
        }
    }

    private static String message(IllegalArgumentException refused) {
        return String.valueOf(refused.getMessage());
    }

    /**
     * Answers the first time later than that moment; empty: it never fires again.
     *
     * @throws IllegalStateException the answer would not be later; a fault, said loudly instead of firing for ever
     */
    public Optional<Instant> next(Instant after) {
        Instant answer = walk(after);
        if (answer != null && !answer.isAfter(after)) {
            throw new IllegalStateException(
                    "the time after " + after + " of cron \"" + expression + "\" came out as " + answer);
        }
        return Optional.ofNullable(answer);
    }

    /** Walks the wall clock within one offset, from one change of clocks to the next. */
    private @Nullable Instant walk(Instant after) {
        Instant position = after;
        ZoneOffset offset = rules.getOffset(after);
        LocalDateTime local = LocalDateTime.ofInstant(after, offset);
        if (!isInterval) {
            ZoneOffsetTransition last = rules.previousTransition(after.plusNanos(1));
            if (last != null && last.isOverlap() && local.isBefore(last.getDateTimeBefore())) {
                // The second pass of an hour: its times ran in the first one.
                local = justBefore(last.getDateTimeBefore());
            }
        }
        while (true) {
            LocalDateTime answer = nextLocal(local);
            if (answer == null) {
                return null;
            }
            Instant instant = answer.toInstant(offset);
            ZoneOffsetTransition change = rules.nextTransition(position);
            if (change == null || instant.isBefore(change.getInstant())) {
                return instant;
            }
            if (change.isGap() && !isInterval && answer.isBefore(change.getDateTimeAfter())) {
                return change.getInstant();
            }
            boolean skipsSecondPass = change.isOverlap() && !isInterval;
            local = justBefore(skipsSecondPass ? change.getDateTimeBefore() : change.getDateTimeAfter());
            offset = change.getOffsetAfter();
            position = change.getInstant();
        }
    }

    private static LocalDateTime justBefore(LocalDateTime first) {
        return first.minusNanos(1);
    }

    private @Nullable LocalDateTime nextLocal(LocalDateTime after) {
        LocalDateTime earliest = null;
        for (CronExpression each : expressions) {
            LocalDateTime next = each.next(after);
            if (next != null && (earliest == null || next.isBefore(earliest))) {
                earliest = next;
            }
        }
        return earliest;
    }
}
