package io.postroom.homes;

import java.util.List;
import java.util.Map;

/**
 * What the homes have answered, with those that gave no answer. Immutable.
 *
 * @param found the answers of all homes that are up, merged
 * @param down why each other home gave none, by its name; empty: the answer is whole
 */
public record HomeAnswers<T>(List<T> found, Map<String, HomeDownException> down) {
    public HomeAnswers {
        found = List.copyOf(found);
        down = Map.copyOf(down);
    }

    /** Whether all homes have answered. */
    public boolean isWhole() {
        return down.isEmpty();
    }

    /**
     * The answers, if all homes gave one.
     *
     * @param doing for the text of a failure, as in "list messages"
     * @throws HomeDownException some gave none; names each of them
     */
    public List<T> whole(String doing) {
        if (!down.isEmpty()) {
            throw new HomeDownException(doing, down.values());
        }
        return found;
    }
}
