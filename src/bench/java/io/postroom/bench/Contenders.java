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

    /** From Maven Central, each as its documentation would have it for speed. */
    static List<Contender> peers() {
        return Peers.all();
    }

    static List<Contender> all() {
        List<Contender> all = new ArrayList<>(List.of(rawTx(), rawLease(), postroom()));
        all.addAll(peers());
        return all;
    }
}
