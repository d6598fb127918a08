/**
 * Nodes of a Citus cluster as homes of queues, with {@code db/citus/door.sql}. The tests on a real cluster run in the profile {@code
 * reliability} alone, where PostgreSQL 15 and Citus are installed: {@code CitusTest}. Results are written by hand to docs/citus.md.
 */
@NullMarked
package io.postroom.citus;

import org.jspecify.annotations.NullMarked;
