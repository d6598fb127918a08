/**
 * The kit of our own tests.
 *
 * <p>A real PostgreSQL for every test that needs one, and quickly: one server per JVM, in it one template database with our
 * migrations, and from that a fresh database per test class. Maven runs the test classes in four JVMs side by side, so a test
 * uses no fixed port, no fixed folder, and no role or setting of the whole server that another test could meet. A test that
 * waits awaits an event, with a bound for a machine that is four times as busy.
 *
 * <pre>{@code
 * @PostgresTest
 * class ClaimTest {
 *     @Test
 *     void claimed_message_is_not_claimed_twice(DataSource pool) { ... }      // a small pool on the class's database
 *
 *     @Test
 *     void two_nodes_share_the_work(TestDatabase database) {                  // URL, user, password, more pools,
 *         HikariDataSource other = database.newPool(20);                      // plain connections
 *         ...
 *     }
 * }
 * }</pre>
 *
 * <ul>
 *   <li>{@link io.postroom.testing.PostgresTest @PostgresTest} for test classes; {@code migrated = false} for an empty
 *       database.
 *   <li>{@link io.postroom.testing.TestDatabase#create()} where there is no injection, e.g. for
 *       {@code @DynamicPropertySource}; close it.
 *   <li>{@link io.postroom.testing.JvmProcess} for what needs a JVM of its own: to be killed, frozen, or started with other
 *       options.
 *   <li>{@link io.postroom.testing.BlockedSessions} for races: waits until sessions are blocked by others.
 *   <li>{@link io.postroom.testing.TcpProxy} and {@link io.postroom.testing.TestDatabase#through} to break the connection
 *       between the two.
 * </ul>
 *
 * <p>Tests of one class share its database and run in no promised order: use a queue of your own per test. A session that one
 * test closes may be given to the next, with nothing left of its settings: see {@code ReusedSessions}. The databases lie in
 * memory where there is enough ({@code /dev/shm}).
 *
 * <p>System properties (give them to Maven as they are, {@code -Dpostroom.test.url=...}; Surefire passes them on):
 *
 * <ul>
 *   <li>{@code postroom.test.url}: JDBC URL, with user and password, of a running server to use instead of the embedded
 *       one, of any version from 14 on. The user must be allowed to create databases.
 *   <li>{@code postroom.test.sessions=fresh}: no session is given out again.
 *   <li>{@code postroom.test.fsync=on}: a durable embedded server, on disk. The default is off, which no test of ours can notice,
 *       as none of them cuts the power.
 *   <li>{@code postroom.test.pooler=session}: all tests reach the embedded server through a PgBouncer in this mode, where
 *       it is installed; those with {@link io.postroom.testing.NotThroughPooler} are left out then.
 * </ul>
 */
@NullMarked
package io.postroom.testing;

import org.jspecify.annotations.NullMarked;
