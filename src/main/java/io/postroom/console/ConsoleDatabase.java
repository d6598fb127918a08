package io.postroom.console;

import io.postroom.DefaultPostroom;
import io.postroom.Postroom;
import io.postroom.internal.postgres.console.ConsoleReads;

/**
 * A database that pages show, and its engine.
 *
 * @param reads bounded reads on a pool of their own
 */
record ConsoleDatabase(Postroom engine, ConsoleReads reads) {
    /**
     * Opens the pool for reads beside the engine.
     *
     * @throws ConsoleProblem the engine is none that {@link Postroom#on} made
     */
    static ConsoleDatabase on(Postroom postroom) {
        if (postroom instanceof DefaultPostroom engine) {
            return new ConsoleDatabase(engine, ConsoleReads.on(engine.dataSource()));
        }
        throw new ConsoleProblem(
                "The console reads the database of the engine, and this Postroom is not one that Postroom.on(...) made",
                "Publish that one, or set postroom.console.enabled=false");
    }
}
