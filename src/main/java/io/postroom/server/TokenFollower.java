package io.postroom.server;

import io.postroom.internal.access.TokenCache;
import io.postroom.internal.storage.AccessTokenStore;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.SmartLifecycle;

/** Reads the tokens of the database before the web is up, so that no request is refused because they are not known yet. */
final class TokenFollower implements SmartLifecycle {
    private final TokenCache cache;
    private final AccessTokenStore store;
    private volatile boolean started;

    TokenFollower(TokenCache cache, AccessTokenStore store) {
        this.cache = cache;
        this.store = store;
    }

    @Override
    public void start() {
        cache.follow(store);
        started = true;
    }

    @Override
    public void stop() {
        cache.close();
        started = false;
    }

    @Override
    public boolean isRunning() {
        return started;
    }

    @Override
    public int getPhase() {
        return WebServerApplicationContext.START_STOP_LIFECYCLE_PHASE - 1;
    }
}
