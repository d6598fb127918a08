/**
 * The console: pages for people who look after queues, made on the server. Part of the outer ring, beside {@code rest}.
 *
 * <p>Start with {@link io.postroom.console.ConsoleGuard}, which decides on every request, and {@code QueuesPages}, which is like all the
 * others. {@code ConsoleController} asks the guard before a page is made and turns exceptions into pages. A page is built with {@code
 * Page}, and everything in it is escaped by {@code Html}. Reads go to the public API, or to {@link
 * io.postroom.internal.postgres.console.ConsoleReads} where a page needs bounded counts and keyset pages. Changes go to the public API
 * alone.
 *
 * <p>{@code ConsoleDatabases} finds the database that a page is about: the one of the application, or the home that its path names. Pages
 * keep nothing of a database, so those of all homes are the same objects.
 *
 * <p>Who may use it says {@link io.postroom.console.ConsoleAccess}. A host publishes one; the server's own is {@link
 * io.postroom.console.TokenLogin}, or everybody on this machine where the server has no token.
 *
 * <p>No clock decides here about a message. Sessions and the pause between logins are measured by this process's clock that only goes
 * forward.
 *
 * <p>Looks wrong and is right:
 *
 * <ul>
 *   <li>Controllers write bytes, without a view, a template or the host's mapper: a host's view resolvers, static resources and Jackson are
 *       neither needed nor touched. Pages are methods instead of templates: they are mostly tables of the same kind, and a host adds no
 *       library for them.
 *   <li>The guard is asked by a {@code ModelAttribute} method instead of a filter: a filter has a pattern of paths of its own, which a host
 *       can shift against that of its dispatcher servlet, and pages would be open.
 *   <li>Nothing is kept between two requests but logins. So pages are the same whichever process answers.
 * </ul>
 */
@NullMarked
package io.postroom.console;

import org.jspecify.annotations.NullMarked;
