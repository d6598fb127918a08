package io.postroom.api;

import java.time.Duration;

/**
 * What a test of an entry showed.
 *
 * @param ok whether the external system answered as one that can be used
 * @param text what happened, as a sentence for people; without the secret
 * @param took until the answer, or until it was given up
 */
public record SettingsVerdict(boolean ok, String text, Duration took) {}
