package io.postroom.internal.execution;

/**
 * A message of a queue that limits starts was about to start when its time for that was over. It was not started: it goes back to its queue
 * and costs nothing.
 */
final class LateStartException extends RuntimeException {
    LateStartException(HandlerCall call) {
        super(
                "message " + call.messages().get(0).id() + " of queue "
                        + call.queue().name()
                        + " did not start within the time for which its start was counted",
                null,
                false,
                false);
    }
}
