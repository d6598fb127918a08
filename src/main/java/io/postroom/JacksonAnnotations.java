package io.postroom;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.postroom.api.PostroomException;
import java.security.CodeSource;
import tools.jackson.databind.json.JsonMapper;

/**
 * Checks that Jackson 3 finds the annotations it needs. They keep the coordinates of Jackson 2. So another library may bring an older jar,
 * which Maven prefers when that library stands nearer or first.
 */
final class JacksonAnnotations {
    private JacksonAnnotations() {}

    /** @throws PostroomException the annotations are too old; says which jar, and what to declare */
    static void require() {
        try {
            JsonMapper.builder();
        } catch (LinkageError missing) {
            throw new PostroomException(
                    "Jackson 3 cannot work with the jackson-annotations on the class path, "
                            + found() + " (" + missing.getMessage()
                            + "). It needs 2.21 or newer, and another dependency brings the older one. Declare"
                            + " com.fasterxml.jackson.core:jackson-annotations in your own build, in a version from 2.21 on",
                    missing);
        }
    }

    private static String found() {
        try {
            CodeSource source = JsonProperty.class.getProtectionDomain().getCodeSource();
            String version = JsonProperty.class.getPackage().getImplementationVersion();
            return (version == null ? "an unknown version" : version)
                    + (source == null ? "" : " in " + source.getLocation());
        } catch (LinkageError none) {
            return "none";
        }
    }
}
