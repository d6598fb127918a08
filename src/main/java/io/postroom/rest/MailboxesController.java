package io.postroom.rest;

import io.postroom.api.Mailbox;
import io.postroom.api.Mailboxes;
import io.postroom.api.RejectedMail;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Answers requests that look at mailboxes. Their entries are changed and tested as settings. */
@RestController
@RequestMapping(MailboxesController.PATH)
class MailboxesController extends ApiController {
    static final String PATH = "/api/v1/mailboxes";

    private final Mailboxes mailboxes;

    MailboxesController(Mailboxes mailboxes) {
        this.mailboxes = mailboxes;
    }

    @GetMapping
    ResponseEntity<byte[]> list() {
        return listed("mailboxes", mailboxes.list(), MailboxesController::shown);
    }

    @GetMapping("/{name}/rejected")
    ResponseEntity<byte[]> rejected(@PathVariable String name, @RequestParam(defaultValue = "100") int most) {
        List<RejectedMail> mails = mailboxes.rejected(name, most);
        if (mails.isEmpty()
                && mailboxes.list().stream().noneMatch(one -> one.name().equals(name))) {
            throw new ProblemException(Problem.unknownMailbox(name));
        }
        return listed("mails", mails, MailboxesController::shown);
    }

    private static Map<String, Object> shown(Mailbox mailbox) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("name", mailbox.name());
        shown.put("source", mailbox.source());
        shown.put("worker", mailbox.worker());
        shown.put("isHeld", mailbox.isHeld());
        mailbox.readAt().ifPresent(at -> shown.put("readAt", at.toString()));
        mailbox.failingSince().ifPresent(at -> shown.put("failingSince", at.toString()));
        if (!mailbox.error().isEmpty()) {
            shown.put("error", mailbox.error());
        }
        shown.put("messages", mailbox.messages());
        shown.put("rejected", mailbox.rejected());
        return shown;
    }

    private static Map<String, Object> shown(RejectedMail mail) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("mailId", mail.mailId());
        shown.put("messageId", mail.messageId());
        shown.put("size", mail.size());
        shown.put("rejectedAt", mail.rejectedAt().toString());
        shown.put("error", mail.error());
        return shown;
    }
}
