/**
 * The starter: Postroom in a Spring Boot application. An adapter over {@link io.postroom.Postroom.Builder}, with the same defaults.
 *
 * <p>In the order of a start:
 *
 * <ol>
 *   <li>{@link io.postroom.spring.PostroomAutoConfiguration}: the beans. It publishes {@code Postroom}, {@code QueueMessages} and {@code Queues} and
 *       nothing of a type a host or Spring Boot looks for: a {@code Flyway} bean would switch off the host's own migrations, an {@code Executor} its
 *       task executor, a {@code LockProvider} its locks.
 *   <li>{@link io.postroom.spring.SchemaInitializer}: the schema, before beans that use the database.
 *   <li>{@link io.postroom.spring.HostDatabase} and {@link io.postroom.spring.SpringTransactions}: which transactions messages join.
 *   <li>{@link io.postroom.spring.BeanHandlers}: handlers among the beans, once all are there.
 *   <li>{@link io.postroom.spring.PostroomLifecycle}: workers start last and stop first.
 * </ol>
 */
@NullMarked
package io.postroom.spring;

import org.jspecify.annotations.NullMarked;
