package io.postroom.channel.mail;

import io.postroom.channel.MissingLibraryException;
import java.util.Map;

/** Makes the two bodies of a mail from a template. Thread-safe. Implement it to use a template engine of your own. */
@FunctionalInterface
public interface MailTemplates {
    /**
     * Fills the template.
     *
     * @param template a name without folder and ending
     * @param model values that the template may name
     */
    Bodies render(String template, Map<String, Object> model);

    /** The two bodies of a mail with the same content, for readers with and without HTML. */
    record Bodies(String text, String html) {}

    /**
     * Thymeleaf templates on the class path: {@code <folder>/<template>.txt} and {@code <folder>/<template>.html}, both needed, in UTF-8.
     * Values are escaped in HTML; in text use {@code [(${value})]}. Nothing outside the folder can be named, neither by a caller nor by a
     * template.
     *
     * @param folder as in {@code com/example/mails}
     * @throws MissingLibraryException without org.thymeleaf:thymeleaf
     */
    static MailTemplates inFolder(String folder) {
        MissingLibraryException.require(
                "Rendering mail templates", "org.thymeleaf.TemplateEngine", "org.thymeleaf:thymeleaf");
        return ThymeleafTemplates.inFolder(folder);
    }
}
