package io.postroom.internal.execution;

import io.postroom.api.Durations;
import io.postroom.api.PostroomException;
import io.postroom.handler.Handler;
import org.jspecify.annotations.Nullable;

/** An attempt ran longer than its handler's time limit. */
final class TimeLimitException extends PostroomException {
    /** @param cause what the handler threw once it was interrupted; null when it ignored the interrupt */
    TimeLimitException(Handler handler, @Nullable Throwable cause) {
        super(
                "handler " + handler.id() + " ran longer than its time limit of "
                        + Durations.format(handler.timeLimit()) + (cause == null ? " and ignored its interrupt" : ""),
                cause);
    }
}
