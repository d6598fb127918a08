/** What the finished jars hold. Classes named {@code *IT} run after {@code package}, in {@code ./mvnw verify}. */
@NullMarked
package io.postroom.jar;

import org.jspecify.annotations.NullMarked;
