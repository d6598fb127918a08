package io.postroom.server.demo;

import java.util.Optional;

/**
 * Makes some mails fail, so that the queue shows retries and dead letters. A mark in the customer's mailbox decides instead of chance: the
 * same file gives the same run.
 *
 * <pre>
 * mailbox                  of 10,000   what happens
 * ann+busy1@example.org    163         the first try fails, the second succeeds
 * ann+busy2@example.org    40          two tries fail, the third succeeds
 * ann+down@example.org     10          every try fails: dead letter after three, reason attempts_spent
 * ann@@example.org         2           no address: dead letter at once, reason rejected (by the mail channel, not here)
 * </pre>
 */
final class PlannedTrouble {
    static final String BUSY_ONCE = "+busy1@";
    static final String BUSY_TWICE = "+busy2@";
    static final String DOWN = "+down@";

    private PlannedTrouble() {}

    /**
     * Returns what the provider answers instead of taking the mail; empty if it takes the mail.
     *
     * @param failures before this attempt
     */
    static Optional<String> answer(String email, int failures) {
        if (email.contains(DOWN)) {
            return Optional.of("mail provider: 451 mailbox does not answer");
        }
        int failing = email.contains(BUSY_ONCE) ? 1 : email.contains(BUSY_TWICE) ? 2 : 0;
        return failures < failing ? Optional.of("mail provider: 450 mailbox busy, try again later") : Optional.empty();
    }
}
