package io.postroom.internal.postgres.console;

import java.util.List;

/** Rows of texts as the database wrote them, under the names of their columns. An empty text stands for NULL. */
public record Grid(List<String> columns, List<List<String>> rows) {}
