package io.postroom.api;

/** Whether a consumer takes messages. A pause of its queue is another matter: see {@link QueueStats#paused}. */
public enum ConsumerState {
    /** Nobody told it to stop. */
    RUNNING,
    /** It was told to stop, and its process has not answered yet or still holds messages. */
    STOPPING,
    /** It claims no more, and nothing is in flight. */
    STOPPED
}
