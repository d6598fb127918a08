package io.postroom.homes;

import io.postroom.api.InvalidMessageException;
import io.postroom.internal.storage.HomeStore.StoredHome;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Compares what the homes have stored with the homes and the rules of this process. Immutable. */
final class HomeCheck {
    private static final int MOST_NAMED = 5;

    private final Set<String> names;
    private final HomeRules rules;

    HomeCheck(Set<String> names, HomeRules rules) {
        this.names = names;
        this.rules = rules;
    }

    /**
     * What is wrong, a sentence each; empty: nothing.
     *
     * @param read what each home that could be reached has stored; empty: it is no home yet
     * @param known the ids of homes that this process has met before
     */
    List<String> refusals(Map<String, Optional<StoredHome>> read, Map<String, UUID> known) {
        List<String> refusals = new ArrayList<>(wrongDatabases(read, known));
        new TreeMap<>(read)
                .forEach((name, stored) -> stored.filter(home -> home.name().equals(name))
                        .ifPresent(home -> refusals.addAll(otherRules(name, home))));
        return refusals;
    }

    /** Which databases are not the homes that their names say, a sentence each. */
    static List<String> wrongDatabases(Map<String, Optional<StoredHome>> read, Map<String, UUID> known) {
        List<String> refusals = new ArrayList<>();
        new TreeMap<>(read).forEach((name, stored) -> {
            Set<UUID> elsewhere = knownElsewhere(name, read, known);
            if (stored.isPresent()) {
                refusals.addAll(wrongDatabase(name, stored.get(), read, elsewhere));
            } else if (!elsewhere.isEmpty()) {
                refusals.add("the database of home \"" + name
                        + "\" has no rules, and the other homes know another database by that name (" + shown(elsewhere)
                        + "): its data source leads to the wrong database, or the database was emptied");
            }
        });
        return refusals;
    }

    /** The ids by which this process and the other homes know a home: one, or none before all have met. */
    private static Set<UUID> knownElsewhere(
            String name, Map<String, Optional<StoredHome>> read, Map<String, UUID> known) {
        Set<UUID> ids = new TreeSet<>();
        if (known.containsKey(name)) {
            ids.add(known.get(name));
        }
        read.forEach((other, stored) -> {
            if (!other.equals(name)) {
                stored.flatMap(home -> home.homes().getOrDefault(name, Optional.empty()))
                        .ifPresent(ids::add);
            }
        });
        return ids;
    }

    /** The ids that a home knows, its own among them. */
    static Map<String, UUID> idsOf(StoredHome home) {
        Map<String, UUID> ids = new HashMap<>();
        home.homes().forEach((name, id) -> id.ifPresent(value -> ids.put(name, value)));
        return ids;
    }

    private static List<String> wrongDatabase(
            String name, StoredHome stored, Map<String, Optional<StoredHome>> read, Set<UUID> elsewhere) {
        if (!stored.name().equals(name)) {
            boolean isSame = read.getOrDefault(stored.name(), Optional.empty())
                    .filter(other -> other.id().equals(stored.id()))
                    .isPresent();
            return List.of(
                    isSame
                            ? "homes \"" + stored.name() + "\" and \"" + name + "\" are the same database"
                            : "the data source of home \"" + name + "\" leads to the database of home \""
                                    + stored.name() + "\"");
        }
        if (!elsewhere.isEmpty() && !elsewhere.equals(Set.of(stored.id()))) {
            return List.of("the database of home \"" + name + "\" (" + stored.id()
                    + ") is another one than the other homes know by that name (" + shown(elsewhere) + ")");
        }
        return List.of();
    }

    private List<String> otherRules(String name, StoredHome stored) {
        List<String> refusals = new ArrayList<>();
        Set<String> others = stored.homes().keySet();
        if (!others.equals(names)) {
            refusals.add("home \"" + name + "\" knows the homes " + new TreeSet<>(others) + ", and this process has "
                    + new TreeSet<>(names));
        }
        String differences = differences(stored);
        if (!differences.isEmpty()) {
            refusals.add("home \"" + name + "\" has other rules than this process (version " + stored.version()
                    + ", changed by " + stored.changedBy() + " at " + stored.changedAt() + "): " + differences);
        }
        return refusals;
    }

    private String differences(StoredHome stored) {
        Map<String, String> theirs;
        try {
            theirs = HomeRules.parse(stored.rules()).lines();
        } catch (InvalidMessageException unreadable) {
            return "they cannot be read by this version: " + unreadable.getMessage();
        }
        Map<String, String> ours = rules.lines();
        Set<String> all = new TreeSet<>(ours.keySet());
        all.addAll(theirs.keySet());
        List<String> differing = all.stream()
                .filter(queue -> !Objects.equals(ours.get(queue), theirs.get(queue)))
                .toList();
        StringBuilder text = new StringBuilder();
        for (String queue : differing.subList(0, Math.min(differing.size(), MOST_NAMED))) {
            text.append(text.isEmpty() ? "" : "; ")
                    .append("\"" + queue + "\" is " + shown(ours.get(queue)) + " here and " + shown(theirs.get(queue))
                            + " there");
        }
        return differing.size() > MOST_NAMED ? text + "; and " + (differing.size() - MOST_NAMED) + " more" : text + "";
    }

    private static String shown(@Nullable String homes) {
        return homes == null ? "missing" : "\"" + homes + "\"";
    }

    private static String shown(Set<UUID> ids) {
        return ids.stream().map(UUID::toString).collect(Collectors.joining(", "));
    }
}
