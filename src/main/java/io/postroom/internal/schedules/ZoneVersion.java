package io.postroom.internal.schedules;

import java.time.zone.ZoneRulesProvider;

/**
 * The version of this process's time zone rules, such as {@code 2026b}. It is stored with each planned time.
 *
 * <p>The rule for processes with different versions: a process replans what older rules than its own planned, never what newer ones did. So
 * two of them cannot undo each other's plans for ever. A process with older rules may fire a schedule and plans its next run; one with
 * newer rules then corrects that plan, once a run.
 */
public final class ZoneVersion {
    private static final String OURS = ZoneRulesProvider.getVersions("UTC").lastKey();

    private ZoneVersion() {}

    /** Returns the version, whose texts compare as the versions do. */
    public static String ours() {
        return OURS;
    }
}
