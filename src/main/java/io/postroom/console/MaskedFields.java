package io.postroom.console;

import java.util.ArrayList;
import java.util.List;

/**
 * Fields of payloads whose values nobody sees. A path names the members from the root on, with dots between them. A star stands for any
 * one member, two stars for any number of them. Arrays have no part in a path: it means each of their elements. Immutable.
 */
final class MaskedFields {
    private static final String ONE = "*";
    private static final String ANY = "**";

    private final List<List<String>> paths;

    private MaskedFields(List<List<String>> paths) {
        this.paths = paths;
    }

    /** @throws ConsoleProblem a path has an empty part */
    static MaskedFields of(List<String> paths) {
        List<List<String>> parsed = new ArrayList<>();
        for (String path : paths) {
            List<String> parts = List.of(path.strip().split("\\.", -1));
            if (parts.stream().anyMatch(String::isBlank)) {
                throw new ConsoleProblem(
                        "postroom.console.masked-fields has \"" + path + "\"",
                        "Set each path to names with dots between them, as in customer.iban, *.password or **.secret");
            }
            parsed.add(parts);
        }
        return new MaskedFields(List.copyOf(parsed));
    }

    boolean isEmpty() {
        return paths.isEmpty();
    }

    /** Whether the value at this path is hidden. */
    boolean hides(List<String> path) {
        return paths.stream().anyMatch(masked -> matches(masked, 0, path, 0));
    }

    private static boolean matches(List<String> masked, int at, List<String> path, int from) {
        if (at == masked.size()) {
            return from == path.size();
        }
        String part = masked.get(at);
        if (part.equals(ANY)) {
            return matches(masked, at + 1, path, from) || from < path.size() && matches(masked, at, path, from + 1);
        }
        return from < path.size()
                && (part.equals(ONE) || part.equals(path.get(from)))
                && matches(masked, at + 1, path, from + 1);
    }
}
