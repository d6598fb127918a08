package io.postroom.api;

/** The exchange does not exist. Nothing was written. */
public class ExchangeNotFoundException extends PostroomException {
    private final String exchange;

    public ExchangeNotFoundException(String exchange) {
        super("exchange \"" + exchange + "\" does not exist. Declare it first: exchanges().declare(Exchange.topic(\""
                + exchange + "\")), or another kind");
        this.exchange = exchange;
    }

    public String exchange() {
        return exchange;
    }
}
