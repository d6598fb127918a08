package io.postroom.internal.execution;

import io.postroom.api.RetryPolicy;
import io.postroom.internal.storage.Failure;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A user's retry policy as the failure path uses it. That path must not fail: where the policy throws, or answers null or a negative delay,
 * {@link RetryPolicy#DEFAULT} answers instead. A number of attempts below 1 counts as 1.
 */
record SafeRetryPolicy(RetryPolicy policy) implements RetryPolicy {
    private static final Logger log = LoggerFactory.getLogger(SafeRetryPolicy.class);

    @Override
    public int attempts() {
        try {
            return Math.max(1, policy.attempts());
        } catch (Throwable thrown) {
            return instead(thrown).attempts();
        }
    }

    @Override
    public Duration delayAfter(int failures) {
        try {
            Duration delay = policy.delayAfter(failures);
            return delay == null || delay.isNegative() ? DEFAULT.delayAfter(failures) : delay;
        } catch (Throwable thrown) {
            return instead(thrown).delayAfter(failures);
        }
    }

    @Override
    public boolean rejects(Throwable error) {
        try {
            return policy.rejects(error);
        } catch (Throwable thrown) {
            return instead(thrown).rejects(error);
        }
    }

    @Override
    public String describe() {
        return policy.describe();
    }

    private static RetryPolicy instead(Throwable thrown) {
        log.warn("a RetryPolicy failed; the default one ({}) decides", DEFAULT.describe(), Failure.loggable(thrown));
        return DEFAULT;
    }
}
