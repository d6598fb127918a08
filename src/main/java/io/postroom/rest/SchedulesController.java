package io.postroom.rest;

import io.postroom.api.InvalidMessageException;
import io.postroom.api.MissedRuns;
import io.postroom.api.Schedule;
import io.postroom.api.Schedule.Timing;
import io.postroom.api.ScheduleInfo;
import io.postroom.api.ScheduleNotFoundException;
import io.postroom.api.ScheduleRun;
import io.postroom.api.Schedules;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Answers requests that look at schedules, set and delete them, and let them pause, go on or run now. Shows no payload. */
@RestController
@RequestMapping(SchedulesController.PATH)
class SchedulesController extends ApiController {
    static final String PATH = "/api/v1/schedules";

    private final Schedules schedules;

    SchedulesController(Schedules schedules) {
        this.schedules = schedules;
    }

    /** @param after the last name of the answer before */
    @GetMapping
    ResponseEntity<byte[]> list(
            @RequestParam(defaultValue = "") String after, @RequestParam(defaultValue = "100") int limit) {
        return listed("schedules", schedules.list(after, limit), SchedulesController::shown);
    }

    @GetMapping("/{name}")
    ResponseEntity<byte[]> find(@PathVariable String name) {
        return answer(200, shown(schedules.find(name).orElseThrow(() -> new ScheduleNotFoundException(name))));
    }

    @GetMapping("/{name}/next")
    ResponseEntity<byte[]> next(@PathVariable String name, @RequestParam(defaultValue = "10") int howMany) {
        return answerNext(schedules.nextRuns(name, howMany));
    }

    @GetMapping("/{name}/runs")
    ResponseEntity<byte[]> runs(@PathVariable String name) {
        return listed("runs", schedules.runs(name), SchedulesController::shown);
    }

    /** Answers the next times that the schedule of the body would have. It is not stored, and needs no message. */
    @PostMapping("/preview")
    ResponseEntity<byte[]> preview(@RequestParam(defaultValue = "10") int howMany, HttpServletRequest request)
            throws IOException {
        return answerNext(schedules.preview(ScheduleRequest.read("preview", RequestBody.read(request)), howMany));
    }

    /** Makes or replaces a schedule. What the body leaves out gets its default. */
    @PutMapping("/{name}")
    ResponseEntity<byte[]> set(@PathVariable String name, HttpServletRequest request) throws IOException {
        Schedule schedule = ScheduleRequest.read(name, RequestBody.read(request));
        schedules.set(schedule);
        return find(name);
    }

    @DeleteMapping("/{name}")
    ResponseEntity<byte[]> delete(@PathVariable String name, HttpServletRequest request) {
        if (!reason(request).map(reason -> schedules.delete(name, reason)).orElseGet(() -> schedules.delete(name))) {
            throw new ScheduleNotFoundException(name);
        }
        return answer(200, Map.of("deleted", name));
    }

    @PostMapping("/{name}/pause")
    ResponseEntity<byte[]> pause(@PathVariable String name, HttpServletRequest request) {
        reason(request).ifPresentOrElse(reason -> schedules.pause(name, reason), () -> schedules.pause(name));
        return find(name);
    }

    @PostMapping("/{name}/resume")
    ResponseEntity<byte[]> resume(@PathVariable String name, HttpServletRequest request) {
        reason(request).ifPresentOrElse(reason -> schedules.resume(name, reason), () -> schedules.resume(name));
        return find(name);
    }

    @PostMapping("/{name}/run")
    ResponseEntity<byte[]> runNow(@PathVariable String name, HttpServletRequest request) {
        reason(request).ifPresentOrElse(reason -> schedules.runNow(name, reason), () -> schedules.runNow(name));
        return answer(200, Map.of("asked", name));
    }

    @Override
    @ExceptionHandler
    ResponseEntity<byte[]> refused(InvalidMessageException refused) {
        return answer(Problem.invalidRequest(refused));
    }

    @ExceptionHandler
    ResponseEntity<byte[]> refused(ScheduleNotFoundException refused) {
        return answer(Problem.unknownSchedule(refused));
    }

    private static ResponseEntity<byte[]> answerNext(List<Instant> next) {
        return answer(200, Map.of("next", next.stream().map(Instant::toString).toList()));
    }

    private static Map<String, Object> shown(ScheduleInfo schedule) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("name", schedule.name());
        shown.put("state", schedule.state().name());
        Timing timing = schedule.timing();
        if (timing instanceof Timing.Cron cron) {
            shown.put("cron", cron.expression());
            shown.put("zone", cron.zone());
        } else if (timing instanceof Timing.Every every) {
            shown.put("every", every.period().toString());
        } else if (timing instanceof Timing.AfterEnd afterEnd) {
            shown.put("afterEnd", afterEnd.pause().toString());
        } else if (timing instanceof Timing.At at) {
            shown.put("at", at.instant().toString());
        }
        shown.put("missed", schedule.missed().name());
        if (schedule.missed() == MissedRuns.ALL) {
            shown.put("missedLimit", schedule.missedLimit());
        }
        shown.put("overlap", schedule.overlap().name());
        schedule.queue().ifPresent(queue -> shown.put("queue", queue));
        schedule.exchange().ifPresent(exchange -> shown.put("exchange", exchange));
        schedule.nextAt().ifPresent(at -> shown.put("nextAt", at.toString()));
        schedule.lastPlannedAt().ifPresent(at -> shown.put("lastPlannedAt", at.toString()));
        schedule.lastFiredAt().ifPresent(at -> shown.put("lastFiredAt", at.toString()));
        schedule.lastMessageId().ifPresent(id -> shown.put("lastMessageId", id.toString()));
        schedule.error().ifPresent(error -> shown.put("error", error));
        shown.put("settingsBy", schedule.byOperator() ? "operator" : "declaration");
        return shown;
    }

    private static Map<String, Object> shown(ScheduleRun run) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("plannedAt", run.plannedAt().toString());
        shown.put("firedAt", run.firedAt().toString());
        shown.put("outcome", run.outcome().name());
        run.messageId().ifPresent(id -> shown.put("messageId", id.toString()));
        return shown;
    }
}
