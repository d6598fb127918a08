package io.postroom.server;

import io.postroom.cli.PostroomCli;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.Map;
import org.springframework.boot.Banner;
import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.Environment;
import org.springframework.core.env.MapPropertySource;

/**
 * The standalone application.
 *
 * <pre>
 * no arguments                        a PostgreSQL of its own in ./.postroom, the demo, the web on http://127.0.0.1:8080
 * --postroom.demo=false               the same without the demo
 * --spring.datasource.url=jdbc:...    a given PostgreSQL 14 to 18, no demo
 * --server.address=0.0.0.0            for others as well: asks for POSTROOM_TOKEN
 * status, doctor, redrive …           a command of {@link PostroomCli} instead of a server
 * </pre>
 *
 * <p>It is a Spring Boot application that uses the starter like any host. Its properties are in {@code postroom-server.properties}, never
 * {@code application.properties}, which an application with these classes on its class path would read as its own. A file {@code
 * postroom-server.properties} in the working directory or in {@code ./config} overrides them.
 */
public final class PostroomServer {
    private PostroomServer() {}

    public static void main(String[] args) {
        if (PostroomCli.isCommand(args)) {
            System.exit(PostroomCli.run(args));
        }
        try {
            start(args);
        } catch (SpringApplication.AbandonedRunException asked) {
            throw asked;
        } catch (Throwable failure) {
            System.err.println(StartFailure.explain(failure));
            System.exit(1);
        }
    }

    /** Returns when the server is up. Closing the context stops it: first demo and workers, then the web, the database last. */
    static ConfigurableApplicationContext start(String... args) {
        SpringApplication application = new SpringApplication(ServerConfiguration.class);
        application.setBannerMode(Banner.Mode.OFF);
        application.setLogStartupInfo(false);
        application.setDefaultProperties(Map.of("spring.config.name", "postroom-server"));
        application.addInitializers(context -> prepare(context.getEnvironment()));
        return application.run(args);
    }

    /** Refuses what is known to be wrong before anything is started. */
    private static void prepare(ConfigurableEnvironment environment) {
        AccessRules.of(environment);
        ServerSettings settings = ServerSettings.of(environment);
        if (settings.demo() != ServerSettings.Demo.OFF) {
            environment
                    .getPropertySources()
                    .addLast(new MapPropertySource(
                            "demo",
                            Map.of("postroom.mail.folder", settings.mails().toString())));
        }
        requirePort(environment);
    }

    /** Refuses a taken port before the database is started, because starting the database takes seconds. */
    private static void requirePort(Environment environment) {
        String address = environment.getProperty(AccessRules.ADDRESS, "");
        int port = environment.getProperty("server.port", Integer.class, 8080);
        try (ServerSocket free = new ServerSocket()) {
            free.bind(
                    address.isEmpty()
                            ? new InetSocketAddress(port)
                            : new InetSocketAddress(InetAddress.getByName(address), port));
        } catch (IOException | IllegalArgumentException taken) {
            throw new ServerStartException(
                    taken instanceof BindException
                                    && String.valueOf(taken.getMessage()).contains("in use")
                            ? StartFailure.portInUse(port)
                            : "It cannot listen on " + address + ":" + port + ": " + taken.getMessage());
        }
    }
}
