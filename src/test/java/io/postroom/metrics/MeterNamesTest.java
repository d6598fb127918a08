package io.postroom.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.observation.DefaultMeterObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.postroom.api.CreateMessage;
import io.postroom.api.DatabaseHealth.Holder;
import io.postroom.api.DatabaseHealth.HolderKind;
import io.postroom.api.MessageIds;
import io.postroom.api.MessageState;
import io.postroom.handler.MessageEvent;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Names that come from outside, in what a Prometheus reads. */
class MeterNamesTest {
    private static final Pattern SAMPLE = Pattern.compile(
            "[a-z_]+(?:\\{[a-z_]+=\"(?:[^\"\\\\\n]|\\\\[\\\\\"n])*\"(?:,[a-z_]+=\"(?:[^\"\\\\\n]|\\\\[\\\\\"n])*\")*})? [-+0-9.Ea-zN]+");

    private final PrometheusMeterRegistry meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

    private List<String> samples() {
        return meters.scrape().lines().filter(line -> !line.startsWith("#")).toList();
    }

    @Test
    void queues_beyond_the_first_thousand_share_one_series() {
        PostroomMetrics metrics = new PostroomMetrics(meters);
        for (int i = 0; i < 2_500; i++) {
            metrics.onEvent(
                    new MessageEvent(MessageIds.next(), "queue-" + i, MessageState.DONE, "done", Duration.ofMillis(1)));
        }
        assertThat(samples())
                .hasSize(1_001)
                .contains("postroom_messages_total{outcome=\"done\",queue=\"other\"} 1500.0");
    }

    @Test
    void types_make_no_series() {
        ObservationRegistry observations = ObservationRegistry.create();
        observations.observationConfig().observationHandler(new DefaultMeterObservationHandler(meters));
        MessageObservations interceptor = new MessageObservations(observations);
        for (int i = 0; i < 3_000; i++) {
            interceptor.beforeCreate(CreateMessage.to("work").json("type-" + i, 1, "1"));
        }
        assertThat(samples())
                .filteredOn(line -> line.startsWith("postroom_send_seconds_count"))
                .singleElement()
                .asString()
                .endsWith(" 3000")
                .doesNotContain("type-");
    }

    /** The name of an application is a text of whoever connects. */
    @Test
    void quotes_and_line_ends_of_a_name_stay_within_its_label() {
        PostroomMetrics metrics = new PostroomMetrics(meters);
        String name = "a\"} 1\nforged{x=\"y\\";
        metrics.onHorizon(List.of(new Holder(
                HolderKind.SESSION,
                "4711",
                Optional.of(4711),
                Optional.of(name),
                Optional.empty(),
                Optional.of("idle in transaction"),
                Optional.of(9L),
                Optional.of(7L),
                Optional.empty())));
        assertThat(samples())
                .hasSize(2)
                .allMatch(line -> SAMPLE.matcher(line).matches())
                .allMatch(line -> line.contains("holder=\"a\\\"} 1\\nforged{x=\\\"y\\\\\""));
    }
}
