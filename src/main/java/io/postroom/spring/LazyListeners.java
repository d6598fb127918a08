package io.postroom.spring;

import io.postroom.handler.MessageEvent;
import io.postroom.handler.PostroomListener;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;

/** The host's listeners, made at the first event: one that creates messages needs the very bean that would wait for it. */
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
