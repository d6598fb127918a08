package io.postroom.internal.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.postroom.internal.storage.JobStore;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** When ExpireMessages looks for messages in deleted queues: without a database. */
class ExpireTurnTest {
    private static final int BATCH = 500;

    /** Of each look whether it looked in DELAYED, too. */
    private final List<Boolean> looks = new ArrayList<>();

    private int left;
    private boolean isAway;

    private final ExpireMessages job = new ExpireMessages((JobStore) Proxy.newProxyInstance(
            JobStore.class.getClassLoader(), new Class<?>[] {JobStore.class}, (proxy, method, arguments) -> {
                if (method.getName().equals("expire")) {
                    return new JobStore.Expiry(null, null);
                }
                assertThat(method.getName()).isEqualTo("cancelDeleted");
                if (isAway) {
                    throw new IllegalStateException("away");
                }
                looks.add((Boolean) arguments[2]);
                int cancelled = Math.min(left, (Integer) arguments[1]);
                left -= cancelled;
                return cancelled;
            }));

    @Test
    void every_second_turn_looks_while_nothing_is_left() {
        turns(5);
        assertThat(looks).as("turns 0, 2 and 4").containsExactly(true, false, true);
    }

    @Test
    void next_turn_goes_on_where_a_turn_did_not_end() {
        left = 20 * BATCH + 1;
        turns(1);
        assertThat(looks).hasSize(20);
        assertThat(left).isOne();
        turns(1);
        assertThat(left).isZero();
        assertThat(looks).hasSize(21).last().isEqualTo(false);
        turns(2);
        assertThat(looks).as("and then turn 2 alone").hasSize(22);
    }

    @Test
    void next_turn_looks_after_one_that_failed() {
        isAway = true;
        assertThatThrownBy(job::run).hasMessage("away");
        isAway = false;
        turns(1);
        assertThat(looks).hasSize(1);
    }

    private void turns(int count) {
        for (int i = 0; i < count; i++) {
            job.run();
        }
    }
}
