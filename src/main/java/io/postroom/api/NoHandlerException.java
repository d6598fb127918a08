package io.postroom.api;

/** No handler of this process takes the message that {@code sendMessageSync} was to send. Nothing was written. */
public class NoHandlerException extends PostroomException {
    public NoHandlerException(String queue, String type, int version) {
        super("no handler in this process takes type \"" + type + "\" version " + version + " from queue \"" + queue
                + "\". Register one, or use createMessage and let the process that has it do the work");
    }
}
