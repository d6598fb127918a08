package io.postroom.server.demo;

import io.postroom.testing.JvmProcess;
import io.postroom.testing.TestDatabase;
import java.io.IOException;
import java.nio.file.Path;

/** The demo in a JVM of its own, to be killed. */
final class DemoProcess {
    private DemoProcess() {}

    static JvmProcess start(TestDatabase database, Path file, Path mails) throws IOException {
        return JvmProcess.of(DemoProcess.class)
                .arguments(database.url(), database.user(), database.password(), file.toString(), mails.toString())
                .echo()
                .start();
    }

    /** @param args JDBC URL, user, password, file of events, folder of mails */
    public static void main(String[] args) throws Exception {
        try (SpringHost host = SpringHost.start(args[0], args[1], args[2], Path.of(args[4]));
                Demo demo = host.demo(TicketFile.at(Path.of(args[3])), System.out::println)) {
            demo.run();
        }
    }
}
