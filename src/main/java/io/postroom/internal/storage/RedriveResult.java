package io.postroom.internal.storage;

import java.util.List;

/**
 * A step of the bulk redrives.
 *
 * @param arrivals what it moved
 * @param underWay whether any of them is not at its end; what its rate allows may be nothing yet
 */
public record RedriveResult(List<Arrival> arrivals, boolean underWay) {}
