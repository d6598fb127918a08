package io.postroom.spring;

import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.aop.framework.AopProxyUtils;
import org.springframework.beans.factory.BeanNotOfRequiredTypeException;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.NoSuchBeanDefinitionException;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.AbstractPlatformTransactionManager;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.util.ReflectionUtils;

/**
 * The host's transaction manager that Postroom joins, and the data source that this manager works on.
 *
 * @param managerName bean name
 */
record HostDatabase(PlatformTransactionManager manager, String managerName, DataSource dataSource) {
    private static final String OWN_MANAGER = "postroom (its own, the host has none)";

    /**
     * Finds both. The manager is the one that the settings name, else the primary or only one. The data source is the manager's, else the
     * one that the settings name, else the primary or only one.
     */
    static HostDatabase of(ConfigurableListableBeanFactory beans, PostroomProperties properties) {
        PlatformTransactionManager manager = manager(beans, properties);
        if (manager == null) {
            DataSource dataSource = keyOf(dataSource(beans, properties));
            return new HostDatabase(new JdbcTransactionManager(dataSource), OWN_MANAGER, dataSource);
        }
        requireSynchronization(manager);
        String name = nameOf(beans, manager);
        DataSource managers = dataSourceOf(manager);
        if (managers == null) {
            managers = keyOf(dataSource(beans, properties));
        } else if (properties.datasource() != null) {
            requireSame(beans, properties.datasource(), managers, name);
        }
        return new HostDatabase(manager, name, managers);
    }

    /**
     * A home's data source, with the manager that works on it. Of several the one that the settings name, else the primary one; if no bean
     * does, a manager of its own.
     *
     * @param asked the manager that the settings name; null: none
     */
    static HostDatabase ofHome(ListableBeanFactory beans, String home, DataSource given, @Nullable String asked) {
        DataSource dataSource = keyOf(given);
        Map<String, PlatformTransactionManager> managers = new LinkedHashMap<>();
        for (String name : names(beans, PlatformTransactionManager.class)) {
            PlatformTransactionManager manager = beans.getBean(name, PlatformTransactionManager.class);
            DataSource its = dataSourceOf(manager);
            if (its != null && keyOf(its) == dataSource) {
                managers.put(name, manager);
            }
        }
        if (managers.isEmpty()) {
            return new HostDatabase(
                    new JdbcTransactionManager(dataSource), "postroom (of home \"" + home + "\")", dataSource);
        }
        String name = managers.size() == 1 ? managers.keySet().iterator().next() : oneOf(managers, beans, home, asked);
        PlatformTransactionManager manager = managers.get(name);
        requireSynchronization(manager);
        return new HostDatabase(manager, name, dataSource);
    }

    private static String oneOf(
            Map<String, PlatformTransactionManager> managers,
            ListableBeanFactory beans,
            String home,
            @Nullable String asked) {
        if (asked != null && managers.containsKey(asked)) {
            return asked;
        }
        PlatformTransactionManager primary =
                beans.getBeanProvider(PlatformTransactionManager.class).getIfUnique();
        return managers.keySet().stream()
                .filter(name -> managers.get(name) == primary)
                .findFirst()
                .orElseThrow(() -> new StartProblem(
                        "The messages of home \"" + home
                                + "\" join the transactions of one manager, and several work on its DataSource: "
                                + managers.keySet(),
                        "Set postroom.transaction-manager to one of them, or mark one @Primary"));
    }

    SpringTransactions transactions(ConfigurableListableBeanFactory beans) {
        return new SpringTransactions(
                manager,
                managerName,
                dataSource,
                () -> managersWithTransaction(beans),
                new LeftOpenTransactions(() -> managers(beans)));
    }

    /** All managers that were made, by name. A lazy one that no bean has asked for is not made for this. */
    private Map<String, PlatformTransactionManager> managers(ConfigurableListableBeanFactory beans) {
        Map<String, PlatformTransactionManager> managers = new LinkedHashMap<>();
        for (String name : names(beans, PlatformTransactionManager.class)) {
            if (beans.getSingleton(name) instanceof PlatformTransactionManager made) {
                managers.put(name, made);
            }
        }
        if (!managers.containsValue(manager)) {
            managers.put(managerName, manager);
        }
        return managers;
    }

    /**
     * The data source, if it can be found without making a JPA manager, which may itself wait for our schema; null if it cannot be found
     * yet.
     */
    static @Nullable DataSource early(ConfigurableListableBeanFactory beans, PostroomProperties properties) {
        if (names(beans, DataSource.class).size() == 1) {
            // Most hosts. The manager is not made here: it may have listeners that wait for our schema.
            return keyOf(dataSource(beans, properties));
        }
        String manager = managerName(beans, properties);
        if (manager != null && beans.isTypeMatch(manager, DataSourceTransactionManager.class)) {
            return of(beans, properties).dataSource();
        }
        return properties.datasource() == null ? null : keyOf(dataSource(beans, properties));
    }

    private static @Nullable PlatformTransactionManager manager(
            ConfigurableListableBeanFactory beans, PostroomProperties properties) {
        String asked = properties.transactionManager();
        if (asked != null) {
            try {
                return beans.getBean(asked, PlatformTransactionManager.class);
            } catch (NoSuchBeanDefinitionException | BeanNotOfRequiredTypeException unknown) {
                throw new StartProblem(
                        "postroom.transaction-manager is \"" + asked + "\", and there is no such transaction manager",
                        "Set it to one of " + names(beans, PlatformTransactionManager.class),
                        unknown);
            }
        }
        ObjectProvider<PlatformTransactionManager> provider = beans.getBeanProvider(PlatformTransactionManager.class);
        PlatformTransactionManager only = provider.getIfUnique();
        List<String> names = names(beans, PlatformTransactionManager.class);
        if (only == null && names.size() > 1) {
            throw new StartProblem(
                    "Postroom belongs to one transaction manager, and there are several: " + names,
                    "Set postroom.transaction-manager to one of them, or mark one @Primary");
        }
        return only;
    }

    /** The manager's name, found without making a bean; null without a manager, or if several could be meant. */
    private static @Nullable String managerName(ConfigurableListableBeanFactory beans, PostroomProperties properties) {
        if (properties.transactionManager() != null) {
            return beans.containsBean(properties.transactionManager()) ? properties.transactionManager() : null;
        }
        List<String> names = names(beans, PlatformTransactionManager.class);
        if (names.size() == 1) {
            return names.get(0);
        }
        List<String> primary = names.stream()
                .filter(name -> beans.containsBeanDefinition(name)
                        && beans.getMergedBeanDefinition(name).isPrimary())
                .toList();
        return primary.size() == 1 ? primary.get(0) : null;
    }

    private static DataSource dataSource(ConfigurableListableBeanFactory beans, PostroomProperties properties) {
        String asked = properties.datasource();
        if (asked != null) {
            return named(beans, "postroom.datasource", asked);
        }
        DataSource only = beans.getBeanProvider(DataSource.class).getIfUnique();
        if (only == null) {
            throw new StartProblem(
                    "Postroom needs to know its DataSource, and there are several: " + names(beans, DataSource.class),
                    "Set postroom.datasource to one of them, or mark one @Primary");
        }
        return only;
    }

    /** @param property the setting that names the data source, for the exception's text */
    static DataSource named(ListableBeanFactory beans, String property, String name) {
        try {
            return beans.getBean(name, DataSource.class);
        } catch (NoSuchBeanDefinitionException | BeanNotOfRequiredTypeException unknown) {
            throw new StartProblem(
                    property + " is \"" + name + "\", and there is no such DataSource",
                    "Set it to one of " + names(beans, DataSource.class),
                    unknown);
        }
    }

    /** Reads the getter that JDBC, JPA and Hibernate managers all have. Reflection makes spring-orm unnecessary. */
    private static @Nullable DataSource dataSourceOf(PlatformTransactionManager manager) {
        Object target = AopProxyUtils.getSingletonTarget(manager);
        Object real = target == null ? manager : target;
        Method getter = ReflectionUtils.findMethod(real.getClass(), "getDataSource");
        if (getter == null || !DataSource.class.isAssignableFrom(getter.getReturnType())) {
            return null;
        }
        ReflectionUtils.makeAccessible(getter);
        return (DataSource) ReflectionUtils.invokeMethod(getter, real);
    }

    /** The data source under which connections are bound: behind a {@link TransactionAwareDataSourceProxy}, its target. */
    private static DataSource keyOf(DataSource dataSource) {
        DataSource behind =
                dataSource instanceof TransactionAwareDataSourceProxy proxy ? proxy.getTargetDataSource() : dataSource;
        return behind == null ? dataSource : behind;
    }

    private static void requireSame(
            ConfigurableListableBeanFactory beans, String asked, DataSource managers, String managerName) {
        if (keyOf(named(beans, "postroom.datasource", asked)) != managers) {
            throw new StartProblem(
                    "postroom.datasource is \"" + asked + "\", but transaction manager \"" + managerName
                            + "\" works on another DataSource: messages would not commit with it",
                    "Set postroom.transaction-manager to the manager of \"" + asked
                            + "\", or leave postroom.datasource out");
        }
    }

    private static void requireSynchronization(PlatformTransactionManager manager) {
        if (manager instanceof AbstractPlatformTransactionManager known
                && known.getTransactionSynchronization() == AbstractPlatformTransactionManager.SYNCHRONIZATION_NEVER) {
            throw new StartProblem(
                    "the transaction manager has transaction synchronization switched off, "
                            + "so nobody can tell whether a transaction is open",
                    "Set its transactionSynchronization to SYNCHRONIZATION_ALWAYS, which is the default");
        }
    }

    private static String nameOf(ListableBeanFactory beans, PlatformTransactionManager manager) {
        return names(beans, PlatformTransactionManager.class).stream()
                .filter(name -> beans.getBean(name) == manager)
                .findFirst()
                .orElse("transactionManager");
    }

    private static String managersWithTransaction(ListableBeanFactory beans) {
        List<String> found = names(beans, PlatformTransactionManager.class).stream()
                .filter(name ->
                        SpringTransactions.hasTransaction(beans.getBean(name, PlatformTransactionManager.class)))
                .map(name -> "\"" + name + "\"")
                .toList();
        if (!found.isEmpty()) {
            return "transaction manager " + String.join(" and ", found);
        }
        String name = TransactionSynchronizationManager.getCurrentTransactionName();
        return "a transaction manager that is no bean" + (name == null ? "" : " (transaction " + name + ")");
    }

    private static List<String> names(ListableBeanFactory beans, Class<?> type) {
        return Arrays.asList(beans.getBeanNamesForType(type, true, false));
    }
}
