/** What must hold when things break: killed processes, cut lines, restarts, two nodes. Every message is accounted for at the end. */
@NullMarked
package io.postroom.fault;

import org.jspecify.annotations.NullMarked;
