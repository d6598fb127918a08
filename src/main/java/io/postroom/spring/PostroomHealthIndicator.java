package io.postroom.spring;

import io.postroom.Postroom;
import java.util.List;
import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;

/**
 * Reports DOWN when this process cannot do its work. A backlog is no reason for DOWN: a restart of pods does not make it shorter. Neither is
 * a warning, such as a queue without a consumer; it is shown as a detail. Asks no database.
 */
final class PostroomHealthIndicator extends AbstractHealthIndicator {
    private final Postroom postroom;

    PostroomHealthIndicator(Postroom postroom) {
        super("Postroom could not be asked");
        this.postroom = postroom;
    }

    @Override
    protected void doHealthCheck(Health.Builder builder) {
        List<String> problems = postroom.problems();
        if (problems.isEmpty()) {
            builder.up();
        } else {
            builder.down().withDetail("problems", problems);
        }
        List<String> warnings = postroom.warnings();
        if (!warnings.isEmpty()) {
            builder.withDetail("warnings", warnings);
        }
    }
}
