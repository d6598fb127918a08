/** What people ask in SQL: the views, {@code explain} and the ready-made queries of {@code db/audit}. */
@NullMarked
package io.postroom.audit;

import org.jspecify.annotations.NullMarked;
