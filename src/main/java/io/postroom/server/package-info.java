/**
 * The standalone application: a given or an embedded PostgreSQL, the starter over it, and the HTTP API in front.
 *
 * <p>Start reading at {@link io.postroom.server.PostroomServer}, then {@code ServerConfiguration}: what the server adds to the starter. {@code AccessRules} says
 * who may come in, {@link io.postroom.server.EmbeddedDatabase} how the server keeps a PostgreSQL of its own.
 *
 * <p>Hosts have this package on their class path, too. Nothing in it is found by itself: no {@code application.properties}, no logging configuration, no
 * auto-configuration.
 */
@NullMarked
package io.postroom.server;

import org.jspecify.annotations.NullMarked;
