package bench;

import java.util.ArrayDeque;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.kafka.clients.producer.ProducerInterceptor;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** In an open-loop run: an event is done when the changelog record that holds its effect is acknowledged. */
public final class ChangelogAcks implements ProducerInterceptor<byte[], byte[]> {
    private static final Map<String, Queue<Long>> WAITING = new ConcurrentHashMap<>();
    private static final Map<Integer, Queue<List<Long>>> SENT = new ConcurrentHashMap<>();

    /** The event of a key was folded; its update is not sent yet. */
    static void folded(String key, long due) {
        WAITING.computeIfAbsent(key, ignored -> new ConcurrentLinkedQueue<>()).add(due);
    }

    @Override
    public ProducerRecord<byte[], byte[]> onSend(ProducerRecord<byte[], byte[]> record) {
        if (record.topic().endsWith("-changelog")) {
            Queue<Long> dues = WAITING.remove(new String(record.key()));
            SENT.computeIfAbsent(record.partition(), ignored -> new ConcurrentLinkedQueue<>())
                    .add(dues == null ? Collections.emptyList() : List.copyOf(dues));
        }
        return record;
    }

    @Override
    public void onAcknowledgement(RecordMetadata metadata, Exception error) {
        if (metadata.topic().endsWith("-changelog")) {
            // A partition is acknowledged in the order in which it was sent.
            for (long due : SENT.getOrDefault(metadata.partition(), new ArrayDeque<>()).remove()) {
                Meter.INSTANCE.done(due);
            }
        }
    }

    @Override
    public void close() {}

    @Override
    public void configure(Map<String, ?> configs) {}
}
