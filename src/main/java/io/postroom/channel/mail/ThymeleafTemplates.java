package io.postroom.channel.mail;

import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.thymeleaf.IEngineConfiguration;
import org.thymeleaf.TemplateEngine;
import org.thymeleaf.context.Context;
import org.thymeleaf.templatemode.TemplateMode;
import org.thymeleaf.templateresolver.ClassLoaderTemplateResolver;
import org.thymeleaf.templateresolver.ITemplateResolver;
import org.thymeleaf.templateresource.ITemplateResource;

/**
 * Renders pairs of Thymeleaf templates. Has one engine for text and one for HTML, because a template's name alone does not tell which is
 * meant.
 */
public final class ThymeleafTemplates implements MailTemplates {
    /** Names without slashes and dots, and without {@code ::}, which Thymeleaf takes for an expression. */
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,99}");

    private final TemplateEngine text = new TemplateEngine();
    private final TemplateEngine html = new TemplateEngine();

    /** Uses templates that these resolvers find; the names are checked here. */
    public ThymeleafTemplates(ITemplateResolver text, ITemplateResolver html) {
        this.text.setTemplateResolver(text);
        this.html.setTemplateResolver(html);
    }

    static ThymeleafTemplates inFolder(String folder) {
        String prefix = folder.endsWith("/") ? folder : folder + "/";
        return new ThymeleafTemplates(
                new FolderResolver(prefix, ".txt", TemplateMode.TEXT),
                new FolderResolver(prefix, ".html", TemplateMode.HTML));
    }

    @Override
    public Bodies render(String template, Map<String, Object> model) {
        requireName(template);
        // The same text on every machine; a template that needs a language gets it in its model.
        Context context = new Context(Locale.ROOT, PlainDecimal.inModel(model));
        return new Bodies(text.process(template, context), html.process(template, context));
    }

    private static void requireName(String template) {
        if (!NAME.matcher(template).matches()) {
            throw new IllegalArgumentException(
                    "A template is named by 1 to 100 of A-Z a-z 0-9 _ -, first a letter or digit, not \"" + template
                            + "\"");
        }
    }

    /** Finds the templates and what they include. */
    private static final class FolderResolver extends ClassLoaderTemplateResolver {
        private FolderResolver(String prefix, String suffix, TemplateMode mode) {
            super(classLoader());
            setPrefix(prefix);
            setSuffix(suffix);
            setTemplateMode(mode);
            setCharacterEncoding("UTF-8");
            setCheckExistence(false);
        }

        @Override
        protected ITemplateResource computeTemplateResource(
                IEngineConfiguration configuration,
                @Nullable String ownerTemplate,
                String template,
                String resourceName,
                String characterEncoding,
                Map<String, Object> attributes) {
            requireName(template);
            return super.computeTemplateResource(
                    configuration, ownerTemplate, template, resourceName, characterEncoding, attributes);
        }

        /** Returns the host's class loader, which may see more than Postroom's. */
        private static ClassLoader classLoader() {
            ClassLoader context = Thread.currentThread().getContextClassLoader();
            return context != null ? context : ThymeleafTemplates.class.getClassLoader();
        }
    }
}
