package io.postroom.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.postroom.api.CreateMessage;
import io.postroom.api.Direction;
import io.postroom.api.MessageFilter;
import io.postroom.api.MessageType;
import io.postroom.api.Overlap;
import io.postroom.api.Schedule;
import io.postroom.api.Schedule.Timing;
import io.postroom.api.ScheduleInfo;
import io.postroom.api.Schedules;
import io.postroom.handler.MessageContext;
import io.postroom.handler.OnSchedule;
import io.postroom.handler.ProcessingMessage;
import io.postroom.handler.ProcessingMessageHandler;
import io.postroom.handler.SendMessage;
import io.postroom.testing.PostgresTest;
import io.postroom.testing.TestDatabase;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Schedules that a Spring host declares: by annotation, as a bean, by property. */
@PostgresTest
class OnScheduleTest {
    private final TestDatabase database;

    OnScheduleTest(TestDatabase database) {
        this.database = database;
    }

    @Test
    void handlers_beans_and_properties_declare_schedules_and_what_an_operator_set_stays() {
        try (Host.Running host = host().start()) {
            Schedules schedules = host.bean(Schedules.class);
            assertThat(schedules.list("", 10))
                    .extracting(ScheduleInfo::name)
                    .containsExactly("as-bean", "by-property", "often", "tidying");
            assertThat(schedules.find("by-property").orElseThrow().timing())
                    .as("a property wins over a bean")
                    .isEqualTo(new Timing.Every(Duration.ofHours(2)));
            assertThat(schedules.find("tidying").orElseThrow())
                    .returns(new Timing.Cron("15 3 * * *", "Europe/Berlin"), ScheduleInfo::timing)
                    .returns(Overlap.SKIP, ScheduleInfo::overlap)
                    .returns(false, ScheduleInfo::byOperator);
            await().until(() -> Handlers.HANDLED.contains("often 7 often"));
            assertThat(host.queueMessages().find(MessageFilter.queue("often")))
                    .isNotEmpty()
                    .allMatch(message -> message.direction() == Direction.OUTGOING
                            && message.type().equals("tick"));
            schedules.set(Schedule.every("tidying", Duration.ofDays(1))
                    .message(CreateMessage.to("tidy").json("{}")));
            schedules.delete("often");
        }
        try (Host.Running host = host().start()) {
            assertThat(host.bean(Schedules.class).find("tidying").orElseThrow().timing())
                    .isEqualTo(new Timing.Every(Duration.ofDays(1)));
            assertThat(host.bean(Schedules.class).find("often")).as("made anew").isPresent();
        }
    }

    @Test
    void mistakes_stop_the_start_and_are_named() {
        refused(TwoTimings.class, "Give one of cron, every and afterEnd", "has @OnSchedule that does not say when");
        refused(NoHandler.class, "Add @SendMessage or @ProcessingMessage", "has @OnSchedule and takes no messages");
        refused(BadCron.class, "", "cron must be an expression with 0 to 59 in minute");
        refused(Pattern.class, "", "queue must be");
    }

    private void refused(Class<?> handlers, String action, String said) {
        assertThatThrownBy(() -> Host.on(database).with(handlers).start().close())
                .hasStackTraceContaining(said)
                .satisfies(failed -> {
                    Throwable cause = failed;
                    while (!(cause instanceof StartProblem) && cause.getCause() != null) {
                        cause = cause.getCause();
                    }
                    assertThat(cause)
                            .isInstanceOfSatisfying(
                                    StartProblem.class,
                                    problem -> assertThat(problem.action()).contains(action));
                });
    }

    private Host host() {
        return Host.on(database)
                .with(Handlers.class, Tidying.class, Beans.class)
                .with("tidy.cron", "15 3 * * *")
                .with("postroom.schedules.by-property.every", "2h")
                .with("postroom.schedules.by-property.queue", "tidy");
    }

    @MessageType("tick")
    record Tick(int number) {}

    static class Handlers {
        private static final List<String> HANDLED = new CopyOnWriteArrayList<>();

        @SendMessage("often")
        @OnSchedule(name = "often", every = "1s", payload = "{\"number\": 7}")
        void often(Tick tick, MessageContext context) {
            HANDLED.add("often " + tick.number() + " " + context.headers().get(Schedule.SCHEDULE));
        }

        @SendMessage(value = "never", id = "never")
        @OnSchedule(cron = "-")
        void never(String payload) {}
    }

    @ProcessingMessage(value = "tidy", id = "tidying")
    @OnSchedule(cron = "${tidy.cron}", zone = "Europe/Berlin", overlap = Overlap.SKIP)
    static class Tidying implements ProcessingMessageHandler<Tick> {
        @Override
        public io.postroom.api.Outcome process(Tick tick, MessageContext context) {
            return io.postroom.api.Outcome.done();
        }
    }

    @Configuration
    static class Beans {
        @Bean
        Schedule daily() {
            return Schedule.cron("as-bean", "@daily")
                    .message(CreateMessage.to("tidy").payload(new Tick(1)));
        }

        @Bean
        Schedule overridden() {
            return Schedule.cron("by-property", "@daily").message(CreateMessage.to("tidy"));
        }
    }

    static class TwoTimings {
        @SendMessage("often")
        @OnSchedule(every = "1s", afterEnd = "1s")
        void often(Tick tick) {}
    }

    static class NoHandler {
        @OnSchedule(every = "1s")
        void often(Tick tick) {}
    }

    static class BadCron {
        @SendMessage("often")
        @OnSchedule(cron = "61 * * * *")
        void often(Tick tick) {}
    }

    static class Pattern {
        @SendMessage("tenant.*.mail")
        @OnSchedule(every = "1s")
        void often(Tick tick) {}
    }
}
