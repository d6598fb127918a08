/**
 * What people ask of the database as a whole: how it stands, and who did what. {@link io.postroom.internal.postgres.admin.PostgresDatabase}
 * looks, {@code HealthSql} has its statements, {@code HealthFindings} says what a look means and what to do. {@link
 * io.postroom.internal.postgres.admin.PostgresLedger} reads the ledger. Start with {@code PostgresDatabase}.
 *
 * <p>Durations are measured by the database's clock, but for the skew, which compares it with this process's.
 *
 * <p>Looks wrong and is right: rights on what is read here are not among {@code NeededRights}. A worker does its work without them, and
 * what a role may not look at becomes a finding.
 */
@NullMarked
package io.postroom.internal.postgres.admin;

import org.jspecify.annotations.NullMarked;
