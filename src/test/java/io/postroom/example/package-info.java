/** What the README shows, compiled, run and compared with its text. */
@NullMarked
package io.postroom.example;

import org.jspecify.annotations.NullMarked;
