package io.postroom.migration;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.springframework.jdbc.core.simple.JdbcClient;

/** The functions of a database by name: arguments, result, volatility, settings, body and COMMENT in one text. */
record InstalledFunctions(Map<String, String> byName) {
    static InstalledFunctions of(JdbcClient sql) {
        Map<String, String> functions = new TreeMap<>();
        sql.sql("""
                SELECT f.proname,
                       pg_get_functiondef(f.oid) || E'\\n-- ' || coalesce(obj_description(f.oid, 'pg_proc'), 'no comment')
                FROM pg_proc f
                WHERE f.pronamespace = 'postroom'::regnamespace
                """).query(rows -> {
            functions.merge(rows.getString(1), rows.getString(2), (one, other) -> one + "\n-- also:\n" + other);
        });
        return new InstalledFunctions(functions);
    }

    /** One line per function that is not the same here and in the files; empty when all are. */
    List<String> differencesFrom(InstalledFunctions files) {
        List<String> differences = new ArrayList<>();
        byName.forEach((name, text) -> {
            String inFile = files.byName.get(name);
            if (inFile == null) {
                differences.add("postroom." + name + " is installed, and no file in db/function defines it");
            } else if (!inFile.equals(text)) {
                differences.add(
                        "postroom." + name + " differs from its file in db/function: " + firstDifference(inFile, text));
            }
        });
        files.byName.keySet().stream()
                .filter(name -> !byName.containsKey(name))
                .forEach(name ->
                        differences.add("postroom." + name + " is in db/function, and no migration creates it"));
        return differences;
    }

    private static String firstDifference(String file, String installed) {
        List<String> expected = file.lines().toList();
        List<String> actual = installed.lines().toList();
        int line = 0;
        while (line < expected.size()
                && line < actual.size()
                && expected.get(line).equals(actual.get(line))) {
            line++;
        }
        return "\"" + at(expected, line) + "\" in the file, \"" + at(actual, line) + "\" in the database";
    }

    private static String at(List<String> lines, int line) {
        return line < lines.size() ? lines.get(line).strip() : "";
    }
}
