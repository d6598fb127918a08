package io.postroom.homes;

import io.postroom.Postroom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Predicate;

/** Asks several homes at the same time. One that is down or slow holds up nobody for longer than the time limit. Thread-safe. */
final class AllHomes {
    private final Duration limit;

    AllHomes(Duration limit) {
        this.limit = limit;
    }

    /** Returns how long it waits for all answers to a question. */
    Duration limit() {
        return limit;
    }

    /**
     * What the homes answered.
     *
     * @param given by the name of the home, in the order in which the homes were asked
     * @param down those that gave no answer
     */
    record Answers<T>(Map<String, T> given, Map<String, HomeDownException> down) {}

    /**
     * Asks the engines of these homes. A single one is asked on the caller's thread.
     *
     * @throws RuntimeException what the question threw on a home that is up
     */
    <T> Answers<T> ask(Collection<Home> homes, Function<Postroom, T> question) {
        return askEach(homes, (home, engine) -> question.apply(engine));
    }

    /** Does what {@link #ask} does, with a question of its own for each home. */
    <T> Answers<T> askEach(Collection<Home> homes, BiFunction<Home, Postroom, T> question) {
        if (homes.size() == 1) {
            return askOne(homes.iterator().next(), question);
        }
        Map<Home, CompletableFuture<T>> asked = new LinkedHashMap<>();
        for (Home home : homes) {
            asked.put(home, home.async(() -> home.naming(() -> question.apply(home, home.require()))));
        }
        return collect(asked);
    }

    /**
     * Asks these homes, and waits for the first answer that counts; so a home that hangs holds up nobody who is looking for what another
     * one has.
     *
     * @param doing for the text of a failure, as in "find message 7"
     * @return empty: all homes have answered, and no answer counts
     * @throws HomeDownException no answer counts, and some home gave none
     */
    <T> Optional<T> first(
            String doing, Collection<Home> homes, BiFunction<Home, Postroom, T> question, Predicate<T> counts) {
        Map<Home, CompletableFuture<T>> asked = new LinkedHashMap<>();
        CompletableFuture<T> first = new CompletableFuture<>();
        for (Home home : homes) {
            CompletableFuture<T> answer = home.async(() -> home.naming(() -> question.apply(home, home.require())));
            asked.put(home, answer);
            answer.thenAccept(given -> {
                if (counts.test(given)) {
                    first.complete(given);
                }
            });
        }
        CompletableFuture<Void> all = CompletableFuture.allOf(asked.values().toArray(CompletableFuture[]::new));
        try {
            CompletableFuture.anyOf(first, all.handle((done, failed) -> done))
                    .get(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException | InterruptedException | ExecutionException notAll) {
            if (notAll instanceof InterruptedException) {
                Thread.currentThread().interrupt();
            }
        }
        if (first.isDone()) {
            asked.values().forEach(answer -> answer.cancel(false));
            return Optional.of(first.join());
        }
        Answers<T> answers = collect(asked, Duration.ZERO);
        if (!answers.down.isEmpty()) {
            throw new HomeDownException(doing, answers.down.values());
        }
        return answers.given.values().stream().filter(counts).findFirst();
    }

    private static <T> Answers<T> askOne(Home home, BiFunction<Home, Postroom, T> question) {
        Answers<T> answers = new Answers<>(new LinkedHashMap<>(), new TreeMap<>());
        try {
            answers.given.put(home.name(), home.naming(() -> question.apply(home, home.require())));
        } catch (HomeDownException down) {
            answers.down.put(home.name(), down);
        }
        return answers;
    }

    /** Waits for these, for the time limit in all. */
    <T> Answers<T> collect(Map<Home, CompletableFuture<T>> asked) {
        return collect(asked, limit);
    }

    private <T> Answers<T> collect(Map<Home, CompletableFuture<T>> asked, Duration longest) {
        long end = System.nanoTime() + longest.toNanos();
        Answers<T> answers = new Answers<>(new LinkedHashMap<>(), new TreeMap<>());
        List<RuntimeException> failures = new ArrayList<>();
        asked.forEach((home, future) -> {
            try {
                answers.given.put(home.name(), future.get(Math.max(0, end - System.nanoTime()), TimeUnit.NANOSECONDS));
            } catch (TimeoutException slow) {
                future.cancel(false); // it need not begin any more
                answers.down.put(home.name(), late(home, slow));
            } catch (InterruptedException | CancellationException interrupted) {
                Thread.currentThread().interrupt(); // the next get() ends at once, too, unless its answer is there
                answers.down.put(
                        home.name(), new HomeDownException(home.name(), "the thread was interrupted", interrupted));
            } catch (ExecutionException failed) {
                failure(home, failed.getCause(), answers, failures);
            }
        });
        if (!failures.isEmpty()) {
            RuntimeException first = failures.get(0);
            failures.stream().skip(1).forEach(first::addSuppressed);
            throw first;
        }
        return answers;
    }

    HomeDownException late(Home home, TimeoutException slow) {
        return new HomeDownException(home.name(), "it gave no answer within " + limit.toMillis() + " ms", slow);
    }

    private static <T> void failure(Home home, Throwable cause, Answers<T> answers, List<RuntimeException> failures) {
        if (cause instanceof HomeDownException down) {
            answers.down.put(home.name(), down);
        } else if (cause instanceof RuntimeException thrown) {
            failures.add(thrown);
        } else {
            failures.add(new IllegalStateException(home.named("failed"), cause));
        }
    }
}
