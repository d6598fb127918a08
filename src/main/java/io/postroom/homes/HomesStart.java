package io.postroom.homes;

import io.postroom.DefaultPostroom;
import io.postroom.api.PostroomException;
import io.postroom.internal.loop.Loop;
import io.postroom.internal.storage.HomeStore.StoredHome;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Starts homes in three steps, each on all homes at the same time: the schema is made ready and what is stored is read; that is compared;
 * the engines start. A home that is down is left out, and a loop tries it again. Thread-safe.
 */
final class HomesStart implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(HomesStart.class);
    private static final Duration TRY_AGAIN_AFTER = Duration.ofSeconds(2);
    private static final Duration LOOP_END = Duration.ofSeconds(1);
    private static final String WHAT_TO_DO =
            ". Give all processes the same homes and rules: see docs/scale.md for how they are changed";

    private final Map<String, Home> homes;
    private final HomeRules rules;
    private final HomeEngines engines;
    private final HomeCheck check;
    private final AllHomes all;
    private final Loop loop;
    /** The ids of homes that were met: what answers later under such a name must be the same database. */
    private final Map<String, UUID> known = new ConcurrentHashMap<>();

    HomesStart(Map<String, Home> homes, HomeRules rules, HomeEngines engines, AllHomes all) {
        this.homes = homes;
        this.rules = rules;
        this.engines = engines;
        this.check = new HomeCheck(homes.keySet(), rules);
        this.all = all;
        this.loop = new Loop("postroom-homes", true, this::startAgain);
    }

    /**
     * Does all of a start but the work: messages can be created then.
     *
     * @param makesHomes false: a database that is no home yet is refused, and no home is written to
     */
    void run(boolean makesHomes) {
        engines.requireHomes(List.of());
        AllHomes.Answers<Optional<StoredHome>> read = readAll();
        if (makesHomes) {
            compare(read);
        } else {
            refuse(check.refusals(read.given(), known));
            refuse(noHomes(read.given()));
        }
        startEngines(read.given().keySet());
        if (makesHomes) {
            loop.start();
        }
    }

    private static List<String> noHomes(Map<String, Optional<StoredHome>> read) {
        return read.entrySet().stream()
                .filter(home -> home.getValue().isEmpty())
                .map(home -> "the database of home \"" + home.getKey()
                        + "\" is no home yet: the next start of an application makes it one")
                .toList();
    }

    /** Makes the schemas ready and reads what is stored. A home that is down is left out, and logged. */
    AllHomes.Answers<Optional<StoredHome>> readAll() {
        Map<String, HomeDownException> away = Map.of();
        if (engines.makesSchemas()) {
            // Before a schema is made: it would stay in a database that is refused then.
            AllHomes.Answers<Optional<StoredHome>> before = all.collect(asked(homes.keySet(), this::readIfThere));
            refuse(HomeCheck.wrongDatabases(before.given(), known));
            away = before.down(); // not asked again: a home that hangs would hold up the start twice
        }
        Set<String> there = new TreeSet<>(homes.keySet());
        there.removeAll(away.keySet());
        AllHomes.Answers<Optional<StoredHome>> read = all.collect(asked(there, this::read));
        read.down().putAll(away);
        read.down().forEach((name, down) -> {
            log.warn("Home \"{}\" is left out of this start: {}", name, down.getMessage());
            homes.get(name).failed(down);
        });
        if (read.given().isEmpty()) {
            throw new HomeDownException("start on any home", read.down().values());
        }
        return read;
    }

    private Map<Home, CompletableFuture<Optional<StoredHome>>> asked(
            Set<String> names, Function<Home, Optional<StoredHome>> question) {
        Map<Home, CompletableFuture<Optional<StoredHome>>> asked = new LinkedHashMap<>();
        for (String name : names) {
            Home home = homes.get(name);
            asked.put(home, home.async(() -> question.apply(home)));
        }
        return asked;
    }

    /** Reads what is stored before the schema is made ready. What fails for good here is told by that, in better words. */
    private Optional<StoredHome> readIfThere(Home home) {
        try {
            return home.store().readIfThere();
        } catch (RuntimeException failed) {
            if (Home.isPassing(failed)) {
                throw home.ofStart(failed);
            }
            return Optional.empty();
        }
    }

    private Optional<StoredHome> read(Home home) {
        try {
            engines.prepareSchema(home);
            return home.store().read();
        } catch (RuntimeException failed) {
            throw home.ofStart(failed);
        }
    }

    /**
     * Compares what is stored with the rules of this process, and makes new databases homes.
     *
     * <p>The race: two processes with different rules start for the first time at once. Each makes home after home in the order of the
     * names, and stops where it finds other rules. So the first home decides which of the two goes on, and no home has the rules of one
     * process while the next has those of the other. This needs the first home, so the first start needs all of them. A process that ended
     * half-way leaves later homes without rules, and the next start goes on there: no home knows their ids yet.
     */
    private void compare(AllHomes.Answers<Optional<StoredHome>> read) {
        refuse(check.refusals(read.given(), known));
        boolean isFirst = read.given().values().stream().allMatch(Optional::isEmpty);
        if (isFirst && !read.down().isEmpty()) {
            throw new HomeDownException(
                    "start on homes that have no rules yet, which needs all of them",
                    read.down().values());
        }
        Map<String, Optional<StoredHome>> now = new TreeMap<>(read.given());
        for (Map.Entry<String, Optional<StoredHome>> home : now.entrySet()) {
            if (home.getValue().isEmpty()) {
                home.setValue(Optional.of(adopted(homes.get(home.getKey()))));
                refuse(check.refusals(now, known));
            }
        }
        now.values().forEach(stored -> known.putAll(HomeCheck.idsOf(stored.orElseThrow())));
        shareIds(now);
    }

    private StoredHome adopted(Home home) {
        log.info(
                "The database of home \"{}\" becomes a home, with {} rules",
                home.name(),
                rules.lines().size());
        return home.naming(() -> home.store().adopt(home.name(), homes.keySet(), rules.toString()));
    }

    /** Tells each home the ids of the others, where it does not know them. */
    private void shareIds(Map<String, Optional<StoredHome>> now) {
        now.forEach((name, stored) -> {
            Set<String> unknown = new TreeSet<>(known.keySet());
            unknown.removeAll(HomeCheck.idsOf(stored.orElseThrow()).keySet());
            if (!unknown.isEmpty()) {
                homes.get(name).naming(() -> homes.get(name).store().know(known));
            }
        });
    }

    private static void refuse(List<String> refusals) {
        if (!refusals.isEmpty()) {
            throw new PostroomException(String.join(". ", refusals) + WHAT_TO_DO);
        }
    }

    private void startEngines(Set<String> names) {
        Map<Home, CompletableFuture<Void>> begun = new LinkedHashMap<>();
        for (String name : names) {
            Home home = homes.get(name);
            begun.put(home, home.start(() -> engines.prepare(home)));
        }
        long end = System.nanoTime() + all.limit().toNanos();
        begun.forEach((home, start) -> await(home, start, end));
    }

    private void await(Home home, CompletableFuture<Void> start, long end) {
        try {
            start.get(Math.max(0, end - System.nanoTime()), TimeUnit.NANOSECONDS);
        } catch (TimeoutException slow) {
            home.failed(all.late(home, slow));
            log.warn(
                    "Home \"{}\" is in use here once its start has ended: it has taken {} ms",
                    home.name(),
                    all.limit().toMillis());
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw home.ofStart(interrupted);
        } catch (ExecutionException failed) {
            Throwable cause = failed.getCause();
            if (!Home.isPassing(cause)) {
                throw home.ofStart(cause);
            }
            log.warn("Home \"{}\" is left out of this start: {}", home.name(), cause.getMessage());
        }
    }

    /** A step of the loop: begins the start of each home that does not run yet as it should. */
    private void startAgain() {
        for (Home home : homes.values()) {
            home.start(() -> startedLate(home));
        }
        loop.pause(TRY_AGAIN_AFTER);
    }

    private DefaultPostroom startedLate(Home home) {
        if (engines.makesSchemas()) {
            refuse(HomeCheck.wrongDatabases(Map.of(home.name(), readIfThere(home)), known));
        }
        Optional<StoredHome> stored = read(home);
        refuse(check.refusals(Map.of(home.name(), stored), known));
        StoredHome now = stored.orElseGet(() -> adopted(home));
        refuse(check.refusals(Map.of(home.name(), Optional.of(now)), known));
        known.putAll(HomeCheck.idsOf(now));
        shareIds(Map.of(home.name(), Optional.of(now)));
        DefaultPostroom prepared = engines.prepare(home);
        log.info("Home \"{}\" is up", home.name());
        return prepared;
    }

    /** Ends the loop. A start that has begun goes on. */
    void stop() {
        loop.stop();
    }

    @Override
    public void close() {
        loop.stop();
        loop.join(LOOP_END);
    }
}
