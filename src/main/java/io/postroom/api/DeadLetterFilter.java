package io.postroom.api;

import java.time.Instant;

/**
 * Says which dead letters are meant. Immutable: every method returns a changed copy. Conditions are joined by AND. The same words are used
 * in SQL and over HTTP, where a filter is a JSON object: {@code {"queue": "mail.*", "fingerprint": "f3a9"}}. The database checks it, and
 * refuses an unknown queue, an instant without a zone, and a filter without any condition.
 */
public final class DeadLetterFilter {
    private final String json;

    private DeadLetterFilter(String json) {
        this.json = json;
    }

    /** Means every dead letter. Nothing may be added to it. */
    public static DeadLetterFilter all() {
        return new DeadLetterFilter("{\"all\":true}");
    }

    /** Means those of a queue, or of all queues that a pattern such as {@code mail.*} or {@code mail.#} matches. */
    public static DeadLetterFilter queue(String nameOrPattern) {
        return new DeadLetterFilter("{}").with("queue", Limits.requireQueueOrPattern("queue", nameOrPattern));
    }

    /** Means those whose error has this fingerprint ({@code dead_letters.fingerprint}), in any queue. */
    public static DeadLetterFilter fingerprint(String errorFingerprint) {
        return new DeadLetterFilter("{}").with("fingerprint", errorFingerprint);
    }

    /** Takes a filter as a JSON object. The call that uses it refuses what is none. */
    public static DeadLetterFilter json(String object) {
        return new DeadLetterFilter(object);
    }

    /** Narrows to those whose error has this fingerprint. */
    public DeadLetterFilter withFingerprint(String errorFingerprint) {
        return with("fingerprint", errorFingerprint);
    }

    /** Narrows to a class of exceptions, by its full name. */
    public DeadLetterFilter errorClass(String name) {
        return with("errorClass", name);
    }

    /** Narrows to a reason such as {@code attempts_spent} or {@code rejected}. */
    public DeadLetterFilter reason(String reason) {
        return with("reason", reason);
    }

    /** Narrows to messages of this type, whatever version. */
    public DeadLetterFilter type(String type) {
        return with("type", type);
    }

    /** Narrows to messages of a business process. */
    public DeadLetterFilter correlationId(String id) {
        return with("correlationId", id);
    }

    /** Narrows to those that died at {@code from} or later and before {@code to}, by the database's clock. */
    public DeadLetterFilter dead(Instant from, Instant to) {
        return with("deadFrom", from.toString()).with("deadTo", to.toString());
    }

    /** Narrows to messages created at {@code from} or later and before {@code to}, by the database's clock. */
    public DeadLetterFilter created(Instant from, Instant to) {
        return with("createdFrom", from.toString()).with("createdTo", to.toString());
    }

    /** The filter as a JSON object. */
    public String json() {
        return json;
    }

    @Override
    public String toString() {
        return json;
    }

    private DeadLetterFilter with(String member, String text) {
        Limits.requireStorable(member, text);
        String start = json.substring(0, json.lastIndexOf('}'));
        String quoted = text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\t", "\\t");
        return new DeadLetterFilter(start + (start.equals("{") ? "" : ",") + "\"" + member + "\":\"" + quoted + "\"}");
    }
}
