package io.postroom.internal.storage;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** A queue as it stands. */
public record QueueRow(int id, String name, @Nullable Duration timeToLive, boolean paused) {}
