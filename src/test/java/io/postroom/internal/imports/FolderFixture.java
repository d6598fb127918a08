package io.postroom.internal.imports;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.api.FileImport;
import io.postroom.api.FileImport.Format;
import io.postroom.api.ImportedFile;
import io.postroom.internal.postgres.PostgresStores;
import io.postroom.internal.storage.FileImportStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.jdbc.core.simple.JdbcClient;

/** A folder and processes that import its files, with a clock that only the test moves. Base of the tests of {@link FolderImport}. */
abstract class FolderFixture {
    final FileImportStore store;
    private final JdbcClient sql;
    final AtomicLong nanos = new AtomicLong();

    @TempDir
    Path folder;

    FolderFixture(DataSource pool) {
        store = PostgresStores.on(pool).fileImports();
        sql = JdbcClient.create(pool);
    }

    @BeforeEach
    void clear() {
        sql.sql("DELETE FROM postroom.file_import").update();
    }

    FolderImport process(LineCreator creator) {
        return new FolderImport(
                FileImport.of("orders", folder, "q").format(Format.NDJSON),
                new Inbox(folder, Duration.ofSeconds(2), nanos::get),
                store,
                creator,
                nanos::get);
    }

    void put(String name, String text) throws Exception {
        Files.writeString(folder.resolve(name), text);
    }

    /** Lets the files rest for as long as they must before they are taken. */
    void rest(FolderImport process) throws Exception {
        process.hasWork();
        nanos.addAndGet(Duration.ofSeconds(2).toNanos());
        assertThat(process.hasWork()).isTrue();
    }

    /** The only file that was ever taken. */
    ImportedFile only() {
        assertThat(store.list(10)).hasSize(1);
        return store.list(10).get(0);
    }

    /** Numbered lines, of which each 500th is bad, the first one being 7. */
    static String lines(int from, int to) {
        return IntStream.range(from, to)
                .mapToObj(i -> (i % 500 == 7 ? "bad" : "") + i + "\n")
                .collect(Collectors.joining());
    }
}
