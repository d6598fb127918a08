package io.postroom.internal.producer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class EndActionsTest {
    private final List<String> ran = new ArrayList<>();
    private final EndActions actions = new EndActions();

    @Test
    void commit_and_rollback_run_their_own_actions_only() {
        actions.afterCommit(() -> ran.add("commit"));
        actions.afterRollback(() -> ran.add("rollback"));

        actions.run(true);
        assertThat(ran).containsExactly("commit");

        actions.run(false);
        assertThat(ran).containsExactly("commit", "rollback");
    }

    @Test
    void action_that_throws_does_not_keep_the_next_one_from_running() {
        actions.afterCommit(() -> {
            throw new IllegalStateException("thrown on purpose");
        });
        actions.afterCommit(() -> ran.add("next"));

        actions.run(true);

        assertThat(ran).containsExactly("next");
    }

    @Test
    void actions_of_a_nested_transaction_run_at_the_outer_ones_end() {
        EndActions nested = new EndActions();
        actions.afterCommit(() -> ran.add("outer"));
        nested.afterCommit(() -> ran.add("nested"));

        actions.takeOver(nested);
        nested.run(true);
        assertThat(ran).isEmpty();

        actions.run(true);
        assertThat(ran).containsExactly("outer", "nested");
    }
}
