/**
 * Postroom measured beside its peers: {@link io.postroom.bench.Benchmark} starts it, by {@code ./mvnw -q -Pbench}.
 *
 * <p>Maven's profile "bench" alone compiles this folder and has the peers' libraries; it compiles into {@code target/bench-classes}. The
 * benchmark's own tests run by {@code ./mvnw -Pbench test}, which runs no other test. {@code ./mvnw verify} knows nothing of this folder,
 * save that it checks the format.
 *
 * <ol>
 *   <li>{@link io.postroom.bench.Options} says what is wanted, {@link io.postroom.bench.BenchServer} starts or takes a
 *       PostgreSQL and refuses what is not safe;
 *   <li>each {@link io.postroom.bench.Workload} lets the {@link io.postroom.bench.Contender}s take turns, each time in a
 *       fresh database, with a {@link io.postroom.bench.Meter} beside them;
 *   <li>{@link io.postroom.bench.Report} writes tables, JSON and a chart.
 * </ol>
 *
 * <p>Absolute figures of a shared machine are noise: compare within one run, by the ratio of a round to the baseline's of the same round,
 * and believe CPU per message more than the rate. "Foreign cores" tells how much else the machine did.
 */
@NullMarked
package io.postroom.bench;

import org.jspecify.annotations.NullMarked;
