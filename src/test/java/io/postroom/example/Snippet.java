package io.postroom.example;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A fenced block of a page.
 *
 * @param line number of its first line in the page
 * @param language the word behind the fence; empty for output and drawings
 */
record Snippet(Path page, int line, String language, String text) {
    private static final Pattern FENCE =
            Pattern.compile("^( *)```([a-z]*)\\n(.*?)^\\1```$", Pattern.DOTALL | Pattern.MULTILINE);

    /** The documents of the repository. */
    static List<Path> pages() {
        try (Stream<Path> docs = Files.list(Path.of("docs"))) {
            return Stream.concat(
                            Stream.of("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
                                    .map(Path::of),
                            docs.filter(page -> page.toString().endsWith(".md")).sorted())
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static String read(Path page) {
        try {
            return Files.readString(page);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** All blocks of all pages in this language, in their order. */
    static List<Snippet> in(String language) {
        return pages().stream()
                .flatMap(page -> of(page).stream())
                .filter(snippet -> snippet.language.equals(language))
                .toList();
    }

    static List<Snippet> of(Path page) {
        String text = read(page);
        List<Snippet> snippets = new ArrayList<>();
        Matcher fence = FENCE.matcher(text);
        while (fence.find()) {
            int line = (int) text.substring(0, fence.start()).lines().count() + 2;
            snippets.add(new Snippet(page, line, fence.group(2), fence.group(3).stripIndent()));
        }
        return snippets;
    }

    @Override
    public String toString() {
        return page + ":" + line;
    }
}
