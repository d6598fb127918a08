package io.postroom.api;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The stable name and version under which a payload is stored. The class name is never stored, so that classes can be renamed and moved
 * while messages wait. A handler takes its type's versions up to its own. A class without the annotation has that of its nearest superclass
 * or interface: see {@link MessageTypes}.
 */
@Documented
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
public @interface MessageType {
    /** The name: 1 to 127 of {@code A-Z a-z 0-9 . _ : -}, first a letter or digit. */
    String value();

    /** The version: 1 to 32767, default 1. */
    int version() default 1;
}
