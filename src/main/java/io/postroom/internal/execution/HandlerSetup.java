package io.postroom.internal.execution;

import io.postroom.handler.HandlingErrorSend;
import io.postroom.handler.PostroomListener;
import java.util.List;
import java.util.Optional;

/** What the user brings: handlers, how to call them, who judges errors, who listens. */
public record HandlerSetup(
        HandlerRegistry handlers,
        Delivery delivery,
        Optional<HandlingErrorSend> onError,
        List<PostroomListener> listeners) {}
