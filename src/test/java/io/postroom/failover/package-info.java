/**
 * Outages of real clusters: Patroni with etcd and two PostgreSQL of the machine's packages, each node in a network namespace of its own.
 * They run in the profile {@code reliability} alone, as root, where the packages are installed; results are written to {@code
 * target/reliability.txt} and, by hand, to docs/reliability.md. Start with {@code PatroniFailoverTest}.
 */
@NullMarked
package io.postroom.failover;

import org.jspecify.annotations.NullMarked;
