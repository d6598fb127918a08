/**
 * Files that appear whole or not at all. {@link io.postroom.internal.files.WholeFiles} writes a file under another name, forces it to disk
 * and renames it; whoever writes files for other programs uses it: the mail channel without a server, the outbox, and what an import says
 * about bad files.
 *
 * <p>This package knows nothing of messages, queues or databases. The file system's clock decides which temporary files are old.
 */
@NullMarked
package io.postroom.internal.files;

import org.jspecify.annotations.NullMarked;
