/**
 * The standalone application: a given or an embedded PostgreSQL, the starter over it, and the HTTP API in front.
 *
 * <p>Start reading at {@link io.postroom.server.PostroomServer}, then {@code ServerConfiguration}: what the server adds to the starter.
 * {@code AccessRules} says who may send requests, {@link io.postroom.server.EmbeddedDatabase} how the server keeps a PostgreSQL of its own.
 *
 * <p>No clock is read here to decide anything about a message: that is the database's, as everywhere.
 *
 * <p>Looks wrong and is right: the properties are in {@code postroom-server.properties} instead of {@code application.properties}, and
 * there is no auto-configuration and no logging configuration. The library's jar leaves this package out (it was half of 1.1 MB), but an
 * application built from the sources has it on its class path, and must find none of the server's settings there.
 */
@NullMarked
package io.postroom.server;

import org.jspecify.annotations.NullMarked;
