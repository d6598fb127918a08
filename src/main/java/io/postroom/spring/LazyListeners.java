package io.postroom.spring;

import io.postroom.handler.MessageEvent;
import io.postroom.handler.PostroomListener;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;

/**
 * Makes the host's listeners at the first event. A listener that creates messages needs the {@code Postroom} bean, and that bean would
 * otherwise wait for its listeners. Thread-safe.
 */
final class LazyListeners implements PostroomListener {
    private static final Logger log = LoggerFactory.getLogger(LazyListeners.class);

    private final ObjectProvider<PostroomListener> provider;
    private volatile @Nullable List<PostroomListener> made;

    LazyListeners(ObjectProvider<PostroomListener> provider) {
        this.provider = provider;
    }

    @Override
    public void onEvent(MessageEvent event) {
        for (PostroomListener listener : listeners()) {
            try {
                listener.onEvent(event);
            } catch (Throwable thrown) {
                log.warn("a listener failed on {}", event, thrown);
            }
        }
    }

    private List<PostroomListener> listeners() {
        List<PostroomListener> known = made;
        if (known == null) {
            known = provider.orderedStream().toList();
            made = known;
        }
        return known;
    }
}
