package io.postroom.example;

import io.postroom.testing.JvmProcess;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.io.DefaultResourceLoader;
import org.springframework.jdbc.core.simple.JdbcClient;

/** One side of the ticket workflow in a JVM of its own. The customers open tickets until there are as many as wanted. */
final class TicketProcess {
    private TicketProcess() {}

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration(
            excludeName = {
                "org.springframework.boot.hibernate.autoconfigure.HibernateJpaAutoConfiguration",
                "org.springframework.boot.data.jpa.autoconfigure.DataJpaRepositoriesAutoConfiguration"
            })
    static class Host {}

    /**
     * Returns when the side is up.
     *
     * @param classes folder of the page's compiled classes
     * @param side name of its class
     * @param tickets how many tickets there are in the end; 0: open none
     */
    static JvmProcess start(Path classes, TestDatabase database, String side, int tickets) throws IOException {
        JvmProcess process = JvmProcess.of(TicketProcess.class)
                .arguments(
                        classes.toString(),
                        database.url(),
                        database.user(),
                        database.password(),
                        side,
                        String.valueOf(tickets))
                .start();
        try {
            process.awaitLine("READY");
        } catch (AssertionError notStarted) {
            process.close();
            throw notStarted;
        }
        return process;
    }

    public static void main(String[] arguments) throws Exception {
        URL[] classes = {Path.of(arguments[0]).toUri().toURL()};
        ClassLoader page = new URLClassLoader(classes, TicketProcess.class.getClassLoader());
        Class<?> side = page.loadClass("io.postroom.example." + arguments[4]);
        ConfigurableApplicationContext host = new SpringApplicationBuilder(Host.class, side)
                .resourceLoader(new DefaultResourceLoader(page))
                .web(WebApplicationType.NONE)
                .properties(
                        "spring.datasource.url=" + arguments[1],
                        "spring.datasource.username=" + arguments[2],
                        "spring.datasource.password=" + arguments[3],
                        "spring.main.banner-mode=off",
                        "spring.flyway.enabled=false", // the tables of the page are there
                        "postroom.name=" + arguments[4],
                        "postroom.lease-time=3s",
                        "postroom.beat-interval=500ms")
                .run();
        System.out.println("READY");
        if (!arguments[5].equals("0")) {
            openTickets(host, side, Integer.parseInt(arguments[5]));
        }
        new CountDownLatch(1).await();
    }

    /** Goes on behind the tickets that were committed, as after a kill. */
    private static void openTickets(ConfigurableApplicationContext host, Class<?> side, int tickets) throws Exception {
        Method open = side.getMethod("open", String.class, String.class);
        open.setAccessible(true);
        int there = host.getBean(JdbcClient.class)
                .sql("SELECT count(*) FROM ticket")
                .query(Integer.class)
                .single();
        for (int number = there + 1; number <= tickets; number++) {
            open.invoke(host.getBean(side), "ticket-" + number, "Why does number " + number + " blink?");
        }
    }
}
