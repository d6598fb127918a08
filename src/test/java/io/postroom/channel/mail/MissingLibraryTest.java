package io.postroom.channel.mail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Postroom in a host that has not added what the mail channel needs. */
class MissingLibraryTest {
    private static final List<String> MAIL_LIBRARIES = List.of(
            "jakarta.mail-api",
            "angus-",
            "jakarta.activation",
            "commons-pool2",
            "thymeleaf",
            "icu4j",
            "httpclient5",
            "httpcore5");

    @ParameterizedTest
    @CsvSource({
        "jakarta.mail-api, jakarta.mail:jakarta.mail-api",
        "angus-mail, org.eclipse.angus:angus-mail",
        "commons-pool2, org.apache.commons:commons-pool2",
        "thymeleaf, org.thymeleaf:thymeleaf",
    })
    void what_is_missing_is_named(String library, String artifact) throws Exception {
        try (URLClassLoader host = hostWithout(List.of(library))) {
            assertThatThrownBy(() -> openMailChannel(host))
                    .isInstanceOf(InvocationTargetException.class)
                    .cause()
                    .hasToString("io.postroom.channel.MissingLibraryException: "
                            + (library.equals("thymeleaf") ? "Rendering mail templates" : "The mail channel")
                            + " needs a library that is not on the class path. Add " + artifact);
        }
    }

    @Test
    void an_international_domain_is_refused_without_its_library_and_any_other_is_not() throws Exception {
        try (URLClassLoader host = hostWithout(List.of("icu4j"))) {
            Method parse = host.loadClass("io.postroom.channel.mail.MailAddress")
                    .getMethod("parse", String.class, String.class);

            for (int i = 0; i < 2; i++) {
                assertThatThrownBy(() -> parse.invoke(null, "to", "ann@straße.example"))
                        .isInstanceOf(InvocationTargetException.class)
                        .cause()
                        .hasToString(
                                "io.postroom.api.InvalidMessageException: to must be one mailbox with a host name"
                                        + " behind the @, got \"ann@straße.example\". An international domain needs a library that"
                                        + " is not on the class path. Add com.ibm.icu:icu4j, or write the domain in ASCII (xn--…)");
            }
            assertThat(parse.invoke(null, "to", "ann@XN--strae-oqa.example")).hasToString("ann@xn--strae-oqa.example");
        }
    }

    @Test
    void all_else_loads_without_them() throws Exception {
        try (URLClassLoader host = hostWithout(MAIL_LIBRARIES)) {
            int loaded = 0;
            for (String name : classNames()) {
                if (!isInside(name)) {
                    Class<?> type = Class.forName(name, true, host);
                    assertThat(type.getClassLoader()).isSameAs(host);
                    // As Spring looks at beans: resolves every type in a signature.
                    type.getDeclaredMethods();
                    type.getDeclaredConstructors();
                    type.getDeclaredFields();
                    loaded++;
                }
            }
            assertThat(loaded).isGreaterThan(50);
        }
    }

    /** The classes behind MailChannel, MailTemplates, MailboxCheck and HttpSender, which check before they use them. */
    private static boolean isInside(String name) {
        return Stream.of(
                                "HeaderText",
                                "International",
                                "LibraryClassLoader",
                                "MimeComposer",
                                "MailFiles",
                                "Smtp",
                                "ThymeleafTemplates")
                        .anyMatch(inside -> name.startsWith("io.postroom.channel.mail." + inside))
                || Stream.of("FoundMail", "ImapMailbox", "MailParts", "MailReader", "MailServer", "Pop3Mailbox")
                        .anyMatch(inside -> name.startsWith("io.postroom.internal.mailboxes." + inside))
                || name.startsWith("io.postroom.channel.http.HttpC")
                || name.startsWith("io.postroom.channel.http.RetryAfter");
    }

    @Test
    void http_sender_names_its_library() throws Exception {
        try (URLClassLoader host = hostWithout(List.of("httpclient5"))) {
            Method open = host.loadClass("io.postroom.channel.http.HttpSender").getMethod("open");
            assertThatThrownBy(() -> open.invoke(null))
                    .cause()
                    .hasToString(
                            "io.postroom.channel.MissingLibraryException: The HTTP sender needs a library that is not"
                                    + " on the class path. Add org.apache.httpcomponents.client5:httpclient5");
        }
    }

    @Test
    void mailbox_names_its_library() throws Exception {
        try (URLClassLoader host = hostWithout(MAIL_LIBRARIES)) {
            Class<?> entryType = host.loadClass("io.postroom.api.SettingsEntry");
            Object entry = entryType.getMethod("of", String.class, String.class).invoke(null, "support", "mailbox");
            entry = entryType.getMethod("endpoint", String.class).invoke(entry, "imap://localhost");
            entry = entryType.getMethod("secret", String.class).invoke(entry, "env:P");
            Method property = entryType.getMethod("property", String.class, String.class);
            entry = property.invoke(property.invoke(entry, "user", "ann"), "queue", "q");
            Class<?> check = host.loadClass("io.postroom.internal.mailboxes.MailboxCheck");

            Object verdict = check.getMethod("test", entryType, Optional.class)
                    .invoke(check.getConstructor().newInstance(), entry, Optional.of("secret"));

            assertThat(verdict.toString()).contains("Add jakarta.mail:jakarta.mail-api");
        }
    }

    private static void openMailChannel(ClassLoader host) throws ReflectiveOperationException {
        Class<?> settingsType = host.loadClass("io.postroom.channel.mail.MailSettings");
        Object settings = settingsType.getMethod("defaults").invoke(null);
        settings = settingsType.getMethod("host", String.class).invoke(settings, "smtp.example.org");
        host.loadClass("io.postroom.channel.mail.MailChannel")
                .getMethod("open", settingsType)
                .invoke(null, settings);
        host.loadClass("io.postroom.channel.mail.MailTemplates")
                .getMethod("inFolder", String.class)
                .invoke(null, "io/postroom/channel/mail");
    }

    private static URLClassLoader hostWithout(List<String> libraries) throws MalformedURLException {
        List<URL> urls = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            String file = Path.of(entry).getFileName().toString();
            if (libraries.stream().noneMatch(file::startsWith)) {
                urls.add(Path.of(entry).toUri().toURL());
            }
        }
        return new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
    }

    private static List<String> classNames() throws Exception {
        Path classes = Path.of(MailChannel.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        try (Stream<Path> files = Files.walk(classes.resolve("io/postroom"))) {
            return files.map(file -> classes.relativize(file).toString())
                    .filter(file -> file.endsWith(".class") && !file.endsWith("package-info.class"))
                    .map(file ->
                            file.substring(0, file.length() - ".class".length()).replace(File.separatorChar, '.'))
                    .toList();
        }
    }
}
