package io.postroom.console;

import io.postroom.DefaultPostroom;
import io.postroom.Postroom;
import io.postroom.internal.postgres.console.ConsoleReads;
import java.util.Optional;

/** The database of an application that has one. */
final class OneDatabase implements ConsoleDatabases {
    private final ConsoleDatabase database;

    private OneDatabase(ConsoleDatabase database) {
        this.database = database;
    }

    /** @throws ConsoleProblem the engine is none that {@link Postroom#on} made */
    static OneDatabase of(Postroom engine) {
        return new OneDatabase(open(engine));
    }

    /** Opens the pool for reads beside the engine. */
    static ConsoleDatabase open(Postroom postroom) {
        if (postroom instanceof DefaultPostroom engine) {
            return new ConsoleDatabase(engine, ConsoleReads.on(engine.dataSource()));
        }
        throw new ConsoleProblem(
                "The console reads the database of the engine, and this Postroom is not one that Postroom.on(...) made",
                "Publish that one, or set postroom.console.enabled=false");
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
        home.ifPresent(this::requireKnown);
        return database;
    }

    @Override
    public void close() {
        database.reads().close();
    }
}
