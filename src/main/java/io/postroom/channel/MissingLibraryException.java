package io.postroom.channel;

import io.postroom.api.PostroomException;

/** Reports that an optional library is not on the class path, and which artifact to add. */
public class MissingLibraryException extends PostroomException {
    private final String artifact;

    private MissingLibraryException(String user, String artifact, Throwable cause) {
        super(user + " needs a library that is not on the class path. Add " + artifact, cause);
        this.artifact = artifact;
    }

    /**
     * Throws unless Postroom's class loader can load the class.
     *
     * @param user the feature that needs it, as the subject of a sentence
     * @param artifact {@code group:artifact}
     */
    public static void require(String user, String className, String artifact) {
        try {
            Class.forName(className, false, MissingLibraryException.class.getClassLoader());
        } catch (ClassNotFoundException | LinkageError e) {
            throw new MissingLibraryException(user, artifact, e);
        }
    }

    /** Returns {@code group:artifact} of the library to add. */
    public String artifact() {
        return artifact;
    }
}
