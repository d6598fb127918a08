package io.postroom.console;

import io.postroom.homes.PostroomHomes;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** The homes of an application that has several. A pool for reads is opened on a home when its first page is asked for. */
final class HomeDatabases implements ConsoleDatabases {
    private final PostroomHomes homes;
    private final Map<String, ConsoleDatabase> opened = new ConcurrentHashMap<>();
    private boolean closed;

    HomeDatabases(PostroomHomes homes) {
        this.homes = homes;
    }

    @Override
    public boolean areHomes() {
        return true;
    }

    @Override
    public ConsoleDatabase of(Optional<String> home) {
        String name = home.orElseThrow(() -> new ConsoleGuard.Refusal(
                404, "Which home?", "This application has several homes: begin with the list of them."));
        ConsoleDatabase known = opened.get(name);
        return known == null ? open(name) : known;
    }

    private synchronized ConsoleDatabase open(String name) {
        if (closed) {
            throw new ConsoleGuard.Refusal(503, "The application stops", "Load the page again in a moment.");
        }
        return opened.computeIfAbsent(name, unused -> ConsoleDatabase.on(homes.home(name)));
    }

    @Override
    public void requireKnown(String home) {
        if (!homes.names().contains(home)) {
            throw new ConsoleGuard.Refusal(404, "Unknown home", "This application has no home of this name.");
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
        opened.values().forEach(database -> database.reads().close());
    }
}
