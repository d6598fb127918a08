package io.postroom.homes;

import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.internal.storage.QueuePattern;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;

/**
 * Says on which home each queue lives. Immutable: every method returns a changed copy, and refuses a value outside its limits with {@link
 * InvalidMessageException}.
 *
 * <pre>{@code
 * HomeRules.allOn("main")                          # = main
 *         .queue("mail", "second")                 mail = second
 *         .queue("tenant.eu.#", "second")          tenant.eu.# = second
 *         .parts("orders", "main", "second");      orders = main, second
 * }</pre>
 *
 * <p>The rule with the exact name counts, else the pattern that matches, else {@code #}. Patterns are those of {@link
 * io.postroom.handler.Handler}; two that could match one name must have the same home. Exchanges live where a queue of their name would.
 *
 * <p>A queue with parts has as many as its rule names homes, 2 to 1,000, and a home may be named several times. Each part is a queue
 * of its own, {@code orders:1of2} and {@code orders:2of2}. The number of parts is in its name, so that a process which counts on another
 * number writes into none of them. A message goes to the part of its key: its group, else its deduplication key, else its id,
 * where it has one; a message with none of these goes to any part. The part of a key is the number that the first four bytes of the
 * SHA-256 of its UTF-8 are, without sign, modulo the number of parts, plus 1. In SQL:
 * {@code 1 + ('x' || encode(substring(sha256(convert_to(key, 'UTF8')) FROM 1 FOR 4), 'hex'))::bit(32)::bigint % parts}.
 *
 * <p>The text has one rule a line, or between semicolons: a name or pattern, {@code =}, homes with commas. What is empty or begins
 * with {@code --} means nothing. {@link #toString} gives the text in one order: two rules that mean the same have the same text.
 */
public final class HomeRules {
    /** Most rules: 10,000. */
    public static final int MOST_RULES = 10_000;
    /** Most parts of a queue: 1,000. */
    public static final int MOST_PARTS = 1_000;
    /** Most rules with patterns: 200. */
    public static final int MOST_PATTERNS = 200;

    private static final String ALL = "#";
    private static final String NO_RULE = "a name that the rules of the homes give a home";

    private final Map<String, List<String>> exact;
    private final Map<String, String> patterns;
    private final List<QueuePattern> ordered;
    /** The queue and the number of each part, by the name of the part. */
    private final Map<String, QueueHome> parts;

    private HomeRules(Map<String, List<String>> exact, Map<String, String> patterns) {
        if (exact.size() + patterns.size() > MOST_RULES) {
            throw new InvalidMessageException(
                    "rules", "at most " + MOST_RULES, exact.size() + patterns.size() + " rules");
        }
        this.exact = Collections.unmodifiableMap(exact);
        this.patterns = Collections.unmodifiableMap(patterns);
        this.ordered = patterns.keySet().stream()
                .filter(pattern -> !pattern.equals(ALL))
                .map(QueuePattern::new)
                .toList();
        this.parts = partsOf(exact);
    }

    private static Map<String, QueueHome> partsOf(Map<String, List<String>> exact) {
        Map<String, QueueHome> parts = new HashMap<>();
        exact.forEach((queue, homes) -> {
            for (int part = 0; homes.size() > 1 && part < homes.size(); part++) {
                String name = nameOfPart(queue, part, homes.size());
                if (exact.containsKey(name)) {
                    throw new InvalidMessageException(
                            "rules", "without a rule for a part of queue \"" + queue + "\"", name);
                }
                parts.put(name, new QueueHome(homes.get(part), name));
            }
        });
        return parts;
    }

    private static String nameOfPart(String queue, int part, int parts) {
        return queue + ":" + (part + 1) + "of" + parts;
    }

    /** No rules: no queue has a home. */
    public static HomeRules none() {
        return new Draft().rules();
    }

    /** Gives all queues without another rule this home. */
    public static HomeRules allOn(String home) {
        return none().queue(ALL, home);
    }

    /**
     * Gives a home to a queue, or to all queues whose names match a pattern.
     *
     * @param nameOrPattern as {@link Limits#requireQueueOrPattern} wants it
     * @throws InvalidMessageException there is a rule for it with another home, or a pattern could match the same names as this one and has
     *     another home
     */
    public HomeRules queue(String nameOrPattern, String home) {
        return new Draft(this).queue(nameOrPattern, home).rules();
    }

    /**
     * Gives a queue parts.
     *
     * @param queue its name; no pattern, and short enough for the numbers of the parts
     * @param homes the home of part 1, of part 2 and so on; 2 to 1,000
     */
    public HomeRules parts(String queue, String... homes) {
        return parts(queue, List.of(homes));
    }

    /** As {@link #parts(String, String...)}. */
    public HomeRules parts(String queue, List<String> homes) {
        return new Draft(this).parts(queue, homes).rules();
    }

    /**
     * The same rules with another home, or other parts, for one queue.
     *
     * @param queue its name; no pattern
     * @param homes one; or the home of each part
     */
    public HomeRules move(String queue, List<String> homes) {
        Limits.requireName("queue", queue);
        Draft draft = new Draft(this);
        draft.exact.remove(queue);
        return (homes.size() == 1 ? draft.queue(queue, homes.get(0)) : draft.parts(queue, homes)).rules();
    }

    /**
     * Reads rules from their text.
     *
     * @throws InvalidMessageException a line is no rule, or contradicts another one; names it
     */
    public static HomeRules parse(String text) {
        Draft draft = new Draft();
        for (String line : text.split("\\R|;")) {
            String rule = line.strip();
            if (!rule.isEmpty() && !rule.startsWith("--")) {
                draft.line(rule);
            }
        }
        return draft.rules();
    }

    /**
     * The home of a queue, or of a part that is named as such.
     *
     * @throws InvalidMessageException no rule gives it a home, or it has parts and so no single home
     */
    public QueueHome homeOf(String queue) {
        List<QueueHome> homes = homesOf(queue);
        if (homes.size() > 1) {
            throw new InvalidMessageException(
                    "queue",
                    "one without parts here",
                    queue,
                    "It has " + homes.size() + ", which are queues of their own: "
                            + homes.get(0).queue() + " to "
                            + homes.get(homes.size() - 1).queue());
        }
        return homes.get(0);
    }

    /**
     * The home of the messages of a queue that have this key. A queue without parts has one home for all keys.
     *
     * @param key their group, else their deduplication key, else their id
     */
    public QueueHome homeOf(String queue, String key) {
        List<QueueHome> homes = homesOf(queue);
        return homes.get(homes.size() == 1 ? 0 : partOf(key, homes.size()));
    }

    /** The home of a message: that of its queue and its key, or of its exchange. */
    public QueueHome homeOf(CreateMessage message) {
        if (message.exchange().isPresent()) {
            String exchange = message.exchange().get();
            // The default exchange: the routing key names the queue.
            String name = exchange.isEmpty() ? message.routingKey() : exchange;
            return new QueueHome(homeOf(Limits.requireName("queue", name)).home(), "");
        }
        List<QueueHome> homes = homesOf(message.queue());
        if (homes.size() == 1) {
            return homes.get(0);
        }
        Optional<String> key = message.group()
                .or(message::deduplicationKey)
                .or(() -> message.id().map(Object::toString));
        return homes.get(key.map(text -> partOf(text, homes.size()))
                .orElseGet(() -> ThreadLocalRandom.current().nextInt(homes.size())));
    }

    /**
     * The homes of a queue: one, or one for each part in the order of the parts.
     *
     * @throws InvalidMessageException no rule gives it a home
     */
    public List<QueueHome> homesOf(String queue) {
        List<String> homes = exact.get(queue);
        if (homes == null) {
            QueueHome part = parts.get(queue);
            return List.of(part == null ? new QueueHome(homeByPattern(queue), queue) : part);
        }
        if (homes.size() == 1) {
            return List.of(new QueueHome(homes.get(0), queue));
        }
        List<QueueHome> all = new ArrayList<>(homes.size());
        for (int part = 0; part < homes.size(); part++) {
            all.add(new QueueHome(homes.get(part), nameOfPart(queue, part, homes.size())));
        }
        return all;
    }

    private String homeByPattern(String queue) {
        Limits.requireName("queue", queue);
        for (QueuePattern pattern : ordered) {
            if (pattern.matches(queue)) {
                return patterns.get(pattern.toString());
            }
        }
        String home = patterns.get(ALL);
        if (home == null) {
            throw new InvalidMessageException(
                    "queue", NO_RULE, queue, "Add a rule for it, or \"# = home\" for all others");
        }
        return home;
    }

    /** The part of a key, from 0. Must never change: order and deduplication rest on it. */
    private static int partOf(String key, int parts) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
            long number = (hash[0] & 0xFFL) << 24 | (hash[1] & 0xFFL) << 16 | (hash[2] & 0xFFL) << 8 | hash[3] & 0xFFL;
            return (int) (number % parts);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("each Java has SHA-256", e);
        }
    }

    /** The queue that has this part; empty: it is no part. */
    Optional<String> queueOfPart(String name) {
        return parts.containsKey(name) ? Optional.of(name.substring(0, name.lastIndexOf(':'))) : Optional.empty();
    }

    /** Whether messages of a queue of this name, as it stands, are stored on this home. */
    boolean livesOn(String home, String name) {
        try {
            return homesOf(name).contains(new QueueHome(home, name));
        } catch (InvalidMessageException none) {
            return false;
        }
    }

    /** The names of all homes that a rule names, in order. */
    public Set<String> homes() {
        Set<String> homes = new TreeSet<>(patterns.values());
        exact.values().forEach(homes::addAll);
        return homes;
    }

    /** Each rule by what stands left of its equals sign, as in {@code orders} to {@code main, second}. */
    Map<String, String> lines() {
        Map<String, String> lines = new TreeMap<>(patterns);
        exact.forEach((queue, homes) -> lines.put(queue, String.join(", ", homes)));
        return lines;
    }

    private static String line(String queue, List<String> homes) {
        return queue + " = " + String.join(", ", homes);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof HomeRules rules && exact.equals(rules.exact) && patterns.equals(rules.patterns);
    }

    @Override
    public int hashCode() {
        return exact.hashCode() * 31 + patterns.hashCode();
    }

    /** The rules as {@link #parse} reads them, in the order of their names. */
    @Override
    public String toString() {
        return lines().entrySet().stream()
                .map(rule -> rule.getKey() + " = " + rule.getValue())
                .collect(Collectors.joining("\n"));
    }

    /** Rules that are being put together. */
    private static final class Draft {
        private final Map<String, List<String>> exact = new TreeMap<>();
        private final Map<String, String> patterns = new TreeMap<>();

        Draft() {}

        Draft(HomeRules before) {
            exact.putAll(before.exact);
            patterns.putAll(before.patterns);
        }

        HomeRules rules() {
            return new HomeRules(exact, patterns);
        }

        void line(String rule) {
            int equals = rule.indexOf('=');
            if (equals < 0) {
                throw new InvalidMessageException("rules", "lines such as \"orders = main\"", rule);
            }
            String queue = rule.substring(0, equals).strip();
            List<String> homes = new ArrayList<>();
            for (String home : rule.substring(equals + 1).split(",", -1)) {
                homes.add(home.strip());
            }
            if (homes.size() == 1) {
                queue(queue, homes.get(0));
            } else {
                parts(queue, homes);
            }
        }

        Draft queue(String nameOrPattern, String home) {
            Limits.requireQueueOrPattern("rules", nameOrPattern);
            Limits.requireName("home", home);
            if (!Limits.isQueuePattern(nameOrPattern)) {
                return exactly(nameOrPattern, List.of(home));
            }
            QueuePattern added = new QueuePattern(nameOrPattern);
            patterns.forEach((pattern, itsHome) -> {
                boolean isOneForTheRest = nameOrPattern.equals(ALL) != pattern.equals(ALL);
                if (!isOneForTheRest && !itsHome.equals(home) && added.intersects(new QueuePattern(pattern))) {
                    throw new InvalidMessageException(
                            "rules",
                            "one home for each name, and \"" + pattern + " = " + itsHome
                                    + "\" could match the same names",
                            nameOrPattern + " = " + home);
                }
            });
            patterns.put(nameOrPattern, home);
            if (patterns.size() > MOST_PATTERNS) {
                throw new InvalidMessageException("rules", "at most " + MOST_PATTERNS + " with patterns", "more");
            }
            return this;
        }

        Draft parts(String queue, List<String> homes) {
            if (homes.size() < 2 || homes.size() > MOST_PARTS) {
                throw new InvalidMessageException("parts", "2 to " + MOST_PARTS, homes.size() + " homes");
            }
            Limits.requireName("rules", queue);
            Limits.requireName("name of the last part", nameOfPart(queue, homes.size() - 1, homes.size()));
            homes.forEach(home -> Limits.requireName("home", home));
            return exactly(queue, List.copyOf(homes));
        }

        private Draft exactly(String queue, List<String> homes) {
            List<String> before = exact.put(queue, homes);
            if (before != null && !before.equals(homes)) {
                throw new InvalidMessageException(
                        "rules",
                        "one rule for each queue, and there is \"" + HomeRules.line(queue, before) + "\"",
                        HomeRules.line(queue, homes));
            }
            return this;
        }
    }
}
