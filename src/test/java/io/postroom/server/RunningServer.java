package io.postroom.server;

import io.postroom.testing.TestDatabase;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.catalina.core.StandardContext;
import org.springframework.boot.tomcat.TomcatWebServer;
import org.springframework.boot.web.server.context.WebServerApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;

/** The server as its main method starts it, in this JVM, on any free port. */
public final class RunningServer implements AutoCloseable {
    /** What only tests have on the class path and the server does not. */
    public static final String WITHOUT_TEST_LIBRARIES = "--spring.autoconfigure.exclude="
            + String.join(
                    ",",
                    "org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration",
                    "org.springframework.boot.hibernate.autoconfigure.HibernateJpaAutoConfiguration",
                    "org.springframework.boot.data.jpa.autoconfigure.DataJpaRepositoriesAutoConfiguration");

    private final ConfigurableApplicationContext context;

    private RunningServer(ConfigurableApplicationContext context) {
        this.context = context;
    }

    /** Starts a server on a given database. */
    public static RunningServer on(TestDatabase database, String... arguments) {
        Map<String, String> all = new LinkedHashMap<>();
        all.put("--spring.datasource.url", database.url());
        all.put("--spring.datasource.username", database.user());
        all.put("--spring.datasource.password", database.password());
        all.put("--server.port", "0");
        for (String argument : arguments) {
            // Spring makes a list of an option that is given twice.
            int equals = argument.indexOf('=');
            all.put(argument.substring(0, equals), argument.substring(equals + 1));
        }
        return start(all.entrySet().stream()
                .map(option -> option.getKey() + "=" + option.getValue())
                .toArray(String[]::new));
    }

    /** Starts a server with these arguments and no others. */
    public static RunningServer start(String... arguments) {
        String[] all = Arrays.copyOf(arguments, arguments.length + 1);
        all[arguments.length] = WITHOUT_TEST_LIBRARIES;
        return new RunningServer(PostroomServer.start(all));
    }

    public int port() {
        return context.getEnvironment().getRequiredProperty("local.server.port", Integer.class);
    }

    public <T> T bean(Class<T> type) {
        return context.getBean(type);
    }

    public <T> T bean(String name, Class<T> type) {
        return context.getBean(name, type);
    }

    /** Returns how many requests the container holds without a thread. It waits for them before it stops. */
    public long asynchronousRequests() {
        TomcatWebServer tomcat = (TomcatWebServer) ((WebServerApplicationContext) context).getWebServer();
        return Arrays.stream(tomcat.getTomcat().getHost().findChildren())
                .mapToLong(application -> ((StandardContext) application).getInProgressAsyncCount())
                .sum();
    }

    @Override
    public void close() {
        context.close();
    }
}
