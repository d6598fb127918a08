package io.postroom.spring;

import io.postroom.SchemaMode;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.InitializingBean;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.sql.init.dependency.DatabaseInitializerDetector;

/**
 * Makes the schema ready, before other beans use the database if the data source can be found so early. Entity managers, {@code
 * JdbcTemplate}s and the host's own migrations wait for it, so that they may use its tables and functions. It is a bean apart from {@code
 * Postroom}, because {@code Postroom} itself waits for a JPA transaction manager.
 */
final class SchemaInitializer implements InitializingBean {
    static final String BEAN_NAME = "postroomSchemaInitializer";

    private final ConfigurableListableBeanFactory beans;
    private final PostroomProperties properties;
    private @Nullable DataSource ready;

    SchemaInitializer(ConfigurableListableBeanFactory beans, PostroomProperties properties) {
        this.beans = beans;
        this.properties = properties;
    }

    @Override
    public void afterPropertiesSet() {
        DataSource early = HostDatabase.early(beans, properties);
        if (early != null) {
            prepare(early);
        }
    }

    /** The work that is left to do on this data source. */
    SchemaMode modeLeft(DataSource dataSource) {
        return dataSource == ready ? SchemaMode.NONE : properties.schema().mode();
    }

    private void prepare(DataSource dataSource) {
        properties.schema().mode().prepare(dataSource);
        ready = dataSource;
    }

    /** Tells Spring Boot that this bean makes a database ready. */
    static final class Detector implements DatabaseInitializerDetector {
        @Override
        public java.util.Set<String> detect(ConfigurableListableBeanFactory beans) {
            return beans.containsBeanDefinition(BEAN_NAME) ? java.util.Set.of(BEAN_NAME) : java.util.Set.of();
        }

        /** First, before the host's migrations, which may call {@code postroom.create_message}. */
        @Override
        public int getOrder() {
            return HIGHEST_PRECEDENCE;
        }
    }
}
