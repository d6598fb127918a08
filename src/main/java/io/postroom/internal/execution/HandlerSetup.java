package io.postroom.internal.execution;

import io.postroom.handler.HandlingErrorSend;
import io.postroom.handler.PostroomListener;
import java.util.List;
import java.util.Optional;

/**
 * What the user brings.
 *
 * @param handlers the handlers of this process
 * @param delivery calls them, with the user's codec and interceptors
 * @param onError asked about errors of handlers that name no HandlingErrorSend of their own
 * @param listeners told of what was committed
 * @param replies encodes what handlers reply
 * @param entries of external systems that handlers name
 */
public record HandlerSetup(
        HandlerRegistry handlers,
        Delivery delivery,
        Optional<HandlingErrorSend> onError,
        List<PostroomListener> listeners,
        ReplyEncoder replies,
        HandlerEntries entries) {}
