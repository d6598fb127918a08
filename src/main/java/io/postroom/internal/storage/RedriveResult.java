package io.postroom.internal.storage;

import java.util.List;

/**
 * What a step of the bulk redrives did.
 *
 * @param arrivals what it moved, one a lane
 * @param underWay whether a redrive has not ended yet; its rate may have allowed nothing in this step
 */
public record RedriveResult(List<Arrival> arrivals, boolean underWay) {}
