package io.postroom.internal.storage;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a claim of a queue with limiters brought.
 *
 * @param messages those that may start; each lease says until when
 * @param heldBack whether a limiter kept the claim from more
 * @param nextStart when more may start; null: not known, because messages have to end, or another claim has the lock
 * @param booking what the starts of the messages are reported to; null: nobody has to know
 * @param byGroup whether limits of groups alone kept the claim from more: messages that come may start
 * @param byEnd whether the end of a message may let another start before {@code nextStart}
 * @param missedReports whether the claim surely did not count the reports that it took along
 */
public record LimitedClaim(
        List<ClaimedMessage> messages,
        boolean heldBack,
        @Nullable Duration nextStart,
        boolean byGroup,
        boolean byEnd,
        @Nullable StartBooking booking,
        boolean missedReports) {

    /** A claim that booked nothing to be reported. */
    public LimitedClaim(List<ClaimedMessage> messages, boolean heldBack, @Nullable Duration nextStart) {
        this(messages, heldBack, nextStart, false, false, null, false);
    }
}
