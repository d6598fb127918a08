package io.postroom.console;

import java.util.List;
import java.util.regex.Pattern;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Settings of the console.
 *
 * @param enabled Whether the console is opened. The standalone server opens it.
 * @param path Where its pages are, below the application's own path.
 * @param open Whether everybody who reaches the application may read and operate, in an application without a ConsoleAccess bean.
 * @param secureCookies Whether browsers send cookies of the console over HTTPS alone. AUTO does what the request says, which needs
 *     server.forward-headers-strategy behind a proxy that ends TLS.
 * @param maskedFields Paths of fields of JSON payloads whose values are not shown, as in customer.iban, *.password or **.secret.
 */
@ConfigurationProperties("postroom.console")
record ConsoleProperties(
        @DefaultValue("false") boolean enabled,
        @DefaultValue("/console") String path,
        @DefaultValue("false") boolean open,
        @DefaultValue("auto") SecureCookies secureCookies,
        @DefaultValue List<String> maskedFields) {
    private static final Pattern PATH = Pattern.compile("(?:/[A-Za-z0-9][A-Za-z0-9_-]*+)++");

    /** Values of {@code postroom.console.secure-cookies}. */
    enum SecureCookies {
        AUTO,
        TRUE,
        FALSE
    }

    ConsoleProperties {
        if (!PATH.matcher(path).matches()) {
            throw new ConsoleProblem(
                    "postroom.console.path is \"" + path + "\"",
                    "Set it to one or more names of A-Z a-z 0-9 _ -, each after a slash, as in /ops/postroom");
        }
        maskedFields = List.copyOf(maskedFields);
    }
}
