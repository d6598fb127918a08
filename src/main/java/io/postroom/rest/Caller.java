package io.postroom.rest;

import io.postroom.api.AccessRole;
import io.postroom.api.CreateMessage;
import io.postroom.api.Reply;
import jakarta.servlet.http.HttpServletRequest;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Who sent a request, where that is known by a token: an attribute of the request. Without it the host has decided, as for every other page
 * of its own, and nothing is refused here.
 *
 * @param name of the token, for the record
 * @param role what the token may do
 * @param isShared whether several people have the token, so that a request may name its actor
 * @param seesContent whether payloads are shown
 * @param queues of a producer: where it may create messages
 */
public record Caller(String name, AccessRole role, boolean isShared, boolean seesContent, Predicate<String> queues) {
    private static final String ATTRIBUTE = Caller.class.getName();
    /** Types and headers that begin so are the engine's own: a kill signal stops consumers. */
    private static final String OWN_TYPE = "postroom.";

    private static final String OWN_HEADER = "postroom-";

    public void on(HttpServletRequest request) {
        request.setAttribute(ATTRIBUTE, this);
    }

    public static Optional<Caller> of(HttpServletRequest request) {
        return Optional.ofNullable((Caller) request.getAttribute(ATTRIBUTE));
    }

    /**
     * The actor of a request, for the record: its login, else the name of a token that one holder has, else the name that the request
     * gives, else the name of a shared token.
     */
    static Optional<String> actor(HttpServletRequest request, Optional<String> given) {
        Optional<Caller> caller = of(request);
        return Optional.ofNullable(request.getRemoteUser())
                .or(() -> caller.filter(known -> !known.isShared).map(Caller::name))
                .or(() -> given)
                .or(() -> caller.map(Caller::name));
    }

    /**
     * Lets a producer create what is in its queues and touches nothing else. It names a queue: where an exchange leads may change at any
     * time. A reply goes to the queue of a header, so that queue must match, too; a batch is completed by all its members.
     *
     * @throws ProblemException it is something else
     */
    void requireMayCreate(CreateMessage message) {
        if (role != AccessRole.PRODUCER) {
            return;
        }
        if (message.exchange().isPresent()) {
            throw refused("exchange", "it names queues alone");
        } else if (!queues.test(message.queue())) {
            throw refused("queue", "queue \"" + message.queue() + "\" matches none of its patterns");
        } else if (message.batch().isPresent()) {
            throw refused("batch", "batches are not for producers");
        }
        if (typeOf(message.content()).startsWith(OWN_TYPE)) {
            throw refused("type", "types that begin with " + OWN_TYPE + " are the engine's own");
        }
        String replyTo = message.headers().get(Reply.REPLY_TO);
        if (replyTo != null && !queues.test(replyTo)) {
            throw refused("headers", "queue \"" + replyTo + "\" for the reply matches none of its patterns");
        }
        if (message.headers().keySet().stream().anyMatch(header -> header.startsWith(OWN_HEADER))) {
            throw refused("headers", "headers that begin with " + OWN_HEADER + " are the engine's own");
        }
    }

    /** Requests hold JSON or bytes, never objects of Java. */
    private static String typeOf(CreateMessage.Content content) {
        if (content instanceof CreateMessage.Content.Json json) {
            return json.type();
        }
        return content instanceof CreateMessage.Content.Body body ? body.type() : "";
    }

    private ProblemException refused(String field, String why) {
        return new ProblemException(Problem.notAllowed(
                "Token \"" + name + "\" is for a producer and may not create this message: " + why, field));
    }
}
