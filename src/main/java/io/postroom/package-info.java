/**
 * The way in, and the map of the whole. {@link io.postroom.Postroom} starts an engine on a DataSource and hands out {@link
 * io.postroom.api.QueueMessages}; {@code PostroomBuilder} wires it.
 *
 * <p>The packages follow a message's way. To read the whole, take them in this order:
 *
 * <ol>
 *   <li>{@code api}: the words; {@link io.postroom.api.QueueMessages}, {@link io.postroom.api.Outcome}, {@link
 *       io.postroom.api.MessageState}
 *   <li>{@code handler}, {@code channel}: what users implement, and the mail channel
 *   <li>{@code internal.storage}: the port by role, from {@link io.postroom.internal.storage.EnqueueStore} to
 *       {@link io.postroom.internal.storage.OperatorStore}, in the order of a message's life
 *   <li>{@code internal.producer}: creates messages; start at {@link io.postroom.internal.producer.DefaultQueueMessages}
 *   <li>{@code internal.worker}: this process; start at {@link io.postroom.internal.worker.Engine}
 *   <li>{@code internal.consumer}: takes work; start at {@link io.postroom.internal.consumer.Consumer}
 *   <li>{@code internal.execution}: one attempt; {@link io.postroom.internal.execution.Executor#run} fits on one screen
 *   <li>{@code internal.jobs}: work on a timer; {@code internal.loop}: threads that repeat a step
 *   <li>{@code internal.postgres}: the SQL, which is the truth; {@code db/migration} beside it
 *   <li>{@code homes}: several engines, one on each of several databases
 *   <li>{@code spring}, {@code rest}, {@code server}: the outer ring; {@code test}: the kit for users' own tests
 * </ol>
 *
 * <p>Imports point downwards only, and the architecture test checks it:
 *
 * <pre>
 * server ──► rest, spring      rest ──► api      spring, server, test ──► (root) ──► everything internal
 * producer ──► worker ──► consumer ──► execution ──► handler, storage ──► api
 *                jobs ──► storage      postgres ──► storage      channel ──► handler      loop ──► nothing of ours
 * </pre>
 *
 * <p>Packages below {@code io.postroom.internal} may change with any release; no public signature names a type of theirs.
 *
 * <p>Decisions: {@link io.postroom.api.EngineSettings}, {@link io.postroom.api.Transactions} and {@link io.postroom.api.StoreException}
 * live in {@code api} and not here. Hosts and internal packages both use them, and this package imports the internal ones: it would be a
 * cycle. Operator verbs are methods of {@link io.postroom.api.QueueMessages} and {@link io.postroom.api.Queues} today. A package {@code
 * admin} comes with the first use case that is more than one such call, and {@code cli} with the first command.
 */
@NullMarked
package io.postroom;

import org.jspecify.annotations.NullMarked;
