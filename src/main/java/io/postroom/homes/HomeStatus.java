package io.postroom.homes;

import java.util.Optional;

/**
 * How a home stands for this process.
 *
 * @param home its name
 * @param isUp whether an engine runs on it here; a home that went away later is up, and each call says what is wrong
 * @param problem why no engine runs on it here, or why its handlers and schedules have not begun yet; empty: neither is so
 */
public record HomeStatus(String home, boolean isUp, Optional<String> problem) {}
