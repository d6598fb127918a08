package io.postroom.rest;

import io.postroom.api.Durations;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Overflow;
import io.postroom.api.QueueKind;
import io.postroom.api.QueueSettings;
import io.postroom.api.QueueSettings.OnDeadLetter;

/** Turns the text of a {@code PUT} into the settings of a queue. A member that is absent or {@code null} keeps what the queue has. */
final class QueueRequest {
    private QueueRequest() {}

    /**
     * @throws ProblemException it is no JSON
     * @throws InvalidMessageException a member is not known, or not what it must be
     */
    static QueueSettings read(String queue, String text) {
        JsonMembers given = JsonMembers.read(
                text,
                "kind",
                "attempts",
                "retryAfter",
                "timeToLive",
                "retention",
                "crashLimit",
                "deadLetterExchange",
                "deadLetterRoutingKey",
                "ordered",
                "onDeadLetter",
                "maxLength",
                "overflow",
                "singleActiveConsumer",
                "expiresAfter",
                "fair");
        return new QueueSettings(
                queue,
                given.integer("attempts"),
                given.text("retryAfter"),
                given.text("timeToLive").map(time -> Durations.parse("timeToLive", time)),
                given.text("retention").map(time -> Durations.parse("retention", time)),
                given.integer("crashLimit"),
                given.text("kind").map(QueueRequest::kind),
                given.text("deadLetterExchange"),
                given.text("deadLetterRoutingKey"),
                given.bool("ordered"),
                given.text("onDeadLetter").map(OnDeadLetter::ofCode),
                given.integer("maxLength").map(Integer::longValue),
                given.text("overflow").map(Overflow::ofCode),
                given.bool("singleActiveConsumer"),
                given.text("expiresAfter").map(time -> Durations.parse("expiresAfter", time)),
                given.bool("fair"));
    }

    private static QueueKind kind(String code) {
        QueueKind kind = QueueKind.ofCode(code);
        if (kind == QueueKind.EXCLUSIVE) {
            throw new InvalidMessageException(
                    "kind",
                    "durable or auto_delete",
                    code,
                    "An exclusive queue belongs to a process: declare it there, with Queues.declare");
        }
        return kind;
    }
}
