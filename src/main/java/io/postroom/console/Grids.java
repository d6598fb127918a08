package io.postroom.console;

import io.postroom.console.Cells.Cell;
import io.postroom.internal.postgres.console.Grid;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Shows what the database wrote. */
final class Grids {
    private Grids() {}

    static List<List<Cell>> rows(Grid grid) {
        return grid.rows().stream()
                .map(row -> row.stream().map(Cells::text).toList())
                .toList();
    }

    /** The first row under the names of its columns, without what is empty or off. */
    static Map<String, Cell> facts(Grid grid) {
        Map<String, Cell> facts = new LinkedHashMap<>();
        if (!grid.rows().isEmpty()) {
            List<String> row = grid.rows().get(0);
            for (int i = 0; i < row.size(); i++) {
                String value = row.get(i);
                if (!value.isEmpty() && !value.equals("f")) {
                    facts.put(grid.columns().get(i), Cells.text(value.equals("t") ? "yes" : value));
                }
            }
        }
        return facts;
    }

    static Page table(Page page, String caption, Grid grid, String empty) {
        return page.table(caption, grid.columns(), rows(grid), empty);
    }
}
