package io.postroom.spring;

import io.postroom.Postroom;
import io.postroom.api.SettingsCheck;
import io.postroom.handler.MessageInterceptor;
import io.postroom.handler.PayloadCodec;
import io.postroom.handler.PayloadUpcaster;
import io.postroom.handler.PostroomListener;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.thread.Threading;
import org.springframework.core.env.Environment;

/** The host's beans and properties that each engine gets, whether there is one or one for each home. */
final class EngineBeans {
    private final PostroomProperties properties;
    private final Environment environment;
    private final ObjectProvider<PayloadCodec> codec;
    private final ObjectProvider<PayloadUpcaster> upcasters;
    private final ObjectProvider<MessageInterceptor> interceptors;
    private final ObjectProvider<PostroomListener> listeners;
    private final ObjectProvider<SettingsCheck> checks;

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
        this.codec = codec;
        this.upcasters = upcasters;
        this.interceptors = interceptors;
        this.listeners = listeners;
        this.checks = checks;
    }

    void addTo(Postroom.Builder builder) {
        builder.workers(properties.workers().enabled())
                .killSignals(properties.killSignals())
                .strictDeclarations(properties.strictDeclarations())
                .listener(new LazyListeners(listeners))
                .secretProperties(environment::getProperty);
        builder.settings(PostroomAutoConfiguration.settings(
                builder.settings(), properties, Threading.VIRTUAL.isActive(environment)));
        codec.ifAvailable(builder::codec); // several are refused: a queue has one form of payloads
        upcasters.orderedStream().forEach(builder::upcaster);
        interceptors.orderedStream().forEach(builder::interceptor);
        checks.orderedStream().forEach(builder::settingsCheck);
        SettingsProperties.declared(environment).forEach(builder::settingsEntry);
    }
}
