package io.postroom.handler;

import io.postroom.api.Outcome;
import java.util.List;

/** Handles several messages in one call. When it throws, its messages are run one by one and no failure is counted for the batch. */
@FunctionalInterface
public interface BatchHandler<T> {
    /** One outcome for all, or one for each in the order given. {@code contexts} has the order of {@code payloads}. */
    List<Outcome> handle(List<T> payloads, List<MessageContext> contexts) throws Exception;
}
