package io.postroom.internal.execution;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Finds the secrets that entries name. Looks anew at each attempt, so that a rotated secret is used without a restart. Keeps and logs
 * nothing. Thread-safe.
 */
public final class Secrets {
    private static final int LARGEST_FILE = 64 * 1024;

    private final UnaryOperator<@Nullable String> properties;
    private final UnaryOperator<@Nullable String> environment;

    /** @param properties the host's properties by name; null: there is no such property */
    public Secrets(UnaryOperator<@Nullable String> properties) {
        this(properties, System::getenv);
    }

    Secrets(UnaryOperator<@Nullable String> properties, UnaryOperator<@Nullable String> environment) {
        this.properties = properties;
        this.environment = environment;
    }

    /** A secret that was looked for. */
    sealed interface Found {
        /** The secret; its text form does not show it. */
        record Value(String secret) implements Found {
            @Override
            public String toString() {
                return "a secret";
            }
        }

        /** @param why as the end of a sentence; shows where, never what */
        record Missing(String why) implements Found {}
    }

    /** @param reference as in {@link io.postroom.api.SettingsEntry#secret()} */
    Found find(String reference) {
        String name = reference.substring(reference.indexOf(':') + 1);
        if (reference.startsWith("env:")) {
            return found(environment.apply(name), "the environment variable " + name + " is not set");
        } else if (reference.startsWith("property:")) {
            return found(property(name), "the property " + name + " is not set");
        }
        return ofFile(name);
    }

    private @Nullable String property(String name) {
        try {
            return properties.apply(name);
        } catch (RuntimeException unresolvable) {
            return null; // a placeholder in it leads nowhere; the error could show a part of the value
        }
    }

    private static Found ofFile(String name) {
        try {
            Path path = Path.of(name);
            if (!Files.isRegularFile(path)) {
                return new Found.Missing("there is no file " + name);
            } else if (Files.size(path) > LARGEST_FILE) {
                return new Found.Missing("the file " + name + " has more than " + LARGEST_FILE + " bytes");
            }
            String text = Files.readString(path, StandardCharsets.UTF_8);
            return found(text.replaceFirst("\\R$", ""), "the file " + name + " is empty");
        } catch (IOException | InvalidPathException unreadable) {
            return new Found.Missing("the file " + name + " cannot be read as UTF-8: "
                    + unreadable.getClass().getSimpleName());
        }
    }

    private static Found found(@Nullable String value, String otherwise) {
        return value == null || value.isBlank() ? new Found.Missing(otherwise) : new Found.Value(value);
    }
}
