package io.postroom.channel.mail;

import org.jspecify.annotations.Nullable;

/** Reports a mail that the server did not take, or perhaps not: at which step, and what the server said. */
final class SmtpFailure extends Exception {
    /** The step of the conversation at which it failed. */
    enum Step {
        /** TCP, greeting, EHLO, STARTTLS, AUTH: before the first mail. */
        CONNECT,
        MAIL,
        RCPT,
        /** The command; nothing of the mail has been sent. */
        DATA,
        /** The mail itself. From here on a missing answer may mean that the server has taken it. */
        CONTENT
    }

    /** The state of the connection after the failure. */
    enum Line {
        /** The connection is sound: the server answered. */
        GOOD,
        TIMED_OUT,
        BROKEN
    }

    static final int SHUTTING_DOWN = 421;

    private final Step step;
    private final int code;
    private final Line line;
    private final String text;

    private SmtpFailure(Step step, int code, Line line, String text, @Nullable Throwable cause) {
        super(text, cause);
        this.step = step;
        this.code = code;
        this.line = line;
        this.text = text;
    }

    static SmtpFailure refused(Step step, int code, String text, Throwable cause) {
        return new SmtpFailure(step, code, Line.GOOD, text, cause);
    }

    static SmtpFailure unanswered(Step step, boolean timedOut, String text, Throwable cause) {
        return new SmtpFailure(step, 0, timedOut ? Line.TIMED_OUT : Line.BROKEN, text, cause);
    }

    /** Says in one line which commands were refused and how, or which command got no answer. */
    String text() {
        return text;
    }

    Step step() {
        return step;
    }

    Line line() {
        return line;
    }

    /** Tells whether the server shuts down, or takes nothing from us now. */
    boolean isShuttingDown() {
        return code == SHUTTING_DOWN;
    }

    boolean isPermanent() {
        return isPermanent(step, code);
    }

    static boolean isPermanent(Step step, int code) {
        // RFC 5321, 4.5.3.1.10: 552 to RCPT is to be treated as 452. Servers also say it for a full mailbox.
        return code >= 500 && !(code == 552 && step == Step.RCPT);
    }

    boolean isAnswered() {
        return line == Line.GOOD;
    }

    /** Tells whether our login was refused instead of the mail: 530, 534, 535, 538 (RFC 4954). */
    boolean isAboutLogin() {
        return code == 530 || code == 534 || code == 535 || code == 538;
    }

    /** Tells whether the server may have taken the mail in spite of this failure. */
    boolean isUnknown() {
        return step == Step.CONTENT && !isAnswered();
    }
}
