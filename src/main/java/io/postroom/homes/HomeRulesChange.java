package io.postroom.homes;

import io.postroom.api.PostroomException;
import io.postroom.homes.RulesChange.MovedQueue;
import io.postroom.internal.loop.Backoff;
import io.postroom.internal.storage.HomeStore.ChangeLock;
import io.postroom.internal.storage.HomeStore.HomeQueue;
import io.postroom.internal.storage.HomeStore.Left;
import io.postroom.internal.storage.HomeStore.StoredHome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives the homes other rules, while other processes create and handle messages. For one use.
 *
 * <ol>
 *   <li>Takes a lock on each home, in the order of their names, and reads what they have stored. The race: of two changes at once, one
 *       would open again what the other has closed. A lock on one home is not enough, since two changes may know different homes. A lock
 *       that is lost on the way ends the change.
 *   <li>Announces the new rules on each home that loses names. From now on its database makes no queue there, and brings none back, that
 *       they give another home. The race: a queue that is used for the first time is in no list of those that are closed.
 *   <li>Finds the queues that lose their home and closes them. Whoever creates a message looks at the row of the queue in the statement
 *       that writes, so whatever begins from now on is refused. Consumers go on.
 *   <li>Waits until all transactions that were open then have ended. The race: one of them has looked before the queue was closed, and its
 *       message becomes visible later; under REPEATABLE READ it may even look later, with a snapshot from before.
 *   <li>Looks for queues that those transactions have made, and does the last two steps with them.
 *   <li>Waits until the queues are empty. From then on nothing can come: nobody creates, and nothing is left that could be tried again or
 *       redriven. A queue that is not empty in time is opened again, and nothing has changed. One that has left by rules which its home
 *       has stored already stays closed.
 *   <li>Makes new databases homes. The race: a first start with other rules has made one of them a home meanwhile. Its rules are found
 *       then, and nothing is stored on the others.
 *   <li>Stores the rules on home after home, and opens what comes back to it in the same transaction: a process with the new rules must
 *       find it open. The race: a process starts meanwhile. It finds two kinds of rules and is refused, whichever it has. So from here on
 *       a repeat of the change is the only way forward, and it does the same steps again.
 *   <li>Deletes the empty queues, which stay closed: processes with the old rules go on with all other queues.
 * </ol>
 */
final class HomeRulesChange {
    private static final Logger log = LoggerFactory.getLogger(HomeRulesChange.class);
    private static final int MOST_NAMED = 5;

    private final Map<String, Home> homes;
    private final HomeRules rules;
    private final long end;
    /** A look at what is delayed reads all of it, so looks become rarer. */
    private final Backoff pauses = new Backoff(Duration.ofMillis(20), Duration.ofSeconds(1));

    private final Map<String, ChangeLock> locks = new TreeMap<>();
    private final Map<String, HomePlan> plans = new TreeMap<>();
    /** The homes that lose names. */
    private final Set<String> losing = new TreeSet<>();
    /** By home and queue: where the queue goes, in words. */
    private final Map<String, Map<String, String>> moving = new TreeMap<>();

    private final Map<String, List<String>> returning = new TreeMap<>();

    HomeRulesChange(Map<String, Home> homes, HomeRules rules, Duration longest) {
        this.homes = new TreeMap<>(homes);
        this.rules = rules;
        this.end = System.nanoTime() + longest.toNanos();
    }

    RulesChange run() {
        try {
            homes.forEach((name, home) -> locks.put(name, home.naming(home.store()::lock)));
            Map<String, Optional<StoredHome>> read = new TreeMap<>();
            homes.forEach((name, home) -> read.put(name, home.naming(home.store()::read)));
            refuse(HomeCheck.wrongDatabases(read, Map.of()));
            return change(read);
        } finally {
            locks.values().forEach(ChangeLock::close);
        }
    }

    private RulesChange change(Map<String, Optional<StoredHome>> read) {
        Map<String, StoredHome> stored = new TreeMap<>();
        read.forEach((name, home) -> home.ifPresent(known -> stored.put(name, known)));
        requireNoHomeLeftBehind(stored.values());
        stored.forEach((name, home) -> plans.put(name, planOf(name, home)));
        plan();
        refuse(obstacles());
        closeAndEmpty(() -> adoptOthers(stored.keySet()));
        long version = 1
                + stored.values().stream().mapToLong(StoredHome::version).max().orElse(0);
        for (String name : homes.keySet()) {
            List<String> back = returning.getOrDefault(name, List.of());
            onHome(name, it -> it.store().change(homes.keySet(), rules.toString(), version, back));
        }
        moving.forEach((home, queues) -> onHome(home, it -> it.store().leave(queues.keySet())));
        List<MovedQueue> moved = new ArrayList<>();
        moving.forEach((home, queues) -> queues.forEach((queue, to) -> moved.add(new MovedQueue(queue, home, to))));
        log.info("The homes have rules of version {}; {} queues have moved", version, moved.size());
        return new RulesChange(version, moved);
    }

    /** A home that is given no more must have no queue by the rules so far: nobody would look there any more. */
    private void requireNoHomeLeftBehind(Collection<StoredHome> stored) {
        Set<String> used = new TreeSet<>();
        stored.forEach(home -> used.addAll(HomeRules.parse(home.rules()).homes()));
        used.removeAll(homes.keySet());
        if (!used.isEmpty()) {
            throw new PostroomException("queues live on " + used
                    + " by the rules so far, and the change knows only the homes " + homes.keySet()
                    + ". Give their queues other homes first, and leave out the empty ones then");
        }
    }

    private HomePlan planOf(String name, StoredHome stored) {
        Home home = homes.get(name);
        List<HomeRules> past = home.naming(home.store()::pastRules).stream()
                .map(HomeRules::parse)
                .toList();
        HomePlan plan = new HomePlan(name, HomeRules.parse(stored.rules()), past, rules);
        if (plan.mayLose()) {
            losing.add(name);
        }
        return plan;
    }

    /** Finds what moves and what comes back, and answers whether anything moves that was not known to. */
    private boolean plan() {
        Map<String, Set<String>> known = new HashMap<>();
        moving.forEach((home, queues) -> known.put(home, Set.copyOf(queues.keySet())));
        moving.clear();
        returning.clear();
        plans.forEach((name, plan) -> {
            Home home = homes.get(name);
            for (HomeQueue queue : home.naming(home.store()::queues)) {
                if (plan.returns(queue)) {
                    returning.computeIfAbsent(name, key -> new ArrayList<>()).add(queue.name());
                } else if (plan.leaves(queue)) {
                    moving.computeIfAbsent(name, key -> new TreeMap<>()).put(queue.name(), plan.whereTo(queue.name()));
                }
            }
        });
        losing.addAll(moving.keySet());
        return moving.entrySet().stream()
                .anyMatch(home -> !known.getOrDefault(home.getKey(), Set.of())
                        .containsAll(home.getValue().keySet()));
    }

    private List<String> obstacles() {
        List<String> obstacles = new ArrayList<>();
        moving.forEach((name, queues) -> {
            Home home = homes.get(name);
            home.naming(() -> home.store().obstacles(queues.keySet()))
                    .forEach(obstacle -> obstacles.add(home.named(obstacle)));
        });
        return obstacles;
    }

    /** @param last is done before it is too late to go back */
    private void closeAndEmpty(Runnable last) {
        boolean done = false;
        try {
            losing.forEach(home -> onHome(home, it -> it.store().announce(rules.toString())));
            do {
                close();
                awaitTransactions();
            } while (plan());
            refuse(obstacles()); // bound while others were waited for; nobody binds a closed queue
            awaitEmpty();
            requireLocks();
            last.run();
            done = true;
        } finally {
            if (!done) {
                losing.forEach(this::reopenAfterFailure);
            }
        }
    }

    /** Closes each queue once no transaction holds its row. It waits for none in the database, where no limit of time would hold. */
    private void close() {
        while (true) {
            Map<String, Set<String>> held = new TreeMap<>();
            moving.forEach((name, queues) -> {
                Home home = homes.get(name);
                Set<String> open = new TreeSet<>(queues.keySet());
                open.removeAll(home.naming(() -> home.store().close(queues)));
                if (!open.isEmpty()) {
                    held.put(name, open);
                }
            });
            if (held.isEmpty()) {
                return;
            }
            pauseOr(() -> {
                Set<String> open = new TreeSet<>();
                held.keySet().forEach(home -> open.addAll(openOn(home)));
                return "transactions that are still open have changed queues that move, " + held + ". Open are " + open;
            });
        }
    }

    private void reopenAfterFailure(String home) {
        Set<String> queues = new TreeSet<>(moving.getOrDefault(home, Map.of()).keySet());
        queues.removeIf(queue -> !plans.get(home).isHereSoFar(queue));
        try {
            onHome(home, it -> it.store().withdraw(queues));
        } catch (RuntimeException failed) {
            log.error(
                    "Queues {} of home \"{}\" stay closed: repeat the change, or change the rules to those before",
                    queues,
                    home,
                    failed);
        }
    }

    private void awaitTransactions() {
        Map<String, Set<String>> open = new HashMap<>();
        losing.forEach(home -> open.put(home, new HashSet<>(openOn(home))));
        while (true) {
            open.forEach((home, transactions) -> transactions.retainAll(openOn(home)));
            open.values().removeIf(Set::isEmpty);
            if (open.isEmpty()) {
                return;
            }
            pauseOr(() -> "transactions that began before the queues were closed are still open: " + open);
        }
    }

    /** Without the session that holds the lock on that home. */
    private Set<String> openOn(String name) {
        Home home = homes.get(name);
        return home.naming(() -> home.store().openTransactions(locks.get(name).pid()));
    }

    private void awaitEmpty() {
        while (true) {
            List<String> left = new ArrayList<>();
            moving.forEach((name, queues) -> {
                Home home = homes.get(name);
                home.naming(() -> home.store().left(queues.keySet())).forEach(queue -> left.add(shown(home, queue)));
            });
            if (left.isEmpty()) {
                return;
            }
            pauseOr(() -> left.stream().limit(MOST_NAMED).collect(Collectors.joining("; "))
                    + (left.size() > MOST_NAMED ? "; and " + (left.size() - MOST_NAMED) + " more queues" : ""));
        }
    }

    private void adoptOthers(Set<String> stored) {
        for (Home home : homes.values()) {
            if (stored.contains(home.name())) {
                continue;
            }
            StoredHome now = home.naming(() -> home.store().adopt(home.name(), homes.keySet(), rules.toString()));
            if (!now.rules().equals(rules.toString())) {
                throw new PostroomException("the rules of the homes were not changed: home \"" + home.name()
                        + "\" has got other rules meanwhile, from a process that started for the first time."
                        + " Repeat the change");
            }
        }
    }

    private void requireLocks() {
        locks.forEach((name, lock) -> homes.get(name).naming(lock::require));
    }

    private static String shown(Home home, Left left) {
        return "queue \"" + left.queue() + "\" on home \"" + home.name() + "\" has " + left.waiting() + " waiting, "
                + left.inProgress() + " in progress and " + left.dead() + " dead";
    }

    private void pauseOr(Supplier<String> what) {
        if (System.nanoTime() - end >= 0 || Thread.currentThread().isInterrupted()) {
            throw new PostroomException("the rules of the homes were not changed: " + what.get()
                    + ". Let them end, or give the change more time");
        }
        requireLocks();
        LockSupport.parkNanos(this, pauses.next().toNanos());
    }

    private void onHome(String name, Consumer<Home> action) {
        Home home = homes.get(name);
        home.naming(() -> action.accept(home));
    }

    private static void refuse(List<String> refusals) {
        if (!refusals.isEmpty()) {
            throw new PostroomException("the rules of the homes were not changed: " + String.join(". ", refusals));
        }
    }
}
