package io.postroom.internal.postgres;

import io.postroom.internal.postgres.statement.Sql;

/** Entries of external systems, and their history. */
final class SettingsSql {
    private SettingsSql() {}

    /** All entries, or that of one name. Reads all of settings: there are few. */
    static final Sql FIND = Sql.of("""
            -- name: find_settings
            SELECT s.name, postroom.settings_document(s)::text, s.version, s.settings_by = 'operator', s.changed_at, s.changed_by
            FROM postroom.settings s
            WHERE :name::text IS NULL OR s.name = :name
            ORDER BY s.name
            """);

    /** The entries of these names. Relies on settings_pk. */
    static final Sql FIND_NAMED = Sql.of("""
            -- name: find_named_settings
            SELECT s.name, postroom.settings_document(s)::text, s.version, s.settings_by = 'operator', s.changed_at, s.changed_by
            FROM postroom.settings s
            WHERE s.name = ANY (:names::text[])
            """);

    /** The last changes of one entry. Relies on settings_change_pk. */
    static final Sql HISTORY = Sql.of("""
            -- name: settings_history
            SELECT h.name, h.version, h.changed_at, h.changed_by, h.settings_by = 'operator', h.changed, h.before::text, h.after::text
            FROM postroom.settings_history h
            WHERE h.name = :name
            ORDER BY h.version DESC
            LIMIT :most
            """);

    /** Replaces an entry: see the function. Always one row. */
    static final Sql SET = Sql.of("""
            -- name: set_settings
            SELECT postroom.set_settings(:name, :document::jsonb, :expected, :person, true, :reason)
            """);

    /** Declares an entry: see the function. Always one row. */
    static final Sql DECLARE = Sql.of("""
            -- name: declare_settings
            SELECT postroom.declare_settings(:name, :document::jsonb)
            """);

    /** Deletes an entry: see the function. Always one row. */
    static final Sql DELETE = Sql.of("""
            -- name: delete_settings
            SELECT postroom.delete_settings(:name, :expected, :person, :reason)
            """);
}
