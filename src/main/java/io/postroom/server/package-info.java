/**
 * The standalone application: a given or an embedded PostgreSQL, the starter over it, and the HTTP API in front.
 *
 * <p>Start reading at {@link io.postroom.server.PostroomServer}, then {@code ServerConfiguration}: what the server adds to the starter.
 * {@code AccessRules} says who may send requests, {@code ServerTokens} by which tokens, {@link io.postroom.server.EmbeddedDatabase} how the
 * server keeps a PostgreSQL of its own.
 *
 * <p>{@code UnreadBodyValve} keeps clients that do not finish from holding threads. It is the one class that knows Tomcat from inside, and
 * SlowClientsTest shows when a new version of Tomcat breaks it.
 *
 * <p>{@code AccessFilter} is before all of the web. Behind it {@code ShortRequests} lets requests that create a message take a way without
 * Spring MVC, which answers all others.
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
