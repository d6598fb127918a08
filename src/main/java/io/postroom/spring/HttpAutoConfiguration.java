package io.postroom.spring;

import io.postroom.channel.http.HttpSender;
import io.postroom.handler.PayloadCodec;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;

/** Sets up the HTTP sender if the host has httpclient5. It opens no connection before its first call. */
@AutoConfiguration(beforeName = "io.postroom.spring.PostroomAutoConfiguration")
@ConditionalOnBooleanProperty(name = "postroom.enabled", matchIfMissing = true)
@ConditionalOnClass(name = "org.apache.hc.client5.http.impl.classic.CloseableHttpClient")
@EnableConfigurationProperties(HttpProperties.class)
class HttpAutoConfiguration {
    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    HttpSender postroomHttpSender(HttpProperties properties, ObjectProvider<PayloadCodec> codec) {
        return properties.open(codec.getIfUnique());
    }
}
