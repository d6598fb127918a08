package io.postroom.console;

import io.postroom.Postroom;
import io.postroom.internal.postgres.console.ConsoleReads;

/** Pages about one database. Where an application has homes, each has these pages, below its name. */
abstract class DatabasePages extends ConsoleController {
    private final ConsoleDatabases databases;

    DatabasePages(ConsoleGuard guard, ConsoleDatabases databases) {
        super(guard);
        this.databases = databases;
    }

    Postroom engine(Visit visit) {
        return databases.of(visit.home()).engine();
    }

    ConsoleReads reads(Visit visit) {
        return databases.of(visit.home()).reads();
    }
}
