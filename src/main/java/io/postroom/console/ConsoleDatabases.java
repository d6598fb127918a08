package io.postroom.console;

import java.util.Optional;

/** The databases that pages show: the one of the application, or its homes. Thread-safe. */
interface ConsoleDatabases extends AutoCloseable {
    /** Whether a page names the home that it is about. */
    boolean areHomes();

    /**
     * Looks whether there are pages of this home.
     *
     * @throws ConsoleGuard.Refusal there are none
     */
    void requireKnown(String home);

    /**
     * Finds the database of a page.
     *
     * @param home that the page's path names, and {@link #requireKnown} knows; empty: none
     * @throws ConsoleGuard.Refusal the page has to name a home
     * @throws io.postroom.homes.HomeDownException no engine runs on the home now
     */
    ConsoleDatabase of(Optional<String> home);

    /** Closes the pools for reads; opens none any more. */
    @Override
    void close();
}
