package io.postroom.spring;

import io.postroom.Postroom;
import io.postroom.api.Durations;
import io.postroom.api.RecentFailures;
import java.util.List;
import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.Status;

/**
 * Reports DOWN when this process cannot do its work, and the host's status when many of its messages failed lately. A backlog is no reason
 * for either: a restart of pods does not make it shorter. Neither is a warning, such as a queue without a consumer; it is shown as a
 * detail. Asks no database.
 */
final class PostroomHealthIndicator extends AbstractHealthIndicator {
    private final Postroom postroom;
    private final PostroomProperties.Health settings;

    PostroomHealthIndicator(Postroom postroom, PostroomProperties.Health settings) {
        super("Postroom could not be asked");
        this.postroom = postroom;
        this.settings = settings;
    }

    @Override
    protected void doHealthCheck(Health.Builder builder) {
        List<String> problems = postroom.problems();
        RecentFailures failures = postroom.recentFailures(settings.within());
        if (!problems.isEmpty()) {
            builder.down().withDetail("problems", problems);
        } else if (settings.isReachedBy(failures)) {
            builder.status(new Status(settings.status()));
        } else {
            builder.up();
        }
        builder.withDetail("deadLetters", failures.deadLetters())
                .withDetail("failedAttempts", failures.failedAttempts())
                .withDetail("within", Durations.format(settings.within()));
        List<String> warnings = postroom.warnings();
        if (!warnings.isEmpty()) {
            builder.withDetail("warnings", warnings);
        }
    }
}
