package io.postroom.testing;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Gives the test class, its nested classes included, a PostgreSQL database of its own, which is dropped after it.
 *
 * <p>Constructors and methods of the class get it as a {@link TestDatabase} parameter, or as a {@link javax.sql.DataSource}
 * parameter: one small pool for the whole class.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@Documented
@ExtendWith(PostgresExtension.class)
public @interface PostgresTest {
    /** Whether our migrations have run in the database; if not, it is empty. */
    boolean migrated() default true;
}
