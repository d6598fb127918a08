package io.postroom.channel.mail;

import io.postroom.channel.mail.SmtpFailure.Step;
import jakarta.mail.Address;
import jakarta.mail.MessagingException;
import jakarta.mail.Session;
import jakarta.mail.internet.MimeMessage;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.eclipse.angus.mail.smtp.SMTPTransport;

/**
 * A connection to an SMTP server that stores at which step a conversation ended and what the server said. The library's exceptions are not
 * enough: they lose the answer when the RSET after it fails, and do not say whether the content was being sent. One thread at a time may
 * use it.
 *
 * <p>It overrides two methods of the library: each command sets the step, each answer of 400 or more is noted.
 */
final class SmtpConnection extends SMTPTransport {
    private static final int SHOWN_REFUSALS = 3;
    private static final int START_MAIL_INPUT = 354;

    private record Refusal(int code, String text) {}

    private final long openedAt = System.nanoTime();
    private final List<Refusal> refusals = new ArrayList<>();
    private Step step = Step.CONNECT;
    private String command = "connecting";
    private boolean listening = true;
    private boolean used;
    private boolean broken;
    private int mails;

    private SmtpConnection(Session session) {
        super(session, null);
    }

    /** Connects, greets and logs in. */
    static SmtpConnection open(Session session, MailSettings settings) throws SmtpFailure {
        SmtpConnection connection = new SmtpConnection(session);
        try {
            connection.connect(
                    settings.host().orElseThrow(),
                    settings.port(),
                    settings.username().orElse(null),
                    settings.password().orElse(null));
            return connection;
        } catch (MessagingException e) {
            throw connection.failure(e);
        }
    }

    /** Sends to all recipients or, when one of them is refused, to none. */
    void send(MimeMessage message, Address[] recipients) throws SmtpFailure {
        used = true;
        broken = true;
        refusals.clear();
        step = Step.MAIL;
        try {
            sendMessage(message, recipients);
            mails++;
            broken = false;
        } catch (MessagingException | IllegalStateException e) {
            SmtpFailure failure = failure(e);
            broken = !failure.isAnswered() || failure.isShuttingDown();
            throw failure;
        }
    }

    /** Tells whether it has carried a mail before; the server may have closed it since. */
    boolean isUsed() {
        return used;
    }

    /** Tells whether it may carry another mail, without asking the server. */
    boolean isFit(int mailsPerConnection, Duration maxAge) {
        return !broken && mails < mailsPerConnection && System.nanoTime() - openedAt < maxAge.toNanos();
    }

    @Override
    protected void sendCommand(String text) throws MessagingException {
        // Only the verb of AUTH is kept: the rest is a secret.
        String verb = text.split("[ :]", 2)[0].toUpperCase(Locale.ROOT);
        listening = !(verb.equals("RSET") || verb.equals("NOOP") || verb.equals("QUIT"));
        if (listening) {
            step = stepOf(verb);
            command = step == Step.RCPT ? text : verb.equals(".") ? "end of DATA" : verb;
        }
        super.sendCommand(text);
    }

    @Override
    protected int readServerResponse() throws MessagingException {
        int code = super.readServerResponse();
        if (listening && code >= 400) {
            refusals.add(new Refusal(code, command + ": " + oneLine(getLastServerResponse())));
        } else if (listening && code == START_MAIL_INPUT) {
            step = Step.CONTENT;
        }
        return code;
    }

    private static Step stepOf(String verb) {
        return switch (verb) {
            case "MAIL" -> Step.MAIL;
            case "RCPT" -> Step.RCPT;
            case "DATA" -> Step.DATA;
            case "." -> Step.CONTENT;
            default -> Step.CONNECT;
        };
    }

    private SmtpFailure failure(Exception e) {
        if (refusals.isEmpty()) {
            return SmtpFailure.unanswered(step, isTimeout(e), "no answer to " + command + ": " + rootMessage(e), e);
        }
        String text = refusals.stream().limit(SHOWN_REFUSALS).map(Refusal::text).collect(Collectors.joining("; "));
        if (refusals.size() > SHOWN_REFUSALS) {
            text += "; and " + (refusals.size() - SHOWN_REFUSALS) + " more";
        }
        return SmtpFailure.refused(step, decisiveCode(), text, e);
    }

    /** Finds the answer that decides: 421 first, then a permanent refusal. */
    private int decisiveCode() {
        int decisive = refusals.get(0).code();
        for (Refusal refusal : refusals) {
            if (refusal.code() == SmtpFailure.SHUTTING_DOWN) {
                return refusal.code();
            }
            if (SmtpFailure.isPermanent(step, refusal.code()) && !SmtpFailure.isPermanent(step, decisive)) {
                decisive = refusal.code();
            }
        }
        return decisive;
    }

    private static boolean isTimeout(Throwable e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof InterruptedIOException) {
                return true;
            }
        }
        return false;
    }

    private static String rootMessage(Throwable e) {
        Throwable root = e;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return oneLine(String.valueOf(root.getMessage()));
    }

    private static String oneLine(String text) {
        return text.strip().replaceAll("\\s+", " ");
    }
}
