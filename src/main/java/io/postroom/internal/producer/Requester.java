package io.postroom.internal.producer;

import io.postroom.api.CreateMessage;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.api.NoReplyException;
import io.postroom.api.QueueEntry;
import io.postroom.api.Reply;
import io.postroom.api.SendResult;
import io.postroom.internal.storage.EnqueueResult;
import io.postroom.internal.storage.MessageQueries;
import io.postroom.internal.storage.NewMessage;
import io.postroom.internal.storage.OperatorStore;
import io.postroom.internal.worker.EngineParts;
import io.postroom.internal.worker.ReplyReceiver;
import io.postroom.internal.worker.ReplyReceiver.Caller;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends requests and waits for their replies, on the caller's thread. Thread-safe.
 *
 * <ol>
 *   <li>The request gets the name of this process's reply queue, a correlation id, and its time limit as the time to live.
 *   <li>The caller is noted, then the request is committed: a reply cannot come too early.
 *   <li>The caller waits for the reply, for an end of the request other than DONE, or for the end of the time.
 *   <li>Whoever takes the caller away ends the wait: a reply that comes later counts as late.
 * </ol>
 */
final class Requester {
    private static final Logger log = LoggerFactory.getLogger(Requester.class);
    private static final Duration SHORTEST = Duration.ofMillis(1);
    private static final Duration LONGEST = Duration.ofHours(24);

    private final MessageEncoder encoder;
    private final GroupCommits writer;
    private final MessageQueries queries;
    private final OperatorStore operator;
    private final EngineParts worker;
    private final ReplyReceiver receiver;

    Requester(
            MessageEncoder encoder,
            GroupCommits writer,
            MessageQueries queries,
            OperatorStore operator,
            EngineParts worker) {
        this.encoder = encoder;
        this.writer = writer;
        this.queries = queries;
        this.operator = operator;
        this.worker = worker;
        this.receiver = worker.replies();
    }

    /** No transaction may be open on the thread. */
    Reply send(CreateMessage request, Duration timeLimit) {
        long end = System.nanoTime() + requireTimeLimit(timeLimit).toNanos();
        requireRequest(request);
        if (worker.isOnCompleterThread()) {
            throw new IllegalStateException(
                    "sendAndReceive waits for results that the thread it was called on has to write: a"
                            + " PostroomListener must hand such work to a thread of its own");
        }
        String queue = receiver.queue();
        NewMessage encoded = encoder.encode(addressed(request, queue, timeLimit));
        Caller caller = receiver.expect(encoded.id(), queue);
        CompletableFuture<SendResult> ended = watchEnd(encoded);
        try {
            EnqueueResult written = writer.write(List.of(encoded)).get(0);
            if (written.queues().isEmpty()) {
                throw new NoReplyException(encoded.id(), "it reached no queue and was dropped");
            }
            return await(caller, end, timeLimit);
        } finally {
            receiver.forget(caller);
            if (ended != null) {
                ended.cancel(false);
            }
        }
    }

    private static Duration requireTimeLimit(@Nullable Duration limit) {
        if (limit == null || limit.compareTo(SHORTEST) < 0 || limit.compareTo(LONGEST) > 0) {
            throw new InvalidMessageException("timeLimit", "1 ms to 24 h", String.valueOf(limit));
        }
        return limit;
    }

    private static void requireRequest(@Nullable CreateMessage request) {
        if (request == null) {
            throw new InvalidMessageException("request", "a message", "null");
        }
        request.deduplicationKey().ifPresent(key -> {
            throw new InvalidMessageException(
                    "deduplicationKey",
                    "left out in sendAndReceive",
                    key,
                    "The reply would go to the caller whose message came first");
        });
        String given = request.headers().get(Reply.REPLY_TO);
        if (given != null) {
            throw new InvalidMessageException(
                    "headers",
                    "without " + Reply.REPLY_TO + " in sendAndReceive",
                    given,
                    "Use createMessage for a reply in a queue of your own");
        }
    }

    private static CreateMessage addressed(CreateMessage request, String queue, Duration timeLimit) {
        CreateMessage addressed = request.header(Reply.REPLY_TO, queue);
        if (request.timeToLive().isEmpty() || request.timeToLive().get().compareTo(timeLimit) > 0) {
            addressed = addressed.timeToLive(timeLimit);
        }
        return request.correlationId().isPresent()
                ? addressed
                : addressed.correlationId(
                        request.id().orElseGet(MessageIds::next).toString());
    }

    /** Ends the wait with an end of the request that has no reply. Null for a message that may end in each of several queues otherwise. */
    private @Nullable CompletableFuture<SendResult> watchEnd(NewMessage request) {
        if (request.content().exchange() != null) {
            return null;
        }
        CompletableFuture<SendResult> end = worker.futures().watch(request.id());
        end.whenComplete((result, error) -> {
            if (result != null && result.state() != MessageState.DONE) {
                receiver.fail(request.id(), stateOf(request.id()));
            }
        });
        return end;
    }

    private Reply await(Caller caller, long endNanos, Duration timeLimit) {
        UUID request = caller.request();
        try {
            return caller.reply().get(Math.max(0, endNanos - System.nanoTime()), TimeUnit.NANOSECONDS);
        } catch (TimeoutException over) {
            if (receiver.forget(caller)) {
                throw new NoReplyException(
                        request,
                        "none came within " + timeLimit + ", and " + stateOf(request)
                                + ". A handler that has begun it goes on; none begins it from now on");
            }
        } catch (InterruptedException interrupted) {
            boolean waited = receiver.forget(caller);
            if (waited) {
                cancel(request);
            }
            Thread.currentThread().interrupt();
            if (waited) {
                throw new NoReplyException(
                        request,
                        "the thread that waited was interrupted; the request is cancelled if it was not begun");
            }
        } catch (ExecutionException noReply) {
            throw ended(request, noReply.getCause());
        }
        try {
            return caller.reply().join(); // it was taken at the last moment
        } catch (CompletionException noReply) {
            throw ended(request, noReply.getCause());
        }
    }

    private static NoReplyException ended(UUID request, Throwable why) {
        return new NoReplyException(request, String.valueOf(why.getMessage()), why);
    }

    /** Says where the request stands, with its last error. */
    private String stateOf(UUID request) {
        try {
            return queries.find(request).stream()
                    .flatMap(message -> message.entries().stream())
                    .map(Requester::text)
                    .collect(Collectors.collectingAndThen(
                            Collectors.joining("; "), text -> text.isEmpty() ? "it is not known any more" : text));
        } catch (RuntimeException notAnswered) {
            log.debug("the state of request {} could not be asked", request, notAnswered);
            return "its state could not be asked; history(id) says it later";
        }
    }

    private static String text(QueueEntry entry) {
        String state = "it is " + entry.state() + " in queue \"" + entry.queue() + "\"";
        return entry.state() == MessageState.DONE
                ? state + ", and its handler set no reply"
                : state + entry.error().map(error -> ", last error: " + error).orElse("");
    }

    private void cancel(UUID request) {
        try {
            operator.cancel(request);
        } catch (RuntimeException notCancelled) {
            log.debug("request {} was not cancelled, and expires", request, notCancelled);
        }
    }
}
