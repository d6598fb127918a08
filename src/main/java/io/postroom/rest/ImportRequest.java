package io.postroom.rest;

import io.postroom.api.ImportOptions;
import io.postroom.api.InvalidMessageException;
import io.postroom.api.Reason;
import java.util.List;
import java.util.Optional;

/** The options of an import as a request or a command line names them. */
public final class ImportRequest {
    private ImportRequest() {}

    /**
     * @param renames names of the file and ours, each as {@code old=new}
     * @throws InvalidMessageException a rename is not two names
     */
    public static ImportOptions options(
            boolean dryRun, Optional<String> virtualHost, List<String> renames, Optional<Reason> reason) {
        ImportOptions options = dryRun ? ImportOptions.defaults().asDryRun() : ImportOptions.defaults();
        if (virtualHost.isPresent()) {
            options = options.virtualHost(virtualHost.get());
        }
        if (reason.isPresent()) {
            options = options.because(reason.get());
        }
        for (String rename : renames) {
            int sign = rename.lastIndexOf('=');
            if (sign < 1) {
                throw new InvalidMessageException("rename", "two names as old=new", rename);
            }
            options = options.rename(rename.substring(0, sign), rename.substring(sign + 1));
        }
        return options;
    }
}
