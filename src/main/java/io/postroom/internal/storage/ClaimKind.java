package io.postroom.internal.storage;

/** What a claim takes. */
public enum ClaimKind {
    /** Messages that are no suspects. */
    ORDINARY(0),
    /** One suspect that one more crash would not make a dead letter. */
    SUSPECT(1),
    /** One suspect that one more crash would make a dead letter. */
    LAST_CREDIT(2);

    private final int code;

    ClaimKind(int code) {
        this.code = code;
    }

    /** Returns the number that stands for it in the claim's function. */
    public int code() {
        return code;
    }
}
