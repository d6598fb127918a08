/**
 * The recipes of {@code db/replication} and {@code db/upgrade} between real servers: PostgreSQL 15 of the machine's packages and the newer
 * embedded one. They run in the profile {@code reliability} alone.
 */
@NullMarked
package io.postroom.upgrade;

import org.jspecify.annotations.NullMarked;
