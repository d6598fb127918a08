package io.postroom.handler;

/** Hears what happened to messages in this process, after it was committed. Called by engine threads: be quick. What it throws is logged. */
@FunctionalInterface
public interface PostroomListener {
    void onEvent(MessageEvent event);
}
