package io.postroom.spring;

import io.postroom.homes.HomeStatus;
import io.postroom.homes.PostroomHomes;
import java.util.List;
import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.Status;

/**
 * Reports DOWN when no home can do its work here, and the host's status when some cannot: a restart of pods brings no database back. Asks
 * no database.
 */
final class HomesHealthIndicator extends AbstractHealthIndicator {
    private final PostroomHomes homes;
    private final PostroomProperties.Health settings;

    HomesHealthIndicator(PostroomHomes homes, PostroomProperties.Health settings) {
        super("Postroom could not be asked");
        this.homes = homes;
        this.settings = settings;
    }

    @Override
    protected void doHealthCheck(Health.Builder builder) {
        List<String> problems = homes.problems();
        boolean isOneWell = homes.states().stream().map(HomeStatus::problems).anyMatch(List::isEmpty);
        if (problems.isEmpty()) {
            builder.up();
        } else {
            builder.status(isOneWell ? new Status(settings.status()) : Status.DOWN)
                    .withDetail("problems", problems);
        }
        List<String> warnings = homes.warnings();
        if (!warnings.isEmpty()) {
            builder.withDetail("warnings", warnings);
        }
    }
}
