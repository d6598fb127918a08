package io.postroom.example;

/** The mail provider of the README's host. */
public interface MailProvider {
    void mail(String customer, String text);
}
