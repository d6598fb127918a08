package io.postroom.internal.storage;

import java.util.List;

/** A look at what administrators may have changed under a running process: rights, row security, settings of queues. Thread-safe. */
public interface DatabaseInspection {
    /** Looks at all of it in a few cheap statements. Failures are {@link io.postroom.api.StoreException}s. */
    Findings inspect();

    /**
     * What was found, as sentences that stay the same from look to look.
     *
     * @param obstacles with one of these nothing, or not all, is handled
     * @param warnings what is ignored or may be hidden
     */
    record Findings(List<String> obstacles, List<String> warnings) {}
}
