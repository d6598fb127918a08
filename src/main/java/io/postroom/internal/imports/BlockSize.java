package io.postroom.internal.imports;

/**
 * How many lines the next block has. A queue that refuses may be shorter than a block, and would never have room for a whole one; so a
 * refused block is halved, down to one line, and each block that went in lets the next one be twice as long. One thread may use it.
 */
final class BlockSize {
    private static final int MOST = 1000;

    private int lines = MOST;

    int lines() {
        return lines;
    }

    /** @param refused how many lines the block had */
    void refused(int refused) {
        lines = Math.max(1, refused / 2);
    }

    /** @param written how many lines the block had; one that was short for another reason says nothing */
    void written(int written) {
        if (written >= lines) {
            lines = Math.min(MOST, lines * 2);
        }
    }
}
