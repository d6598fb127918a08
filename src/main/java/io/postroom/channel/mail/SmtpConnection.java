package io.postroom.channel.mail;

import io.postroom.channel.mail.SmtpFailure.Step;
import io.postroom.internal.loop.LogText;
import io.postroom.internal.loop.NameLookups;
import jakarta.mail.Address;
import jakarta.mail.MessagingException;
import jakarta.mail.Session;
import jakarta.mail.internet.MimeMessage;
import java.io.InterruptedIOException;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ScheduledExecutorService;
import java.util.stream.Collectors;
import org.eclipse.angus.mail.smtp.SMTPTransport;

/**
 * A connection to an SMTP server that stores at which step a conversation ended and what the server said. The library's exceptions are not
 * enough: they lose the answer when the RSET after it fails, and do not say whether the content was being sent. One thread at a time may
 * use it.
 *
 * <p>It overrides methods of the library: each command sets the step, each answer of 400 or more is noted. An {@link AnswerGuard} bounds
 * the time and the length of each answer. What the server says is shown on one line, bounded, without the password.
 */
final class SmtpConnection extends SMTPTransport {
    private static final int SHOWN_REFUSALS = 3;
    private static final int START_MAIL_INPUT = 354;
    /** Characters of one answer in logs and in the history. */
    private static final int SHOWN = 500;

    private static final String START_TLS = "STARTTLS";

    private record Refusal(int code, String text) {}

    private final long openedAt = System.nanoTime();
    private final List<Refusal> refusals = new ArrayList<>();
    private final AnswerGuard guard;
    private final List<String> secrets;
    private Step step = Step.CONNECT;
    private String command = "connecting";
    private boolean listening = true;
    private boolean used;
    private boolean broken;
    private int mails;

    private SmtpConnection(Session session, MailSettings settings, ScheduledExecutorService timers) {
        super(session, null);
        guard = new AnswerGuard(timers, settings);
        secrets = secrets(settings);
    }

    /**
     * Connects, greets and logs in.
     *
     * <p>The library looks the name up on this thread, for as long as that takes. So it is looked up before, within the time to connect.
     * The JVM remembers it then: for 30 s, unless {@code networkaddress.cache.ttl} is 0.
     *
     * @param session whose sockets are those of {@link AnswerGuard}
     * @param timers that end its waits
     */
    static SmtpConnection open(
            Session session, MailSettings settings, ScheduledExecutorService timers, NameLookups lookups)
            throws SmtpFailure, InterruptedException {
        SmtpConnection connection = new SmtpConnection(session, settings, timers);
        String host = settings.host().orElseThrow();
        try (AnswerGuard.AttemptEnd opening = connection.guard.opening()) {
            lookups.find(host, connection.guard.timeToConnect());
            connection.connect(
                    host,
                    settings.port(),
                    settings.username().orElse(null),
                    settings.password().orElse(null));
            return connection;
        } catch (MessagingException | UnknownHostException e) {
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
        } finally {
            guard.rest();
        }
    }

    /** Tells whether it has carried a mail before; the server may have closed it since. */
    boolean isUsed() {
        return used;
    }

    /** Tells whether it may carry another mail, without asking the server. */
    boolean isFit(int mailsPerConnection, Duration maxAge) {
        return !broken
                && guard.passed() == null
                && mails < mailsPerConnection
                && System.nanoTime() - openedAt < maxAge.toNanos();
    }

    /** Asks the server. */
    @Override
    public synchronized boolean isConnected() {
        try {
            return super.isConnected();
        } finally {
            guard.rest();
        }
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
        int code = 0;
        guard.awaitAnswer();
        try {
            code = super.readServerResponse();
        } finally {
            if (code / 100 == 2 && command.equals(START_TLS)) {
                guard.awaitHandshake();
            } else {
                guard.send();
            }
        }
        if (listening && code >= 400) {
            refusals.add(new Refusal(code, command + ": " + shown(getLastServerResponse())));
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
            String passed = guard.passed();
            String why = passed == null ? rootMessage(e) : passed;
            return SmtpFailure.unanswered(
                    step, passed != null || isTimeout(e), "no answer to " + command + ": " + why, e);
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
            if (cause instanceof InterruptedIOException || cause instanceof NameLookups.LateException) {
                return true;
            }
        }
        return false;
    }

    private String rootMessage(Throwable e) {
        Throwable root = e;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return shown(String.valueOf(root.getMessage()));
    }

    /** Lists how a server may send back the login: as it was given, and as it was sent by PLAIN and by LOGIN. */
    private static List<String> secrets(MailSettings settings) {
        String password = settings.password().orElse("");
        if (password.isEmpty()) {
            return List.of();
        }
        String user = settings.username().orElse("");
        return List.of(base64("\0" + user + "\0" + password), password, base64(password));
    }

    private static String base64(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    private String shown(String answer) {
        String masked = answer;
        for (String secret : secrets) {
            masked = masked.replace(secret, "***");
        }
        return oneLine(masked.strip());
    }

    private static String oneLine(String text) {
        StringBuilder line = new StringBuilder();
        boolean inBlanks = false;
        int read = 0;
        while (read < text.length() && line.length() < SHOWN) {
            int c = text.codePointAt(read);
            read += Character.charCount(c);
            boolean isBlank = Character.isWhitespace(c);
            if (!isBlank && !LogText.isPlain(c)) {
                line.append(String.format("\\u%04x", c));
            } else if (!isBlank || !inBlanks) {
                line.appendCodePoint(isBlank ? ' ' : c);
            }
            inBlanks = isBlank;
        }
        return read < text.length() ? line.append('…').toString() : line.toString();
    }
}
