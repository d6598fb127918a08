package io.postroom.channel.mail;

import org.jspecify.annotations.Nullable;

/** A mail that was not, or perhaps not, taken: at which step, and what the server said. */
final class SmtpFailure extends Exception {
    /** How far the conversation had come. */
    enum Step {
        /** TCP, greeting, EHLO, STARTTLS, AUTH: no mail was spoken of. */
        CONNECT,
        MAIL,
        RCPT,
        /** The command; nothing of the mail has been sent. */
        DATA,
        /** The mail itself. From here on a missing answer may mean that the server has taken it. */
        CONTENT
    }

    /** What went wrong with the line. */
    enum Line {
        /** Nothing: the server answered. */
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

    /** Which commands were refused and how, or what was not answered; one line. */
    String text() {
        return text;
    }

    Step step() {
        return step;
    }

    Line line() {
        return line;
    }

    /** The server goes away, or takes nothing from us now. */
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

    /** 530, 534, 535, 538 (RFC 4954): it is our login that is refused, not the mail. */
    boolean isAboutLogin() {
        return code == 530 || code == 534 || code == 535 || code == 538;
    }

    /** Whether the mail may have been taken in spite of this. */
    boolean isUnknown() {
        return step == Step.CONTENT && !isAnswered();
    }
}
