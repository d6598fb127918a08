package io.postroom.handler;

import io.postroom.api.Outcome;
import java.util.List;

/**
 * Handles several messages in one call. Called by many threads at a time. When it throws, its messages are run one by one, and no failure
 * is counted for the batch.
 */
@FunctionalInterface
public interface BatchHandler<T> {
    /**
     * Handles the messages.
     *
     * @param payloads at least one, at most the handler's batch size
     * @param contexts one a payload, in the same order
     * @return one outcome for all, or one a payload in the same order
     * @throws Exception goes to {@link HandlingErrorSend} and the retry policy once its message is run alone
     */
    List<Outcome> handle(List<T> payloads, List<MessageContext> contexts) throws Exception;
}
