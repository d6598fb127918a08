package io.postroom.internal.mailboxes;

/** Says why a mailbox cannot be read now, as a sentence for people without the password. */
final class MailboxException extends Exception {
    private static final long serialVersionUID = 1;

    private final boolean isLogin;

    MailboxException(String text, boolean isLogin, Throwable cause) {
        super(text, cause);
        this.isLogin = isLogin;
    }

    /** Whether the server refused user or password. Many servers lock a user out who tries that often. */
    boolean isLogin() {
        return isLogin;
    }
}
