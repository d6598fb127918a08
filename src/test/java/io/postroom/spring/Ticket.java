package io.postroom.spring;

import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.Table;

/** A host's business row. */
@Entity
@Table(name = "ticket")
class Ticket {
    @Id
    private String number = "";

    protected Ticket() {}

    Ticket(String number) {
        this.number = number;
    }

    String number() {
        return number;
    }
}
