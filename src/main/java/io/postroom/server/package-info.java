/**
 * The standalone application: a given or an embedded PostgreSQL, the engine over it, and the web in front.
 *
 * <p>Start reading at {@code EmbeddedDatabase} for how the server keeps a PostgreSQL of its own.
 */
@NullMarked
package io.postroom.server;

import org.jspecify.annotations.NullMarked;
