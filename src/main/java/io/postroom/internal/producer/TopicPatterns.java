package io.postroom.internal.producer;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The patterns of a topic exchange, as a tree of their words: a key is compared with all of them at once. Words lie between dots, and an
 * empty text has no word. {@code *} stands for exactly one word, {@code #} for any number of words. These are the rules of
 * {@code postroom.topic_matches}.
 *
 * <p>Fill it on one thread; then it may be read by many.
 *
 * @param <T> what a pattern stands for
 */
final class TopicPatterns<T> {
    private final Node<T> root = new Node<>(false);

    void add(String pattern, T value) {
        Node<T> node = root;
        for (String word : words(pattern)) {
            node = node.child(word);
        }
        node.values.add(value);
    }

    /**
     * Collects what the patterns stand for that match this key. Walks over the words once, with the set of all nodes that the words so far
     * lead to. So the time is at most the words times the nodes, whatever the patterns.
     */
    List<T> matching(String key) {
        Set<Node<T>> reached = new LinkedHashSet<>();
        root.enter(reached);
        for (String word : words(key)) {
            Set<Node<T>> next = new LinkedHashSet<>();
            for (Node<T> node : reached) {
                node.step(word, next);
            }
            if (next.isEmpty()) {
                return List.of();
            }
            reached = next;
        }
        List<T> matching = new ArrayList<>();
        reached.forEach(node -> matching.addAll(node.values));
        return matching;
    }

    private static String[] words(String text) {
        return text.isEmpty() ? new String[0] : text.split("\\.", -1);
    }

    /** The end of the same first words of some patterns. */
    private static final class Node<T> {
        /** Whether its last word is {@code #}, which takes further words. */
        private final boolean isOpen;

        private final Map<String, Node<T>> children = new HashMap<>(2);
        private final List<T> values = new ArrayList<>(1);
        private @Nullable Node<T> anyWord;
        private @Nullable Node<T> anyWords;

        Node(boolean isOpen) {
            this.isOpen = isOpen;
        }

        Node<T> child(String word) {
            if (word.equals("*")) {
                anyWord = anyWord == null ? new Node<>(false) : anyWord;
                return anyWord;
            } else if (word.equals("#")) {
                anyWords = anyWords == null ? new Node<>(true) : anyWords;
                return anyWords;
            }
            return children.computeIfAbsent(word, any -> new Node<>(false));
        }

        /** Adds this node and those that it leads to without a word: {@code #} may stand for none. */
        void enter(Set<Node<T>> reached) {
            if (reached.add(this) && anyWords != null) {
                anyWords.enter(reached);
            }
        }

        void step(String word, Set<Node<T>> next) {
            if (isOpen) {
                enter(next);
            }
            Node<T> named = children.get(word);
            if (named != null) {
                named.enter(next);
            }
            if (anyWord != null) {
                anyWord.enter(next);
            }
        }
    }
}
