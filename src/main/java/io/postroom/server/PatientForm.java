package io.postroom.server;

import io.postroom.rest.UrlEncoded;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Enumeration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A request whose form has a longest time. Tomcat waits for each piece of a form anew, so a client with a byte every nine seconds would
 * hold a thread for days. Reads the form at the first question for a parameter, as Tomcat does, and throws what Tomcat throws for a form
 * that cannot be read. One thread uses it.
 */
final class PatientForm extends HttpServletRequestWrapper {
    static final Duration PATIENCE = Duration.ofSeconds(30);
    /** As many as Tomcat takes of the server, see {@code server.tomcat.max-http-form-post-size}. */
    private static final int MOST_BYTES = 64 * 1024;

    private static final int MOST_PARAMETERS = 1000;
    private static final String FORM = "application/x-www-form-urlencoded";
    private static final int PIECE = 4 * 1024;

    private final long patienceNanos;
    private @Nullable Map<String, String[]> parameters;

    private PatientForm(HttpServletRequest request, Duration patience) {
        super(request);
        patienceNanos = patience.toNanos();
    }

    /** Returns the request, with a limit if it has a form. */
    static HttpServletRequest of(HttpServletRequest request, Duration patience) {
        String type = request.getContentType();
        return request.getMethod().equals("POST")
                        && type != null
                        && type.split(";", 2)[0]
                                .strip()
                                .toLowerCase(Locale.ROOT)
                                .equals(FORM)
                ? new PatientForm(request, patience)
                : request;
    }

    @Override
    public @Nullable String getParameter(String name) {
        String[] values = getParameterMap().get(name);
        return values == null ? null : values[0];
    }

    @Override
    public String @Nullable [] getParameterValues(String name) {
        String[] values = getParameterMap().get(name);
        return values == null ? null : values.clone();
    }

    @Override
    public Enumeration<String> getParameterNames() {
        return Collections.enumeration(getParameterMap().keySet());
    }

    /** @throws IllegalStateException the form is cut, too long, too late or malformed */
    @Override
    public Map<String, String[]> getParameterMap() {
        if (parameters == null) {
            Map<String, List<String>> values = new LinkedHashMap<>();
            add(getQueryString(), values);
            add(form(), values);
            Map<String, String[]> read = new LinkedHashMap<>();
            values.forEach((name, some) -> read.put(name, some.toArray(String[]::new)));
            parameters = Collections.unmodifiableMap(read);
        }
        return parameters;
    }

    private static void add(@Nullable String text, Map<String, List<String>> values) {
        if (text == null) {
            return;
        }
        if (text.chars().filter(c -> c == '&').count() >= MOST_PARAMETERS) {
            throw new IllegalStateException("a form must have at most " + MOST_PARAMETERS + " parameters");
        }
        try {
            UrlEncoded.read(
                    text,
                    (name, value) -> values.computeIfAbsent(name, first -> new ArrayList<>(1))
                            .add(value));
        } catch (IllegalArgumentException malformed) {
            throw new IllegalStateException("a percent sign without two digits of hex", malformed);
        }
    }

    private String form() {
        long start = System.nanoTime();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        byte[] piece = new byte[PIECE];
        try {
            InputStream in = getInputStream();
            for (int count; (count = in.read(piece)) >= 0; ) {
                bytes.write(piece, 0, count);
                if (bytes.size() > MOST_BYTES) {
                    throw new IllegalStateException("a form must have at most " + MOST_BYTES + " bytes");
                }
                if (System.nanoTime() - start > patienceNanos) {
                    throw new IllegalStateException(
                            "a form must be sent within " + patienceNanos / 1_000_000_000 + " s");
                }
            }
        } catch (IOException brokenOff) {
            throw new IllegalStateException("the form broke off", brokenOff);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
