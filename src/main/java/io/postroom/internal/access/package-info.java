/**
 * Tokens in a process that lets requests in by them. {@link io.postroom.internal.access.TokenCache} has a copy of all that can be used and
 * follows changes; {@link io.postroom.internal.access.FailedTokens} counts the wrong ones. Used by the server and the console.
 *
 * <p>Whether a token has expired is decided by the database's clock when the copy is made, and from then on by this process's clock that
 * only goes forward.
 *
 * <p>Looks wrong and is right: a token is looked up by its hash in a map, and hashes are not compared in constant time. The time of a look
 * tells something about the beginning of a hash. To use that, one would need texts with a wanted SHA-256, which nobody can make; and the
 * token cannot be computed from its hash.
 */
@NullMarked
package io.postroom.internal.access;

import org.jspecify.annotations.NullMarked;
