/** The command line, in this process: over HTTP and straight to a database. */
@NullMarked
package io.postroom.cli;

import org.jspecify.annotations.NullMarked;
