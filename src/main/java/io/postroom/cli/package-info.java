/**
 * The command line: {@code postroom status}, {@code postroom redrive}, {@code postroom doctor} and so on, in the server's jar.
 *
 * <p>Start reading at {@link io.postroom.cli.PostroomCli}, then {@code BackendCommand}: a command asks a {@code Backend} and shows its
 * answer as a table or as JSON, and is written once. {@code HttpBackend} asks a server, {@code DatabaseBackend} a database. {@code
 * HomesBackend} asks several by {@code AskedHomes}; {@code MergedPreview} and {@code MergedHealth} make one answer of theirs. All answer
 * the JSON of the HTTP API; {@code EngineBackend}, which asks the engine of one database, makes it with {@link
 * io.postroom.rest.Answers}, as the controllers do. So all ways show the same.
 *
 * <p>Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 not reachable. They are part of the interface, as the words of the options.
 *
 * <p>Ages that are shown are measured by this process's clock.
 *
 * <p>Looks wrong and is right: there is no option for a token or a password. Other users of a machine see the command line of a process.
 * Over a database the engine is prepared and never started: a look sends no heartbeats and runs no jobs, and an operation that it begins is
 * carried on by a process with workers.
 */
@NullMarked
package io.postroom.cli;

import org.jspecify.annotations.NullMarked;
