package io.postroom.testing;

import javax.sql.DataSource;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ExtensionContext.Store;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;

/** What {@link PostgresTest} does. The database is made when the first parameter asks for it. */
final class PostgresExtension implements ParameterResolver {
    private static final Namespace NAMESPACE = Namespace.create(PostgresExtension.class);

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        Class<?> type = parameter.getParameter().getType();
        return type == TestDatabase.class || type == DataSource.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        TestDatabase database = databaseOf(context);
        return parameter.getParameter().getType() == TestDatabase.class ? database : database.pool();
    }

    private static TestDatabase databaseOf(ExtensionContext context) {
        // The outermost class: its store lives as long as its tests, and JUnit closes what is in it.
        ExtensionContext owner = context;
        while (owner.getParent().flatMap(ExtensionContext::getTestClass).isPresent()) {
            owner = owner.getParent().get();
        }
        Class<?> testClass = owner.getRequiredTestClass();
        Store store = owner.getStore(NAMESPACE);
        return store.computeIfAbsent(
                TestDatabase.class,
                key -> {
                    boolean migrated = AnnotationSupport.findAnnotation(testClass, PostgresTest.class)
                            .map(PostgresTest::migrated)
                            .orElse(true);
                    return TestServer.get().createDatabase(testClass.getSimpleName(), migrated);
                },
                TestDatabase.class);
    }
}
