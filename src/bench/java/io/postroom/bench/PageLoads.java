package io.postroom.bench;

import io.postroom.bench.WorkloadResult.Row;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;

/** Loads pages from a server on this machine, and measures how long each takes. Thread-safe. */
final class PageLoads {
    private static final int LOADS = 50;
    private static final int LOADS_BEFORE = 10;

    private final HttpClient client = HttpClient.newHttpClient();
    private final String workload;

    /** @param workload its id, for the lines of the report */
    PageLoads(String workload) {
        this.workload = workload;
    }

    interface Look {
        /** @return nanoseconds that the answer took */
        long look() throws Exception;
    }

    /** Looks some times, adds a row with the latencies, and returns their 95th percentile in milliseconds. */
    double measure(Bench bench, WorkloadResult result, String name, String path, Look look) throws Exception {
        Row row = result.row(name, path.replaceAll("[0-9a-f]{8}-[-0-9a-f]{27}", "{id}"), null);
        for (int i = 0; i < LOADS_BEFORE; i++) {
            look.look();
        }
        long[] nanos = new long[LOADS];
        long began = System.nanoTime();
        for (int i = 0; i < LOADS; i++) {
            nanos[i] = look.look();
        }
        Sample sample =
                Sample.NONE.atRateOf(LOADS, (System.nanoTime() - began) / 1e9).with(nanos);
        row.samples().add(sample);
        double p95 = sample.latencyMillis(95);
        row.extra("p95 ms", Figures.number(p95));
        bench.say(Report.line(workload, 1, name, sample));
        return p95;
    }

    /**
     * Returns how many nanoseconds the answer took.
     *
     * @throws IOException it was not answered with 200
     */
    long get(int port, String path) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://localhost:" + port + path))
                .header("Authorization", "Bearer " + ServerJvm.TOKEN)
                .timeout(Duration.ofSeconds(30))
                .build();
        long before = System.nanoTime();
        HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
        long took = System.nanoTime() - before;
        if (answer.statusCode() != 200) {
            throw new IOException(path + " was answered with " + answer.statusCode() + ":\n" + answer.body());
        }
        return took;
    }
}
