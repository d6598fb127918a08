package io.postroom.channel.mail;

import jakarta.mail.internet.MimeUtility;
import java.io.UnsupportedEncodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Encodes subjects and names, so that a reader gets exactly this text. The mail library encodes what is not ASCII, and leaves all ASCII as
 * it is. Some ASCII is read as something else: text that looks like an encoded word, and blanks that readers drop. It is encoded here.
 */
final class HeaderText {
    private static final String UTF_8 = "UTF-8";
    /** What looks like an encoded word; blanks at either end, or several in a row, where a long line is folded. */
    private static final Pattern READ_AS_SOMETHING_ELSE = Pattern.compile("=\\?|^ | $| {2}");
    /** Becomes 60 characters of base64; RFC 2047 allows 75 in a word, with its frame. */
    private static final int BYTES_OF_WORD = 45;

    private HeaderText() {}

    static String ofSubject(String subject) throws UnsupportedEncodingException {
        return isReadBack(subject) ? MimeUtility.encodeText(subject, UTF_8, null) : words(subject);
    }

    static String ofName(String name) throws UnsupportedEncodingException {
        return isReadBack(name) ? MimeUtility.encodeWord(name, UTF_8, null) : words(name);
    }

    private static boolean isReadBack(String text) {
        return !SingleLineText.isAscii(text)
                || !READ_AS_SOMETHING_ELSE.matcher(text).find();
    }

    /** Encodes ASCII. Readers drop the blanks between two words. */
    private static String words(String ascii) {
        List<String> words = new ArrayList<>();
        for (int start = 0; start < ascii.length(); start += BYTES_OF_WORD) {
            String part = ascii.substring(start, Math.min(start + BYTES_OF_WORD, ascii.length()));
            String base64 = Base64.getEncoder().encodeToString(part.getBytes(StandardCharsets.US_ASCII));
            words.add("=?" + UTF_8 + "?B?" + base64 + "?=");
        }
        return String.join(" ", words);
    }
}
