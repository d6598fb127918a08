package io.postroom.internal.definitions;

import io.postroom.api.InvalidMessageException;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The names of a file, and the names that they get here. Remembers which of them the file has. Not thread-safe; one object a file. */
final class Renames {
    private final Map<String, String> names;
    private final Set<String> unused;

    Renames(Map<String, String> names) {
        this.names = names;
        this.unused = new TreeSet<>(names.keySet());
    }

    /** What a name of the file is here. */
    String of(String name) {
        unused.remove(name);
        return names.getOrDefault(name, name);
    }

    /** Refuses a rename of what the file does not name, which would else be a slip that nobody sees. To be called after the last name. */
    void requireAllUsed() {
        if (!unused.isEmpty()) {
            throw new InvalidMessageException("rename", "of names that the file has", String.join(", ", unused));
        }
    }
}
