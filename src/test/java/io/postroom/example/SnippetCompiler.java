package io.postroom.example;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/** Compiles Java blocks of the pages in one go, and loads what came out. */
final class SnippetCompiler {
    private static final String PACKAGE = "package io.postroom.example;\n";
    private static final String IMPORTS = """
            import io.postroom.*;
            import io.postroom.api.*;
            import io.postroom.channel.*;
            import io.postroom.channel.file.*;
            import io.postroom.channel.http.*;
            import io.postroom.channel.mail.*;
            import io.postroom.console.*;
            import io.postroom.handler.*;
            import io.postroom.metrics.*;
            import io.postroom.test.*;
            import java.nio.file.Path;
            import java.time.*;
            import java.util.*;
            import org.junit.jupiter.api.Test;
            import org.springframework.context.annotation.*;
            import org.springframework.stereotype.*;
            import org.springframework.transaction.annotation.*;
            import tools.jackson.databind.module.SimpleModule;
            import tools.jackson.databind.node.ObjectNode;
            import static java.time.Duration.*;
            """;

    private final Path folder;
    private final Map<String, String> sources = new TreeMap<>();

    SnippetCompiler(Path folder) {
        this.folder = folder;
    }

    /** A block that begins with its imports: whole types, put into this package. */
    void addFile(String name, Snippet snippet) {
        sources.put(name, PACKAGE + snippet.text());
    }

    /** A block of members, or of statements, which become the method {@code run}. Both may use what {@link SnippetWorld} has. */
    void addFragment(String name, Snippet snippet) {
        boolean members = snippet.text().strip().matches("(?s)(@|record |class |interface |void |Outcome ).*");
        String body =
                members ? snippet.text() : "@Override\npublic void run() throws Exception {\n" + snippet.text() + "\n}";
        sources.put(name, PACKAGE + IMPORTS + "public class " + name + " extends SnippetWorld {\n" + body + "\n}\n");
    }

    static boolean isFile(Snippet snippet) {
        return snippet.text().startsWith("import ");
    }

    /** Fails with the compiler's words and the page they are about. */
    ClassLoader compile(Map<String, Snippet> where) {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StringWriter said = new StringWriter();
        List<JavaFileObject> files = new ArrayList<>();
        sources.forEach((name, text) -> files.add(
                new SimpleJavaFileObject(URI.create("string:///" + name + ".java"), JavaFileObject.Kind.SOURCE) {
                    @Override
                    public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                        return text;
                    }
                }));
        String classPath = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        boolean compiled = compiler.getTask(
                        said,
                        null,
                        null,
                        List.of("-d", folder.toString(), "-cp", classPath, "-proc:none", "-parameters", "-nowarn"),
                        null,
                        files)
                .call();
        assertThat(compiled).as("%s\n%s", where, said).isTrue();
        try {
            URL[] classes = {folder.toUri().toURL()};
            return new URLClassLoader(classes, getClass().getClassLoader());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
