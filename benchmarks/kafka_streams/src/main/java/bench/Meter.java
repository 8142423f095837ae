package bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The same task and the same report as benchmarks/engines/meter.py. */
final class Meter {
    private static final int MARKS = 20;
    private static final OperatingSystemMXBean PROCESS =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    static final Meter INSTANCE = new Meter();

    final String kafka;
    final String topic;
    final String runId;
    final boolean openLoop;
    final JsonNode settings;
    final Path folder;
    private final long events;
    private final List<double[]> marks = new ArrayList<>();
    private long count;
    private long nextMark;
    private long[] stamps = new long[1 << 16];
    private int stamped;

    private Meter() {
        try {
            JsonNode task = new ObjectMapper().readTree(System.getenv("BENCH_TASK"));
            kafka = task.get("kafka").asText();
            topic = task.get("topic").asText();
            runId = task.get("run_id").asText();
            openLoop = task.get("open_loop").asBoolean();
            settings = task.get("settings");
            folder = Path.of(task.get("folder").asText());
            events = task.get("events").asLong();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static long now() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000_000L + now.getNano();
    }

    synchronized void begin() {
        if (marks.isEmpty()) {
            mark();
        }
    }

    /** One more event is done; due is 0 when it has no due time. */
    synchronized void done(long due) {
        if (openLoop) {
            if (due != 0) {
                if (stamped + 2 > stamps.length) {
                    stamps = Arrays.copyOf(stamps, 2 * stamps.length);
                }
                stamps[stamped++] = due;
                stamps[stamped++] = now() - due;
            }
            if (count == 0) {
                write(folder.resolve("started"), new byte[0]);
            }
        }
        count++;
        if (count >= nextMark) {
            mark();
        }
        if (count >= events) {
            report();
        }
    }

    private void mark() {
        marks.add(new double[] {count, System.nanoTime() / 1e9, PROCESS.getProcessCpuTime() / 1e9});
        nextMark = Math.min(count + events / MARKS, events);
    }

    private void report() {
        ByteBuffer bytes = ByteBuffer.allocate(8 * stamped).order(ByteOrder.nativeOrder());
        for (int i = 0; i < stamped; i++) {
            bytes.putLong(stamps[i]);
        }
        write(folder.resolve("stamps"), bytes.array());
        StringBuilder json = new StringBuilder("{\"events\": " + count + ", \"cycles\": " + count + ", \"marks\": [");
        for (int i = 0; i < marks.size(); i++) {
            double[] mark = marks.get(i);
            json.append(i == 0 ? "" : ", ").append(String.format("[%d, %.6f, %.6f]", (long) mark[0], mark[1], mark[2]));
        }
        write(folder.resolve("report.part"), json.append("]}").toString().getBytes());
        try {
            Files.move(folder.resolve("report.part"), folder.resolve("report.json"), StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        // Everything that is measured is over; an orderly end would only take time.
        Runtime.getRuntime().halt(0);
    }

    private static void write(Path file, byte[] content) {
        try {
            Files.write(file, content);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
