package io.postroom.rest;

import io.postroom.api.CreateMessage;
import io.postroom.api.Created;
import io.postroom.api.EntrySecrets;
import io.postroom.api.ExclusiveQueueException;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Limits;
import io.postroom.api.QueueFullException;
import io.postroom.api.QueueMessages;
import io.postroom.api.QueueNotFoundException;
import io.postroom.api.SecretNotFoundException;
import io.postroom.api.SettingsEntry;
import io.postroom.api.SettingsRegistry;
import io.postroom.api.StoredSettings;
import io.postroom.channel.http.Webhook;
import io.postroom.channel.http.WebhookReceiver;
import io.postroom.channel.http.WebhookRefusedException;
import io.postroom.channel.http.WebhookRequest;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * Turns requests of external systems into messages, each by its entry of the channel webhook. Answers after the commit: a sender that was
 * answered 202 or 200 may forget the request, and may send it again after any other answer.
 *
 * <p>The entry is read from the database for each request. So a change counts for the next request in all processes, and a request that
 * could not be stored is refused before its body is read.
 *
 * <p>The checks go from those that cost least to those that say most. Whoever is not proven learns whether an entry is used, and nothing
 * about it: no queue, no type, and not what was wrong with the signature.
 */
@RestController
class WebhooksController extends ApiController {
    private final SettingsRegistry settings;
    private final EntrySecrets secrets;
    private final WebhookReceiver receiver;
    private final QueueMessages queueMessages;
    private final WebhookLog log = new WebhookLog();

    WebhooksController(
            SettingsRegistry settings, EntrySecrets secrets, WebhookReceiver receiver, QueueMessages queueMessages) {
        this.settings = settings;
        this.secrets = secrets;
        this.receiver = receiver;
        this.queueMessages = queueMessages;
    }

    @PostMapping("/in/{name}")
    ResponseEntity<byte[]> receive(@PathVariable String name, HttpServletRequest request) throws IOException {
        SettingsEntry entry = used(name);
        Webhook webhook;
        Optional<String> secret;
        try {
            webhook = receiver.read(entry);
            secret = secrets.find(entry);
        } catch (InvalidMessageException | SecretNotFoundException unusable) {
            log.refused(name, "it cannot be used: " + unusable.getMessage());
            throw new ProblemException(Problem.notReceiving());
        }
        Optional<String> contentType = Optional.ofNullable(request.getContentType());
        byte[] body = RequestBody.readBytes(request, webhook.maxBody(), () -> requireTaken(webhook, contentType));
        return answer(stored(name, webhook, secret, new WebhookRequest(body, contentType, of(request))));
    }

    private SettingsEntry used(String name) {
        return found(name)
                .map(StoredSettings::entry)
                .filter(entry -> entry.channel().equals(WebhookReceiver.CHANNEL))
                .filter(entry -> entry.obstacle(Instant.now()).isEmpty())
                .orElseThrow(() -> new ProblemException(Problem.unknownWebhook()));
    }

    /** An entry that this version cannot read is refused like one that is wrong: the error would show a part of it. */
    private Optional<StoredSettings> found(String name) {
        try {
            return Limits.isName(name) ? settings.find(name) : Optional.empty();
        } catch (InvalidMessageException unreadable) {
            log.refused(name, "this process cannot read its " + unreadable.field());
            throw new ProblemException(Problem.notReceiving());
        }
    }

    private static void requireTaken(Webhook webhook, Optional<String> contentType) {
        if (!webhook.takes(contentType)) {
            throw new ProblemException(Problem.unwantedType("This Content-Type is not taken here"));
        }
    }

    private Created stored(String name, Webhook webhook, Optional<String> secret, WebhookRequest request) {
        try {
            CreateMessage message = webhook.message(request, secret, Instant.now());
            try {
                return queueMessages.createMessage(message);
            } catch (InvalidMessageException refused) {
                if (refused.field().equals("payload") && message.content() instanceof CreateMessage.Content.Json) {
                    // The sender would send the same again and give up. As bytes it is kept, and its handler says what
                    // is wrong.
                    return queueMessages.createMessage(webhook.withRawBody(message, request));
                }
                throw refused;
            }
        } catch (WebhookRefusedException refused) {
            log.refused(name, String.valueOf(refused.getMessage()));
            throw new ProblemException(
                    refused.reason() == WebhookRefusedException.Reason.UNPROVEN
                            ? Problem.unproven()
                            : Problem.malformed(String.valueOf(refused.getMessage())));
        } catch (InvalidMessageException refused) {
            log.refused(name, String.valueOf(refused.getMessage()));
            if (refused.field().equals("secret")) {
                throw new ProblemException(Problem.notReceiving());
            }
            throw refused;
        } catch (QueueNotFoundException | QueueFullException | ExclusiveQueueException refused) {
            log.refused(name, String.valueOf(refused.getMessage()));
            throw new ProblemException(Problem.notReceiving());
        }
    }

    private static ResponseEntity<byte[]> answer(Created created) {
        Map<String, Object> members = new LinkedHashMap<>();
        members.put("id", created.id().toString());
        members.put("isNew", created.isNew());
        return answer(created.isNew() ? 202 : 200, members);
    }

    private static Function<String, List<String>> of(HttpServletRequest request) {
        return header -> Collections.list(request.getHeaders(header));
    }
}
