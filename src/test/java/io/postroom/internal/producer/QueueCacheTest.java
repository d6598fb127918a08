package io.postroom.internal.producer;

import static org.assertj.core.api.Assertions.assertThat;

import io.postroom.internal.storage.QueueRow;
import io.postroom.internal.storage.QueueStore;
import java.lang.reflect.Proxy;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class QueueCacheTest {
    @Test
    void names_of_queues_do_not_fill_the_memory() {
        QueueStore store = (QueueStore) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {QueueStore.class}, (proxy, method, arguments) -> {
                    String name = (String) arguments[0];
                    return Optional.of(new QueueRow(name.hashCode(), name, null, false, false, false));
                });
        QueueCache cache = new QueueCache(store, true);
        for (int i = 0; i < 2 * QueueCache.MOST_REMEMBERED + 1; i++) {
            assertThat(cache.get("q" + i).name()).isEqualTo("q" + i);
            assertThat(cache.remembered()).isLessThanOrEqualTo(QueueCache.MOST_REMEMBERED);
        }
    }
}
