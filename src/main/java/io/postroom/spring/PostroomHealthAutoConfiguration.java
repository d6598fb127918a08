package io.postroom.spring;

import io.postroom.Postroom;
import io.postroom.homes.DefaultPostroomHomes;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.health.autoconfigure.contributor.ConditionalOnEnabledHealthIndicator;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.context.annotation.Bean;

/** Adds the health component {@code postroom} to a host that has health components. */
@AutoConfiguration(
        after = {PostroomAutoConfiguration.class, HomesAutoConfiguration.class},
        beforeName = "org.springframework.boot.health.autoconfigure.contributor.HealthContributorAutoConfiguration")
@ConditionalOnClass({HealthIndicator.class, ConditionalOnEnabledHealthIndicator.class})
@ConditionalOnEnabledHealthIndicator("postroom")
@EnableConfigurationProperties(PostroomProperties.class)
class PostroomHealthAutoConfiguration {
    @Bean
    @ConditionalOnBean(Postroom.class)
    @ConditionalOnMissingBean(name = "postroomHealthIndicator")
    PostroomHealthIndicator postroomHealthIndicator(Postroom postroom, PostroomProperties properties) {
        return new PostroomHealthIndicator(postroom, properties.health());
    }

    @Bean("postroomHealthIndicator")
    @ConditionalOnBean(DefaultPostroomHomes.class)
    @ConditionalOnMissingBean(name = "postroomHealthIndicator")
    HomesHealthIndicator postroomHomesHealthIndicator(DefaultPostroomHomes homes, PostroomProperties properties) {
        return new HomesHealthIndicator(homes, properties.health());
    }
}
