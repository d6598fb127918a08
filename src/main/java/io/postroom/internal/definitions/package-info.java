/**
 * Reads and writes topologies as files. {@link io.postroom.internal.definitions.PostroomFile} is our own format: strict, and the same text
 * for the same topology. Its dry run declares everything and rolls back, so that the database itself finds each refusal.
 *
 * <p>{@link io.postroom.internal.definitions.RabbitMqFile} reads the file of RabbitMQ and refuses what is none. {@link
 * io.postroom.internal.definitions.RabbitMqImport} turns it into ours and says of each definition what became of it. The store declares all
 * of it in one transaction. The test file is the export of a real broker.
 */
@NullMarked
package io.postroom.internal.definitions;

import org.jspecify.annotations.NullMarked;
