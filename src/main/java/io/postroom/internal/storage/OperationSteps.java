package io.postroom.internal.storage;

import java.util.List;

/**
 * What a step of the operations did.
 *
 * @param arrivals what became READY, one a lane
 * @param underWay whether an operation ran when the step began; its rate may have allowed nothing
 */
public record OperationSteps(List<Arrival> arrivals, boolean underWay) {}
