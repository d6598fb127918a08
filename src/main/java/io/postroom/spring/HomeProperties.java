package io.postroom.spring;

import io.postroom.api.InvalidMessageException;
import io.postroom.homes.HomeRules;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.springframework.core.env.Environment;

/**
 * One database of several that queues live on, under {@code postroom.homes.<name>}.
 *
 * @param url JDBC URL, for a pool of Postroom's own.
 * @param username User of that pool.
 * @param password Password of that pool.
 * @param datasource Bean name of a DataSource instead of these.
 */
record HomeProperties(
        @Nullable String url,
        @Nullable String username,
        @Nullable String password,
        @Nullable String datasource) {
    /** The settings as in a file. */
    static final List<String> KEYS = List.of("url", "username", "password", "datasource");

    static final String RULES = "postroom.home-rules";

    private static final NamedProperties PROPERTIES =
            NamedProperties.of("postroom.homes", "a home", KEYS, Set.of(), "docs/scale.md");

    /**
     * Reads all homes.
     *
     * @throws StartProblem a property is no setting, or a home has neither a URL nor a data source, or both
     */
    static Map<String, HomeProperties> declared(Environment environment) {
        Map<String, HomeProperties> homes = new TreeMap<>();
        PROPERTIES.bind(environment, HomeProperties.class, (home, name, bound) -> {
            if ((bound.url == null) == (bound.datasource == null)) {
                throw new StartProblem(
                        name + " needs a url or a datasource, and not both",
                        "Set one of the two for home \"" + home + "\"");
            }
            homes.put(home, bound);
        });
        if (homes.isEmpty()) {
            throw new StartProblem(
                    RULES + " is set, and there is no home",
                    "Set postroom.homes.<name>.url or .datasource for each home");
        }
        return homes;
    }

    /** @throws StartProblem the rules cannot be read */
    static HomeRules rules(Environment environment) {
        try {
            return HomeRules.parse(environment.getRequiredProperty(RULES));
        } catch (InvalidMessageException refused) {
            throw new StartProblem(
                    RULES + ": " + refused.getMessage(),
                    "Correct it: docs/scale.md shows how rules are written",
                    refused);
        }
    }
}
