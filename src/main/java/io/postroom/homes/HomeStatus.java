package io.postroom.homes;

import io.postroom.Postroom;
import java.util.List;

/**
 * How a home stands for this process.
 *
 * @param home its name
 * @param isUp whether an engine runs on it here; a home that went away later is up, and each call says what is wrong
 * @param problems what keeps it from its work, as sentences: why no engine runs on it here, why its handlers and schedules have not begun
 *     yet, and what {@link Postroom#problems} says; empty: nothing
 * @param warnings as {@link Postroom#warnings}
 */
public record HomeStatus(String home, boolean isUp, List<String> problems, List<String> warnings) {
    public HomeStatus {
        problems = List.copyOf(problems);
        warnings = List.copyOf(warnings);
    }
}
