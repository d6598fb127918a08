/**
 * The starter: Postroom in a Spring Boot application. An adapter over {@link io.postroom.Postroom.Builder}, with the same defaults.
 *
 * <p>In the order of a start:
 *
 * <ol>
 *   <li>{@link io.postroom.spring.PostroomAutoConfiguration}: the beans. It publishes {@code Postroom}, {@code QueueMessages} and {@code
 *       Queues}, and no type that a host or Spring Boot looks for. A {@code Flyway} bean would switch off the host's own migrations, an
 *       {@code Executor} bean its task executor, a {@code LockProvider} bean its locks.
 *   <li>{@link io.postroom.spring.SchemaInitializer}: the schema, before beans that use the database.
 *   <li>{@link io.postroom.spring.HostDatabase} and {@link io.postroom.spring.SpringTransactions}: which transactions messages join.
 *   <li>{@link io.postroom.spring.BeanHandlers}: handlers among the beans, once all are there.
 *   <li>{@link io.postroom.spring.SameThread}: refuses asynchronous handlers.
 *   <li>{@link io.postroom.spring.PostroomLifecycle}: workers start last, and their claims end first.
 *   <li>{@link io.postroom.spring.HomesAutoConfiguration}: in place of the first, where queues live on several databases.
 *   <li>{@link io.postroom.spring.LeftOpenTransactions}: rolls back what a handler leaves open.
 *   <li>{@link io.postroom.spring.PostroomDrain}: waits for running handlers while the web server waits for running requests.
 * </ol>
 *
 * <p>All beans have names that begin with {@code postroom}: a host with RabbitMQ, for example, often has a bean {@code queues} of its own.
 *
 * <p>No clock decides here; durations from the settings go to the engine as they are. Only the drain is cut, so that it ends within
 * Spring's time for a phase.
 *
 * <p>What looks wrong but is right:
 *
 * <ul>
 *   <li>The schema is made ready by a bean apart from {@code Postroom}: a JPA transaction manager may wait for the schema, and {@code
 *       Postroom} waits for that manager.
 *   <li>{@link io.postroom.spring.OpenTransactions} keeps its own stack of transactions beside Spring's synchronizations; its Javadoc
 *       gives the reasons.
 *   <li>{@link io.postroom.spring.SpringTransactions} uses {@code EndActions} and {@code ImmediateCommit} of {@code
 *       internal.producer}: what runs after a commit, and a statement that commits itself, are the same with and without a transaction
 *       manager.
 *   <li>Properties of handlers are looked up by id instead of bound as a map, because ids have dots.
 * </ul>
 */
@NullMarked
package io.postroom.spring;

import org.jspecify.annotations.NullMarked;
