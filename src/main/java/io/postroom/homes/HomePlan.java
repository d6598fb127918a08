package io.postroom.homes;

import io.postroom.api.InvalidMessageException;
import io.postroom.internal.storage.HomeStore.HomeQueue;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Says which queues other rules take from one home, and which they give back to it. Immutable.
 *
 * <p>A queue leaves that lived here by any rules that this home ever had. The rules so far are not enough: a repeat of a change that was
 * cut off finds the new ones stored here already. The database decides in the same way, in {@code postroom.moved_to}.
 */
final class HomePlan {
    private final String home;
    private final HomeRules before;
    private final HomeRules after;
    private final List<HomeRules> ever;

    /** @param past rules that the home had before those it has */
    HomePlan(String home, HomeRules before, List<HomeRules> past, HomeRules after) {
        this.home = home;
        this.before = before;
        this.after = after;
        this.ever = Stream.concat(Stream.of(before), past.stream()).toList();
    }

    /**
     * Whether a name could live here by the rules so far and not by the new ones. Such a name has a rule here that is changed, or one
     * elsewhere that is new or changed: whatever is the same on both sides decides in the same way.
     */
    boolean mayLose() {
        Map<String, String> old = before.lines();
        Map<String, String> now = after.lines();
        return old.entrySet().stream()
                        .anyMatch(rule ->
                                homes(rule).contains(home) && !rule.getValue().equals(now.get(rule.getKey())))
                || now.entrySet().stream()
                        .anyMatch(rule -> !homes(rule).equals(List.of(home))
                                && !rule.getValue().equals(old.get(rule.getKey())));
    }

    private static List<String> homes(Map.Entry<String, String> rule) {
        return Arrays.asList(rule.getValue().split(", "));
    }

    /** Whether a queue leaves this home, or is about to since a change that was cut off. */
    boolean leaves(HomeQueue queue) {
        boolean wasHere = ever.stream().anyMatch(rules -> rules.livesOn(home, queue.name()));
        return !lives(after, queue.name())
                && (queue.leaving() || queue.movedTo().isEmpty() && wasHere);
    }

    /** Whether a queue comes back that had left this home. */
    boolean returns(HomeQueue queue) {
        return queue.movedTo().isPresent() && lives(after, queue.name());
    }

    /** Whether the rules that this home has now let the queue live here: then it may be opened again when the change fails. */
    boolean isHereSoFar(String queue) {
        return lives(before, queue);
    }

    /**
     * Whether messages of the queue are stored here by these rules. A name that once was a part lives nowhere unless the rules name it:
     * by {@code #} it would have a home, and processes with another number of parts would write there.
     */
    private boolean lives(HomeRules rules, String queue) {
        return rules.livesOn(home, queue)
                && (rules.lines().containsKey(queue)
                        || rules.queueOfPart(queue).isPresent()
                        || wholeOf(queue).isEmpty());
    }

    private Optional<String> wholeOf(String queue) {
        return ever.stream().flatMap(rules -> rules.queueOfPart(queue).stream()).findFirst();
    }

    /** Where messages of a queue that leaves are created by the new rules, in words. */
    String whereTo(String queue) {
        String whole = wholeOf(queue).orElse(queue);
        try {
            List<QueueHome> places = after.homesOf(whole);
            return places.size() > 1
                    ? "the parts of queue \"" + whole + "\""
                    : "home \"" + places.get(0).home() + "\"";
        } catch (InvalidMessageException none) {
            return "no home: no rule gives it one";
        }
    }
}
