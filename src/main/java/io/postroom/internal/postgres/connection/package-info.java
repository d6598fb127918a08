/**
 * Connections, and what is checked before the first message: {@link io.postroom.internal.postgres.connection.Migrations} creates the
 * schema, {@code SchemaHistory} spares Flyway where nothing is to be done, {@link
 * io.postroom.internal.postgres.connection.StartCheck} looks at the server, {@code AccessCheck} looks at the role's rights, {@code
 * PoolerCheck} refuses a pooler that shares sessions, {@code SessionSettings} makes the settings a session needs, {@link
 * io.postroom.internal.postgres.connection.EnginePool} gives the engine connections that a host cannot leak, {@link
 * io.postroom.internal.postgres.connection.PostgresNotificationListener} listens for other processes. Start with {@code EnginePool}.
 *
 * <p>Time limits of this package are measured by this process's clock: a server that does not answer cannot measure them.
 *
 * <h2>What looks wrong and is right</h2>
 *
 * <ul>
 *   <li><b>The engine's pools do not fail at start when the database cannot be reached.</b> The engine waits for the database at start as
 *       it does later.
 *   <li><b>Heartbeat and LISTEN have connections of their own</b>, two per process. A host that leaks all its connections keeps its leases.
 *   <li><b>The small pool for heartbeat and LISTEN has sockets of its own</b>, of {@link
 *       io.postroom.internal.postgres.connection.PromptSocketFactory}, where it copies a host's URL and the host names no socket factory.
 *       After the first notification the driver reads with a limit of 1 ms, to see whether there is a second one. A message from one
 *       process to another took 4.1 ms, and 1.1 ms of them were that read.
 *   <li><b>Notifications may be lost.</b> Polling finds every message, so a lost notification costs time only.
 *   <li><b>The notifications' text stands here and not beside NOTIFY.</b> One class writes and reads it, so that both sides change
 *       together.
 * </ul>
 */
@NullMarked
package io.postroom.internal.postgres.connection;

import org.jspecify.annotations.NullMarked;
