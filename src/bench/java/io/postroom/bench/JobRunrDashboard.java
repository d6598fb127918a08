package io.postroom.bench;

import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jobrunr.dashboard.JobRunrApiHandler;

/** What the dashboard of JobRunr asks its server for, with a million jobs that wait, and nothing else to do. */
final class JobRunrDashboard {
    static final String NAME = "jobrunr";

    private static final int JOBS = 1_000_000;

    private final PageLoads loads;

    JobRunrDashboard(PageLoads loads) {
        this.loads = loads;
    }

    void measure(Bench bench, WorkloadResult result) throws Exception {
        BenchDatabase database = bench.server().createDatabase();
        try (JobRunr.JobRunrLine jobs = (JobRunr.JobRunrLine) new JobRunr().open(database)) {
            int waiting = bench.options().messages(JOBS);
            jobs.fill(waiting, Payloads.usual());
            HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            JobRunrApiHandler api = new JobRunrApiHandler(jobs.storage(), jobs.json(), false);
            server.createContext(api.getContextPath(), api);
            server.start();
            int port = server.getAddress().getPort();
            try {
                for (Map.Entry<String, String> page : paths(database, waiting).entrySet()) {
                    String path = page.getValue();
                    loads.measure(bench, result, NAME + page.getKey(), path, () -> loads.get(port, path));
                }
                loads.measure(
                        bench,
                        result,
                        NAME + ", counts by state",
                        "asked for beside each page; here without HTTP",
                        () -> {
                            long before = System.nanoTime();
                            jobs.storage().getJobStats();
                            return System.nanoTime() - before;
                        });
            } finally {
                server.stop(0);
            }
        } finally {
            bench.server().drop(database);
        }
    }

    private static Map<String, String> paths(BenchDatabase database, int waiting) throws SQLException {
        String job;
        try (Connection connection = DriverManager.getConnection(database.url(), database.user(), database.password());
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("SELECT id::text FROM jobrunr_jobs LIMIT 1")) {
            row.next();
            job = row.getString(1);
        }
        int last = waiting / 20 * 20 - 20;
        Map<String, String> paths = new LinkedHashMap<>();
        paths.put(", jobs that wait", "/api/jobs?state=ENQUEUED&offset=0&limit=20&order=updatedAt:ASC");
        paths.put(
                ", the last page of them", "/api/jobs?state=ENQUEUED&offset=" + last + "&limit=20&order=updatedAt:ASC");
        paths.put(", jobs that failed", "/api/jobs?state=FAILED&offset=0&limit=20&order=updatedAt:DESC");
        paths.put(", one job", "/api/jobs/" + job);
        return paths;
    }
}
