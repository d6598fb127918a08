package io.postroom.rest;

import io.postroom.api.DuplicateMessageException;
import io.postroom.api.ExclusiveQueueException;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.QueueFullException;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.ScheduleNotFoundException;
import io.postroom.api.SettingsChangedException;
import io.postroom.api.UnroutableMessageException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Says why a request was refused, as a problem document of RFC 9457.
 *
 * @param status of the HTTP answer
 * @param code stable, for programs: the end of the document's {@code type}
 * @param title the same for every problem of this code
 * @param detail a sentence about this request
 * @param field the member that was refused
 * @param limit what it must be
 * @param existing the message that has the id or deduplication key already
 * @param retryAfter when trying again may help
 */
public record Problem(
        int status,
        String code,
        String title,
        String detail,
        Optional<String> field,
        Optional<String> limit,
        Optional<UUID> existing,
        Optional<Duration> retryAfter) {
    public static final String CONTENT_TYPE = "application/problem+json";
    /** The beginning of each document's {@code type}. */
    public static final String TYPE = "urn:postroom:problem:";

    /** Whoever reads an answer in a terminal sees what was sent, also where it would turn the text around or move the cursor. */
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();

    public static Problem of(int status, String code, String title, String detail) {
        return new Problem(
                status, code, title, detail, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
    }

    static Problem malformed(String detail) {
        return of(400, "malformed", "The request cannot be read", detail);
    }

    static Problem tooLarge(String field, int limitBytes) {
        String limit = "at most " + limitBytes + " bytes";
        return of(413, "too-large", "The request is too large", field + " must be " + limit)
                .about(field, limit);
    }

    static Problem unsupported(String detail) {
        return of(415, "unsupported-media-type", "Only JSON is taken", detail);
    }

    static Problem unwantedType(String detail) {
        return of(415, "unsupported-media-type", "The content is not taken", detail);
    }

    static Problem unknownWebhook() {
        return of(404, "unknown-webhook", "Nothing is received here", "No webhook of this name is in use");
    }

    static Problem unproven() {
        return of(
                401,
                "unproven",
                "The sender is not proven",
                "Sign the body with the shared secret, and the time of now");
    }

    static Problem notReceiving() {
        return of(503, "not-receiving", "Nothing can be received now", "Nothing was stored. Send it again later")
                .retryAfter(Duration.ofMinutes(1));
    }

    static Problem invalid(InvalidMessageException refused) {
        return of(422, "invalid-message", "A value breaks a limit", String.valueOf(refused.getMessage()))
                .about(refused.field(), refused.limit());
    }

    static Problem invalidRequest(InvalidMessageException refused) {
        return of(422, "invalid-request", "The request breaks a limit", String.valueOf(refused.getMessage()))
                .about(refused.field(), refused.limit());
    }

    static Problem unknownQueue(QueueNotFoundException refused) {
        return of(404, "unknown-queue", "No such queue", String.valueOf(refused.getMessage()));
    }

    static Problem duplicate(DuplicateMessageException refused) {
        Problem problem =
                of(409, "duplicate", "There is another message like it", String.valueOf(refused.getMessage()));
        return new Problem(
                problem.status,
                problem.code,
                problem.title,
                problem.detail,
                Optional.of(refused.field()),
                Optional.of("not taken by a message with other content"),
                Optional.of(refused.existing()),
                Optional.empty());
    }

    static Problem unroutable(UnroutableMessageException refused) {
        return of(422, "unroutable", "The message reaches no queue", String.valueOf(refused.getMessage()))
                .about("exchange", "one with a binding that matches, or mandatory false");
    }

    static Problem queueFull(QueueFullException refused) {
        return of(429, "queue-full", "The queue has no room", String.valueOf(refused.getMessage()))
                .about("queue", "one with room: its maximum length is " + refused.maxLength())
                .retryAfter(Duration.ofSeconds(1));
    }

    static Problem inUse(IllegalStateException refused) {
        return of(409, "in-use", "It is still in use", String.valueOf(refused.getMessage()));
    }

    static Problem exclusive(ExclusiveQueueException refused) {
        return of(409, "exclusive", "The queue belongs to a process", String.valueOf(refused.getMessage()));
    }

    static Problem settingsChanged(SettingsChangedException refused) {
        return of(409, "settings-changed", "Another one was faster", String.valueOf(refused.getMessage()));
    }

    /** Says that a token is known, and not for this. */
    public static Problem notAllowed(String detail) {
        return of(403, "not-allowed", "The token is not for this", detail);
    }

    static Problem notAllowed(String detail, String field) {
        return notAllowed(detail).about(field, "one that the token is for");
    }

    /** Says that an entry of an external system is not known. */
    public static Problem unknownSettings(String name) {
        return of(404, "unknown-settings", "No such settings", "There are no settings \"" + name + "\"");
    }

    static Problem unknownSchedule(ScheduleNotFoundException refused) {
        return of(404, "unknown-schedule", "No such schedule", String.valueOf(refused.getMessage()));
    }

    static Problem unknownExchange(String name) {
        return of(404, "unknown-exchange", "No such exchange", "There is no exchange \"" + name + "\"");
    }

    static Problem unknownBatch(String id) {
        return of(
                404,
                "unknown-batch",
                "No such batch",
                "There is no batch " + id + ". It never was, or it was completed more than seven days ago");
    }

    /** Says that a message is not known, or was purged. */
    public static Problem unknownMessage(String id) {
        return of(
                404,
                "unknown-message",
                "No such message",
                "There is no message " + id + ". It never was, or RemoveQueueMessages has removed it");
    }

    /** Says that an operation is not known. */
    public static Problem unknownOperation(String id) {
        return of(404, "unknown-operation", "No such operation", "There is no operation " + id);
    }

    static Problem unknownMailbox(String name) {
        return of(404, "unknown-mailbox", "No such mailbox", "No mailbox " + name + " was read yet");
    }

    static Problem busy() {
        return of(
                        503,
                        "busy",
                        "Too much is sent at once",
                        "Nothing was done: the bodies of other requests take the memory that there is for them. Try again")
                .retryAfter(Duration.ofSeconds(1));
    }

    static Problem late() {
        return of(408, "late", "The body came too slowly", "Nothing was done. Send the whole request again");
    }

    static Problem unavailable(Duration retryAfter) {
        return of(
                        503,
                        "unavailable",
                        "The database cannot be reached now",
                        "Try again. Whether something was written is not known: with the same id, deduplicationKey or Idempotency-Key,"
                                + " repeating is safe")
                .retryAfter(retryAfter);
    }

    static Problem internal() {
        return of(500, "internal", "Something went wrong in the server", "The log of the server says more");
    }

    private Problem about(String refusedField, String itsLimit) {
        return new Problem(
                status, code, title, detail, Optional.of(refusedField), Optional.of(itsLimit), existing, retryAfter);
    }

    private Problem retryAfter(Duration duration) {
        return new Problem(status, code, title, detail, field, limit, existing, Optional.of(duration));
    }

    public byte[] toJson() {
        Map<String, Object> members = new LinkedHashMap<>();
        members.put("type", TYPE + code);
        members.put("title", title);
        members.put("status", status);
        members.put("detail", detail);
        field.ifPresent(value -> members.put("field", value));
        limit.ifPresent(value -> members.put("limit", value));
        existing.ifPresent(value -> members.put("existing", value.toString()));
        return JSON.writeValueAsBytes(members);
    }
}
