package io.postroom.channel;

import io.postroom.api.PostroomException;

/** A library that Postroom leaves to those who use it is not on the class path. Says which artifact to add. */
public class MissingLibraryException extends PostroomException {
    private final String artifact;

    private MissingLibraryException(String user, String artifact, Throwable cause) {
        super(user + " needs a library that is not on the class path. Add " + artifact, cause);
        this.artifact = artifact;
    }

    /**
     * Refuses unless the class can be loaded where Postroom was.
     *
     * @param user who needs it, as the subject of a sentence
     * @param artifact {@code group:artifact}
     */
    public static void require(String user, String className, String artifact) {
        try {
            Class.forName(className, false, MissingLibraryException.class.getClassLoader());
        } catch (ClassNotFoundException | LinkageError e) {
            throw new MissingLibraryException(user, artifact, e);
        }
    }

    /** {@code group:artifact} of what to add. */
    public String artifact() {
        return artifact;
    }
}
