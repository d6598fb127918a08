package io.postroom.handler;

/**
 * Is told what this process did to messages, after it was committed. Called by engine threads, so it must be quick. What it throws is
 * logged.
 */
@FunctionalInterface
public interface PostroomListener {
    /** Takes notice of one message that reached a state. */
    void onEvent(MessageEvent event);
}
