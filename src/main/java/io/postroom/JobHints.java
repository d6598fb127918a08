package io.postroom;

/**
 * Hurries the jobs that have something to do now.
 *
 * @param dueSoon a delayed message was written
 * @param redrivePlanned a bulk redrive was put on record
 */
record JobHints(Runnable dueSoon, Runnable redrivePlanned) {}
