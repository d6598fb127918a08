/** The store in PostgreSQL: the only package that knows SQL. */
@NullMarked
package io.postroom.postgres;

import org.jspecify.annotations.NullMarked;
