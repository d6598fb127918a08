package io.postroom.homes;

import io.postroom.api.StoreException;
import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A home cannot be reached, or is not in use here, and the call needs it. The text names it and says why; {@link #homes()} names it for
 * programs. As with any {@link StoreException.Kind#UNAVAILABLE}, whether a commit under way took place is not known.
 */
public class HomeDownException extends StoreException {
    private final List<String> homes;
    private final String because;

    /** @param because why it gives no answer, as a sentence */
    HomeDownException(String home, String because, Throwable cause) {
        super(
                "home \"" + home + "\" is down: " + because,
                Kind.UNAVAILABLE,
                cause instanceof StoreException store ? store.state() : "",
                cause);
        this.homes = List.of(home);
        this.because = because;
    }

    /**
     * @param doing what needs them, as in "list messages"
     * @param down at least one
     */
    HomeDownException(String doing, Collection<HomeDownException> down) {
        super(
                "could not " + doing + ": "
                        + down.stream().map(Throwable::getMessage).sorted().collect(Collectors.joining("; ")),
                Kind.UNAVAILABLE,
                down.iterator().next().state(),
                down.iterator().next());
        this.homes = down.stream().flatMap(one -> one.homes.stream()).sorted().toList();
        this.because = String.valueOf(getMessage());
    }

    /** Why the home gives no answer, without its name. */
    String because() {
        return because;
    }

    /** The names of the homes that gave no answer, in order; at least one. */
    public List<String> homes() {
        return homes;
    }
}
