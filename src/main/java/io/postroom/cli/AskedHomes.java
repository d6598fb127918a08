package io.postroom.cli;

import io.postroom.api.QueueNotFoundException;
import io.postroom.api.StoreException;
import io.postroom.homes.HomeAnswers;
import io.postroom.homes.PostroomHomes;
import io.postroom.homes.QueueHome;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.BiFunction;
import java.util.stream.Collectors;

/**
 * Asks several homes at the same time. One that is down, or refuses, holds up no other one, and is told with its name. For one thread.
 */
final class AskedHomes {
    private final PostroomHomes homes;
    private boolean incomplete;

    AskedHomes(PostroomHomes homes) {
        this.homes = homes;
    }

    /**
     * What they gave.
     *
     * @param missing why a home gave no answer, or not all of it, by its name; each sentence names the home
     */
    record Given<T>(List<T> found, Map<String, CliException> missing) {
        /** Ends a command that was not done on all homes: not reachable if a repeat may help on each of them, else refused. */
        CliException failure(String sentence) {
            String text = sentence + ". "
                    + missing.values().stream().map(Throwable::getMessage).collect(Collectors.joining("; "));
            return missing.values().stream().allMatch(why -> why.exitCode() == CliException.UNREACHABLE)
                    ? CliException.unreachable(text)
                    : CliException.refused(text);
        }
    }

    /** A question to a home. */
    interface Question<T> extends BiFunction<String, EngineBackend, List<T>> {}

    /** A question about a queue, by the name that it has on the home. */
    interface QueueQuestion<T> {
        List<T> ask(String home, EngineBackend backend, String queue);
    }

    PostroomHomes homes() {
        return homes;
    }

    /** Whether a home gave no answer to any question so far. */
    boolean isIncomplete() {
        return incomplete;
    }

    /**
     * Asks all homes. One that does not have the queue of the question has no rows.
     *
     * @param doing for the text of a failure, as in "list messages"
     * @throws QueueNotFoundException no home has it
     * @throws CliException none gave an answer
     */
    <T> Given<T> onAll(String doing, Question<T> question) {
        Map<String, List<String>> places = new TreeMap<>();
        homes.names().forEach(home -> places.put(home, List.of("")));
        return ask(places, doing, (home, backend, any) -> question.apply(home, backend));
    }

    /**
     * Asks the home of a queue, or those of its parts. A part that does not exist yet has no rows.
     *
     * @param doing for the text of a failure, as in "list messages"
     * @throws QueueNotFoundException no part exists
     * @throws CliException no home gave an answer
     */
    <T> Given<T> onHomesOf(String queue, String doing, QueueQuestion<T> question) {
        Map<String, List<String>> places = new TreeMap<>();
        for (QueueHome place : homes.rules().homesOf(queue)) {
            places.computeIfAbsent(place.home(), home -> new ArrayList<>()).add(place.queue());
        }
        return ask(places, doing, question);
    }

    /** @param places the names that are asked for, by the home */
    private <T> Given<T> ask(Map<String, List<String>> places, String doing, QueueQuestion<T> question) {
        Queue<QueueNotFoundException> unknown = new ConcurrentLinkedQueue<>();
        Map<String, CliException> failed = new ConcurrentHashMap<>();
        HomeAnswers<T> answers = homes.ask(places.keySet(), (home, engine) -> {
            List<T> found = new ArrayList<>();
            for (String name : places.getOrDefault(home, List.of())) {
                try {
                    found.addAll(question.ask(home, new HomeBackend(engine), name));
                } catch (QueueNotFoundException notThere) {
                    unknown.add(notThere);
                } catch (RuntimeException failure) {
                    if (found.isEmpty() && isDown(failure)) {
                        throw failure; // told with what the homes know of it
                    }
                    failed.putIfAbsent(home, named(home, failure));
                }
            }
            return found;
        });
        QueueNotFoundException notThere = unknown.peek();
        if (notThere != null
                && unknown.size()
                        == places.values().stream().mapToInt(Collection::size).sum()) {
            throw notThere;
        }
        Map<String, CliException> missing = new TreeMap<>(failed);
        answers.down().forEach((home, down) -> missing.put(home, CliException.of(down)));
        incomplete |= !missing.isEmpty();
        Given<T> given = new Given<>(answers.found(), missing);
        if (missing.size() == places.size() && given.found().isEmpty()) {
            throw given.failure("Could not " + doing);
        }
        return given;
    }

    private static boolean isDown(RuntimeException failure) {
        return failure instanceof StoreException store && store.kind() == StoreException.Kind.UNAVAILABLE;
    }

    private static CliException named(String home, RuntimeException failure) {
        CliException told = CliException.of(failure);
        String text = "home \"" + home + "\": " + told.getMessage();
        return told.exitCode() == CliException.UNREACHABLE
                ? CliException.unreachable(text)
                : CliException.refused(text);
    }
}
