package io.postroom.console;

import io.postroom.Postroom;
import io.postroom.internal.postgres.console.ConsoleReads;

/**
 * A database that pages show, and its engine.
 *
 * @param reads bounded reads on a pool of their own
 */
record ConsoleDatabase(Postroom engine, ConsoleReads reads) {}
