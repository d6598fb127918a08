package io.postroom.architecture;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaType;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.Arrays;
import java.util.stream.Stream;

/** What a host can see of a type: its superclass, its interfaces and the signatures of its public and protected members. */
final class PublicSignatures {
    private PublicSignatures() {}

    static ArchCondition<JavaClass> nameNoInternalType() {
        return nameNothingOf("io.postroom.internal");
    }

    /** @param packages with all packages below them */
    static ArchCondition<JavaClass> nameNothingOf(String... packages) {
        return new ArchCondition<>("name nothing of " + Arrays.toString(packages) + " in a public signature") {
            @Override
            public void check(JavaClass type, ConditionEvents events) {
                Stream.concat(type.getSuperclass().stream(), type.getInterfaces().stream())
                        .filter(seen -> isOf(packages, seen))
                        .forEach(seen -> events.add(SimpleConditionEvent.violated(
                                type, type.getName() + " extends or implements " + seen.getName())));
                type.getMembers().stream()
                        .filter(PublicSignatures::isSeenByHosts)
                        .forEach(member -> typesOf(member)
                                .filter(seen -> isOf(packages, seen))
                                .forEach(seen -> events.add(SimpleConditionEvent.violated(
                                        member, member.getFullName() + " names " + seen.getName()))));
            }
        };
    }

    private static boolean isSeenByHosts(JavaMember member) {
        return member.getModifiers().contains(JavaModifier.PUBLIC)
                || member.getModifiers().contains(JavaModifier.PROTECTED);
    }

    private static Stream<JavaType> typesOf(JavaMember member) {
        if (member instanceof JavaField field) {
            return Stream.of(field.getType());
        }
        JavaCodeUnit code = (JavaCodeUnit) member;
        return Stream.of(
                        Stream.of(code.getReturnType()),
                        code.getParameterTypes().stream(),
                        code.getExceptionTypes().stream())
                .flatMap(types -> types);
    }

    private static boolean isOf(String[] packages, JavaType type) {
        return type.getAllInvolvedRawTypes().stream()
                .map(raw -> raw.getBaseComponentType().getPackageName())
                .anyMatch(name -> Arrays.stream(packages)
                        .anyMatch(unwanted -> name.equals(unwanted) || name.startsWith(unwanted + ".")));
    }
}
