package io.postroom.api;

import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * How a definitions file is to be imported. Immutable; every method returns a changed copy.
 *
 * @param virtualHost whose definitions are taken; empty: those of the only one that has some
 * @param dryRun whether the report is all that is wanted
 * @param renames names of the file, and the names they get here
 * @param reason for the record of what changes; empty: the record names the database user, and no reason
 */
public record ImportOptions(
        Optional<String> virtualHost, boolean dryRun, Map<String, String> renames, Optional<Reason> reason) {
    public ImportOptions {
        renames.values().forEach(name -> Limits.requireName("rename", name));
        renames = Collections.unmodifiableMap(new TreeMap<>(renames));
    }

    /** Imports the only virtual host, under the names of the file. */
    public static ImportOptions defaults() {
        return new ImportOptions(Optional.empty(), false, Map.of(), Optional.empty());
    }

    /** Takes the definitions of this virtual host. */
    public ImportOptions virtualHost(String name) {
        return new ImportOptions(Optional.of(name), dryRun, renames, reason);
    }

    /** Declares nothing, and reports what would be. */
    public ImportOptions asDryRun() {
        return new ImportOptions(virtualHost, true, renames, reason);
    }

    /**
     * Gives a queue or exchange of the file another name here: 1 to 127 of {@code A-Z a-z 0-9 . _ : -}. The import refuses a rename of what
     * the file does not name.
     */
    public ImportOptions rename(String from, String to) {
        Map<String, String> more = new TreeMap<>(renames);
        more.put(from, to);
        return new ImportOptions(virtualHost, dryRun, more, reason);
    }

    /** Puts what changes on record with this reason. */
    public ImportOptions because(Reason why) {
        return new ImportOptions(virtualHost, dryRun, renames, Optional.of(why));
    }
}
