package io.postroom.console;

import io.postroom.Postroom;
import io.postroom.internal.postgres.console.ConsoleReads;
import jakarta.servlet.http.HttpServletRequest;

/** Pages about one database. Where an application has homes, each has these pages, below its name. */
abstract class DatabasePages extends ConsoleController {
    private final ConsoleDatabases databases;

    DatabasePages(ConsoleGuard guard, ConsoleDatabases databases) {
        super(guard);
        this.databases = databases;
    }

    @Override
    void admitted(HttpServletRequest request) {
        Visit visit = Visit.of(request);
        visit.atRoot().on(request); // for the page that says that there is no such home
        visit.home().ifPresent(databases::requireKnown);
        visit.on(request);
    }

    Postroom engine(Visit visit) {
        return databases.of(visit.home()).engine();
    }

    ConsoleReads reads(Visit visit) {
        return databases.of(visit.home()).reads();
    }
}
