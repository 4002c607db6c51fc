// A timeline of a pipeline: two producers, a pool that compresses what they make, and a writer behind a queue. The file
// is for ui.perfetto.dev, or chrome://tracing: each thread has a row, with what it waits for and on whom; arrows lead from
// a submit to its task, and from a release to the thread that it woke. Without a line of code, for a program as it is:
// LOWTHREAD_INSIGHT=trace:FILE.
#include <lowthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PRODUCERS = 2, BLOCKS = 8, COMPRESSORS = 2, ROOM = 2 };

static lt_queue *compressed; // Between the pool and the writer.
static lt_pool *pool;
static lt_lock *statistics;
static int blocks, bytes, written;

static void check(lt_status status) {
    if (status == LT_OK) return;
    fprintf(stderr, "%s: %s\n", lt_status_name(status), lt_last_error());
    exit(EXIT_FAILURE);
}

static void *compress(void *block) {
    check(lt_sleep(0.002)); // It takes its time.
    LT_WITH_LOCK(statistics) {
        blocks++;
        bytes += 4096;
        check(lt_sleep(0.0005)); // Too much under a lock: the other compressor waits for it.
    }
    check(lt_queue_put(compressed, block));
    return NULL;
}

static void produce(void *arg) {
    char *block = arg;
    for (int i = 0; i < BLOCKS; i++) {
        lt_trace_begin("read a block"); // What the program itself has to say.
        check(lt_sleep(0.001));
        lt_trace_end();
        check(lt_pool_submit(pool, compress, block + i, NULL));
    }
}

static void write_all(void *unused) {
    void *block;
    (void)unused;
    while (lt_queue_get(compressed, &block) == LT_OK) {
        lt_trace_begin("write a block");
        check(lt_sleep(0.0015));
        lt_trace_end();
        written++;
    }
}

// Whether a line of the file has both.
static bool has(const char *file, const char *part, const char *other) {
    char line[512];
    bool found = false;
    FILE *trace = fopen(file, "r");
    while (trace != NULL && !found && fgets(line, sizeof line, trace) != NULL)
        found = strstr(line, part) != NULL && strstr(line, other) != NULL;
    if (trace != NULL) fclose(trace);
    return found;
}

int main(int argc, char **argv) {
    const char *file = argc > 1 ? argv[1] : "trace-of-the-example.json";
    static char data[PRODUCERS][BLOCKS];
    lt_thread *producers[PRODUCERS], *writer;
    lt_thread_options options = {.size = sizeof options, .name = "producer"};
    check(lt_trace_start(file));
    compressed = lt_queue_new(ROOM);
    pool = lt_pool_new(COMPRESSORS, "compressor");
    statistics = lt_allocate_lock();
    check(lt_set_name(compressed, "compressed"));
    check(lt_set_name(pool, "compressors"));
    check(lt_set_name(statistics, "statistics"));
    for (int i = 0; i < PRODUCERS; i++) check(lt_thread_start(produce, data[i], &options, &producers[i]));
    options.name = "writer";
    check(lt_thread_start(write_all, NULL, &options, &writer));
    for (int i = 0; i < PRODUCERS; i++) check(lt_thread_join(producers[i]));
    check(lt_pool_shutdown(pool, true, false));
    check(lt_queue_close(compressed, false));
    check(lt_thread_join(writer));
    check(lt_trace_stop());
    // Whether somebody had to wait at the queue, too, depends on the machine.
    bool whole = has(file, "\"wait\"", "\"sleep\"") && has(file, "\"task\"", "compress") &&
                 has(file, "\"span\"", "read a block") && has(file, "\"held\"", "statistics") && has(file, "\"lost\":0", "");
    if (argc < 2) remove(file);
    printf("%d blocks of %d bytes in all, %d written\n", blocks, bytes, written);
    return whole && written == PRODUCERS * BLOCKS ? EXIT_SUCCESS : EXIT_FAILURE;
}
