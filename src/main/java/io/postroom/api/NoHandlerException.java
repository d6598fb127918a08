package io.postroom.api;

/** {@code sendMessageSync} found no handler for the message in this process. Nothing was written. */
public class NoHandlerException extends PostroomException {
    public NoHandlerException(String queue, String type, int version) {
        super("no handler in this process takes type \"" + type + "\" version " + version + " from queue \"" + queue
                + "\". Register one, or use createMessage and let the process that has it do the work");
    }
}
