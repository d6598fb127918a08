package io.postroom.internal.execution;

import io.postroom.internal.loop.RepeatedWarning;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Says in the log, now and then, that messages of queues with limited starts came too late to their handlers. Thread-safe. */
final class LateStarts {
    private static final Logger log = LoggerFactory.getLogger(LateStarts.class);

    private final RepeatedWarning warning = new RepeatedWarning();

    synchronized void said(HandlerCall call, LateStartException late) {
        if (warning.isDue()) {
            log.warn(
                    "{}. It goes back and costs nothing, but its start counts for a while. This has happened {} times here. The process"
                            + " or its database is overloaded, or the period of the limit is short for it",
                    late.getMessage(),
                    warning.times());
        }
    }
}
