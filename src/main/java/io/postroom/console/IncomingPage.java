package io.postroom.console;

import io.postroom.Postroom;
import io.postroom.api.ImportedFile;
import io.postroom.api.Mailbox;
import io.postroom.console.Cells.Cell;
import jakarta.servlet.http.HttpServletRequest;
import java.util.List;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** Shows mailboxes whose mails become messages, and files that imports have taken. */
@RestController
@RequestMapping({ConsoleController.ROOT + IncomingPage.PATH, ConsoleController.HOME + IncomingPage.PATH})
class IncomingPage extends DatabasePages {
    static final String PATH = "/incoming";
    private static final int FILES = 100;

    IncomingPage(ConsoleGuard guard, ConsoleDatabases databases) {
        super(guard, databases);
    }

    @GetMapping
    ResponseEntity<byte[]> show(HttpServletRequest request) {
        Page page = new Page(Visit.of(request), PATH, "Incoming mails and files");
        Postroom engine = engine(page.visit());
        page.heading("Mailboxes")
                .table(
                        "Mailboxes by name",
                        List.of("Mailbox", "State", "Read by", "All read", "Messages", "Put aside", "Error"),
                        engine.mailboxes().list().stream()
                                .map(IncomingPage::row)
                                .toList(),
                        "No mailbox is read.");
        page.heading("Files")
                .table(
                        "Imported files, the last first",
                        List.of("File", "Import", "State", "Read", "Messages", "Bad lines", "Began", "Error"),
                        engine.fileImports().list(FILES).stream()
                                .map(IncomingPage::row)
                                .toList(),
                        "No file was imported.");
        return page.answer();
    }

    private static List<Cell> row(Mailbox mailbox) {
        String state = mailbox.failingSince().isPresent() ? "failing" : mailbox.isHeld() ? "read now" : "not read now";
        return List.of(
                Cells.text(mailbox.name()),
                Cells.state(state),
                Cells.text(mailbox.worker()),
                Cells.time(mailbox.readAt()),
                Cells.number(mailbox.messages()),
                Cells.number(mailbox.rejected()),
                Cells.text(mailbox.error()));
    }

    private static List<Cell> row(ImportedFile file) {
        String read = file.size() == 0 ? "" : file.position() * 100 / file.size() + " %";
        return List.of(
                Cells.text(file.file()),
                Cells.text(file.importName()),
                Cells.state(file.state().name()),
                Cells.text(read),
                Cells.number(file.messages()),
                Cells.number(file.badLines()),
                Cells.time(file.startedAt()),
                Cells.text(file.error()));
    }
}
