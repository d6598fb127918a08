package io.postroom.internal.mailboxes;

import io.postroom.api.Limits;
import io.postroom.internal.mailboxes.MailParts.Attached;
import java.util.Base64;
import java.util.List;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Fills text, HTML and attachments into a payload, as far as it may be large. */
final class MailJson {
    private static final JsonMapper JSON = JsonMapper.shared();
    /** jsonb is written with a blank behind each comma and colon, and escapes less. */
    private static final int SPARE = 16 * 1024;

    private static final int MOST = Limits.PAYLOAD_BYTES - SPARE;

    private MailJson() {}

    /**
     * Fills the payload. HTML is left out first where all is too much, then the end of the text; attachments come into what is left.
     *
     * @param bytesOfAttachments the most in one message; an attachment has its content whole or not at all
     */
    static void fill(ObjectNode json, MailParts parts, int bytesOfAttachments) {
        ArrayNode attachments = json.putArray("attachments");
        for (Attached one : parts.attachments()) {
            attachments
                    .addObject()
                    .put("name", one.name())
                    .put("contentType", one.contentType())
                    .put("size", one.bytes().length);
        }
        json.put("text", "");
        int left = MOST - size(json);
        String text = MailText.storable(parts.text());
        int textSize = sizeOf(text);
        if (textSize > left) {
            text = cut(text, left);
            json.put("isCut", true);
            textSize = sizeOf(text);
        }
        json.put("text", text);
        left -= textSize;
        String html = MailText.storable(parts.html());
        int htmlSize = sizeOf(html) + 16;
        if (!html.isEmpty() && htmlSize > left) {
            json.put("isCut", true);
        } else if (!html.isEmpty()) {
            json.put("html", html);
            left -= htmlSize;
        }
        fill(attachments, parts.attachments(), left, bytesOfAttachments);
    }

    private static void fill(ArrayNode attachments, List<Attached> attached, int left, int bytesOfAttachments) {
        int room = left;
        int allowed = bytesOfAttachments;
        for (int i = 0; i < attached.size(); i++) {
            byte[] bytes = attached.get(i).bytes();
            long encoded = (bytes.length + 2L) / 3 * 4 + 16;
            if (bytes.length <= allowed && encoded <= room) {
                ((ObjectNode) attachments.get(i))
                        .put("content", Base64.getEncoder().encodeToString(bytes));
                allowed -= bytes.length;
                room -= (int) encoded;
            }
        }
    }

    private static int size(ObjectNode json) {
        return JSON.writeValueAsBytes(json).length;
    }

    private static int sizeOf(String text) {
        return text.isEmpty() ? 0 : JSON.writeValueAsBytes(text).length - 2;
    }

    /** The longest beginning of so many bytes, without half a surrogate pair at its end. */
    private static String cut(String text, int bytes) {
        int low = 0;
        int high = Math.min(text.length(), Math.max(0, bytes));
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            if (sizeOf(whole(text, middle)) <= bytes) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return whole(text, low);
    }

    private static String whole(String text, int end) {
        return text.substring(0, end > 0 && Character.isHighSurrogate(text.charAt(end - 1)) ? end - 1 : end);
    }
}
