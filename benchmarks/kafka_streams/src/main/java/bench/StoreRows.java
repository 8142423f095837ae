package bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** Kafka Streams: one thread, one RocksDB store with a changelog, one put an event. */
public final class StoreRows implements Processor<String, byte[], Void, Void> {
    private static final String STORE = "rows";
    private static final Meter METER = Meter.INSTANCE;
    private final ObjectMapper json = new ObjectMapper();
    private KeyValueStore<String, byte[]> store;

    @Override
    public void init(ProcessorContext<Void, Void> context) {
        store = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<String, byte[]> record) {
        METER.begin();
        try {
            JsonNode event = json.readTree(record.value());
            byte[] before = store.get(record.key());
            if (before == null || event.get("version").asLong() > json.readTree(before).get("version").asLong()) {
                ObjectNode row = json.createObjectNode();
                row.set("version", event.get("version"));
                row.set("last", event.get("data"));
                if (METER.openLoop) {
                    ChangelogAcks.folded(record.key(), due(record));
                }
                store.put(record.key(), json.writeValueAsBytes(row));
            } else if (METER.openLoop) {
                METER.done(0);
            }
        } catch (java.io.IOException error) {
            throw new java.io.UncheckedIOException(error);
        }
        if (!METER.openLoop) {
            METER.done(0);
        }
    }

    private static long due(Record<String, byte[]> record) {
        Header due = record.headers().lastHeader("due");
        return due == null ? 0 : ByteBuffer.wrap(due.value()).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    /** Runs until the meter ends the process. */
    public static void main(String[] args) {
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, METER.runId);
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, METER.kafka);
        config.put(StreamsConfig.STATE_DIR_CONFIG, METER.folder.resolve("data").toString());
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        config.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        config.put(StreamsConfig.producerPrefix(ProducerConfig.ACKS_CONFIG), "all");
        METER.settings.get("streams").fields().forEachRemaining(one -> config.put(one.getKey(), one.getValue().asText()));
        if (METER.openLoop) {
            config.put(
                    StreamsConfig.producerPrefix(ProducerConfig.INTERCEPTOR_CLASSES_CONFIG),
                    ChangelogAcks.class.getName());
        }
        StoreBuilder<KeyValueStore<String, byte[]>> rows = Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(STORE), Serdes.String(), Serdes.ByteArray());
        boolean caching = METER.settings.get("caching").asBoolean();
        Topology topology = new Topology()
                .addSource("events", Serdes.String().deserializer(), Serdes.ByteArray().deserializer(), METER.topic)
                .addProcessor("store_rows", StoreRows::new, "events")
                .addStateStore(caching ? rows.withCachingEnabled() : rows.withCachingDisabled(), "store_rows");
        new KafkaStreams(topology, config).start();
    }
}
