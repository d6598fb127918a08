package io.postroom.example;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A command of a console block, cut into words as a shell does: quotes, and lines that end with a backslash. */
record ShellCommand(Snippet snippet, List<String> words) {
    /** The commands behind the prompts. Lines without a prompt are output, or go on with the line above. */
    static List<ShellCommand> of(Snippet console) {
        List<ShellCommand> commands = new ArrayList<>();
        for (String command : console.text().split("(?m)^\\$ ")) {
            if (!command.isBlank()) {
                commands.add(new ShellCommand(console, words(command)));
            }
        }
        return commands;
    }

    String program() {
        return words.get(0);
    }

    /** The word behind an option. */
    Optional<String> option(String name) {
        int at = words.indexOf(name);
        return at < 0 || at + 1 == words.size() ? Optional.empty() : Optional.of(words.get(at + 1));
    }

    private static List<String> words(String text) {
        List<String> words = new ArrayList<>();
        StringBuilder word = null;
        char quote = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (quote != 0) {
                if (c == quote) {
                    quote = 0;
                } else {
                    word.append(c);
                }
            } else if (c == '\\' && i + 1 < text.length() && text.charAt(i + 1) == '\n') {
                i++;
            } else if (c == '\n' || c == '#' && word == null) {
                break; // the end of the command; what follows is its output
            } else if (c == ' ') {
                if (word != null) {
                    words.add(word.toString());
                    word = null;
                }
            } else {
                word = word == null ? new StringBuilder() : word;
                if (c == '\'' || c == '"') {
                    quote = c;
                } else {
                    word.append(c);
                }
            }
        }
        if (word != null) {
            words.add(word.toString());
        }
        return words;
    }
}
