package io.postroom.spring;

import io.postroom.Postroom;
import io.postroom.api.SettingsCheck;
import io.postroom.handler.MessageInterceptor;
import io.postroom.handler.PayloadCodec;
import io.postroom.handler.PayloadUpcaster;
import io.postroom.handler.PostroomListener;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.thread.Threading;
import org.springframework.core.env.Environment;

/**
 * The host's beans and properties that each engine gets, whether there is one or one for each home. Beans are asked for by the thread that
 * makes this: homes start on threads of their own, which would wait for a lock that their maker holds while it waits for them.
 */
final class EngineBeans {
    private final PostroomProperties properties;
    private final Environment environment;
    private final @Nullable PayloadCodec codec;
    private final List<PayloadUpcaster> upcasters;
    private final List<MessageInterceptor> interceptors;
    private final ObjectProvider<PostroomListener> listeners;
    private final List<SettingsCheck> checks;

    EngineBeans(
            PostroomProperties properties,
            Environment environment,
            ObjectProvider<PayloadCodec> codec,
            ObjectProvider<PayloadUpcaster> upcasters,
            ObjectProvider<MessageInterceptor> interceptors,
            ObjectProvider<PostroomListener> listeners,
            ObjectProvider<SettingsCheck> checks) {
        this.properties = properties;
        this.environment = environment;
        this.codec = codec.getIfAvailable(); // several are refused: a queue has one form of payloads
        this.upcasters = upcasters.orderedStream().toList();
        this.interceptors = interceptors.orderedStream().toList();
        this.listeners = listeners;
        this.checks = checks.orderedStream().toList();
    }

    void addTo(Postroom.Builder builder) {
        builder.workers(properties.workers().enabled())
                .killSignals(properties.killSignals())
                .strictDeclarations(properties.strictDeclarations())
                .listener(new LazyListeners(listeners))
                .secretProperties(environment::getProperty);
        builder.settings(PostroomAutoConfiguration.settings(
                builder.settings(), properties, Threading.VIRTUAL.isActive(environment)));
        if (codec != null) {
            builder.codec(codec);
        }
        upcasters.forEach(builder::upcaster);
        interceptors.forEach(builder::interceptor);
        checks.forEach(builder::settingsCheck);
        SettingsProperties.declared(environment).forEach(builder::settingsEntry);
    }
}
