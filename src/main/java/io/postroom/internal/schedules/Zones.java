package io.postroom.internal.schedules;

import io.postroom.api.InvalidMessageException;
import java.time.DateTimeException;
import java.time.ZoneId;

/** Reads ids of time zones. */
final class Zones {
    private Zones() {}

    /** @throws InvalidMessageException there is no such zone in this process */
    static ZoneId of(String id) {
        try {
            return ZoneId.of(id);
        } catch (DateTimeException unknown) {
            throw new InvalidMessageException(
                    "zone",
                    "the id of a time zone, such as Europe/Berlin or UTC",
                    id,
                    "This process has the time zones of " + ZoneVersion.ours());
        }
    }
}
