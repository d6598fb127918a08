package io.postroom.fault;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.postroom.Postroom;
import io.postroom.SchemaMode;
import io.postroom.api.CreateMessage;
import io.postroom.api.FileImport;
import io.postroom.handler.MessageInterceptor;
import java.nio.file.Path;
import java.time.Duration;

/** A process of its own that imports files, and dies when it comes to a line. */
final class ImportWorker {
    private ImportWorker() {}

    public static void main(String[] arguments) throws InterruptedException {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(arguments[0]);
        config.setUsername(arguments[1]);
        config.setPassword(arguments[2]);
        config.setMaximumPoolSize(6);
        String last = arguments[4];
        Postroom.on(new HikariDataSource(config))
                .schema(SchemaMode.NONE)
                .settings(FaultWorker.settings(
                        "importer-" + ProcessHandle.current().pid()))
                .interceptor(new MessageInterceptor() {
                    @Override
                    public CreateMessage beforeCreate(CreateMessage message) {
                        if (last.equals(message.headers().get(FileImport.FILE_LINE))) {
                            Runtime.getRuntime().halt(1);
                        }
                        return message;
                    }
                })
                .fileImport(settings(Path.of(arguments[3])))
                .start();
        System.out.println("READY");
        Thread.sleep(Long.MAX_VALUE); // the threads of the engine keep no JVM alive
    }

    static FileImport settings(Path folder) {
        return FileImport.of("orders", folder, "orders")
                .format(FileImport.Format.CSV)
                .stableFor(Duration.ofMillis(100));
    }
}
