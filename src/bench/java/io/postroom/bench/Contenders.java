package io.postroom.bench;

import java.util.ArrayList;
import java.util.List;

/** Who is measured, in the order of the tables. */
final class Contenders {
    private Contenders() {}

    static Contender rawTx() {
        return new RawTx();
    }

    static Contender rawLease() {
        return new RawLease();
    }

    static Contender postroom() {
        return new PostroomContender();
    }

    /** The libraries from Maven Central, each set up for speed as its documentation says. */
    static List<Contender> peers() {
        return Peers.all();
    }

    static List<Contender> all() {
        List<Contender> all = new ArrayList<>(List.of(rawTx(), rawLease(), postroom()));
        all.addAll(peers());
        return all;
    }
}
