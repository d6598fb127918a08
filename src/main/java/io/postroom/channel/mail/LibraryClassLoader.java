package io.postroom.channel.mail;

import jakarta.mail.Session;

/**
 * Makes the mail library's class loader the context class loader of the thread, until closed. The library loads its parts (streams, writers
 * of multiparts) by the context class loader, which on a host's thread may find none of them.
 */
final class LibraryClassLoader implements AutoCloseable {
    private final Thread thread = Thread.currentThread();
    private final ClassLoader before = thread.getContextClassLoader();

    LibraryClassLoader() {
        thread.setContextClassLoader(Session.class.getClassLoader());
    }

    @Override
    public void close() {
        thread.setContextClassLoader(before);
    }
}
