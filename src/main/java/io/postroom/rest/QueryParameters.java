package io.postroom.rest;

import io.postroom.api.InvalidMessageException;
import jakarta.servlet.http.HttpServletRequest;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The parameters behind the question mark, and no others: the container's own list has those of a form, too, and waits for the body of one.
 */
record QueryParameters(Map<String, String> firstValues) {
    /** @throws ProblemException 400: one cannot be decoded */
    static QueryParameters of(HttpServletRequest request) {
        Map<String, String> values = new LinkedHashMap<>();
        try {
            UrlEncoded.read(request.getQueryString(), values::putIfAbsent);
        } catch (IllegalArgumentException malformed) {
            throw new ProblemException(Problem.malformed(
                    "A parameter behind the question mark has a percent sign without two digits of hex"));
        }
        return new QueryParameters(values);
    }

    Optional<String> find(String name) {
        return Optional.ofNullable(firstValues.get(name));
    }

    /** @throws InvalidMessageException there is another one */
    void requireKnown(Set<String> known) {
        for (String name : firstValues.keySet()) {
            if (!known.contains(name)) {
                throw new InvalidMessageException(name, "left out: there is no such parameter", "given");
            }
        }
    }
}
