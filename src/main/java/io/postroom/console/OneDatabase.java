package io.postroom.console;

import java.util.Optional;

/** The database of an application that has one. */
final class OneDatabase implements ConsoleDatabases {
    private final ConsoleDatabase database;

    OneDatabase(ConsoleDatabase database) {
        this.database = database;
    }

    @Override
    public boolean areHomes() {
        return false;
    }

    @Override
    public void requireKnown(String home) {
        throw new ConsoleGuard.Refusal(404, "No homes here", "This application has one database.");
    }

    @Override
    public ConsoleDatabase of(Optional<String> home) {
        return database;
    }

    @Override
    public void close() {
        database.reads().close();
    }
}
