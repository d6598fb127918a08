package io.postroom.api;

/** There is no schedule of this name. Nothing was written. */
public class ScheduleNotFoundException extends PostroomException {
    private final String schedule;

    public ScheduleNotFoundException(String schedule) {
        super("schedule \"" + schedule + "\" does not exist. Declare it first");
        this.schedule = schedule;
    }

    public String schedule() {
        return schedule;
    }
}
