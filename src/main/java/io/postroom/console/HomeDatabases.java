package io.postroom.console;

import io.postroom.homes.PostroomHomes;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** The homes of an application that has several. A pool for reads is opened on a home when its first page is asked for. */
final class HomeDatabases implements ConsoleDatabases {
    private final PostroomHomes homes;
    private final Map<String, ConsoleDatabase> opened = new ConcurrentHashMap<>();

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
        if (!homes.names().contains(name)) {
            throw new ConsoleGuard.Refusal(404, "Unknown home", "This application has no home of this name.");
        }
        return opened.computeIfAbsent(name, unused -> OneDatabase.open(homes.home(name)));
    }

    @Override
    public void close() {
        opened.values().forEach(database -> database.reads().close());
    }
}
