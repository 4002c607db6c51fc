/*
 * Writing in the background: the program puts lines into a bounded queue, one thread writes them, as
 * many at a time as there are. When the disk is slow, the queue fills and the program waits: memory
 * stays bounded. When the disk fails, the writer closes the queue, and the program learns why.
 */
#include <lowthread.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 1000, AHEAD = 16 };

struct writer {
    lt_queue *lines; // Of strings that were allocated; the writer frees them.
    FILE *file;
    lt_thread *thread;
};

static void promise(bool kept, const char *sentence) {
    if (!kept) {
        fprintf(stderr, "broken promise: %s; last error: %s\n", sentence, lt_last_error());
        exit(EXIT_FAILURE);
    }
}

static void write_lines(void *arg) {
    struct writer *writer = arg;
    void *lines[AHEAD];
    size_t n;
    bool written = true;
    while (written && lt_queue_get_many(writer->lines, lines, AHEAD, LT_FOREVER, &n) == LT_OK) {
        for (size_t i = 0; i < n; i++) {
            written = written && fputs(lines[i], writer->file) >= 0;
            free(lines[i]);
        }
        written = fflush(writer->file) == 0 && written;
    }
    if (!written) {
        LT_IGNORE(lt_queue_close(writer->lines, true)); // Frees what is in it: see set_drop.
        lt_raise(1, "cannot write");                    // Who joins learns of it.
    }
}

static void start(struct writer *writer, FILE *file, lt_errors *errors) {
    lt_thread_options options = {.size = sizeof options, .name = "writer", .errors = errors};
    writer->file = file;
    writer->lines = lt_queue_new(AHEAD);
    promise(writer->lines != NULL && file != NULL, "a queue and a file can be made");
    promise(lt_queue_set_drop(writer->lines, free) == LT_OK, "no line is leaked");
    promise(lt_thread_start(write_lines, writer, &options, &writer->thread) == LT_OK,
        "a thread starts");
}

static lt_status put_line(struct writer *writer, int number) {
    char *line = malloc(32);
    promise(line != NULL, "there is memory for a line");
    snprintf(line, 32, "line %d\n", number);
    lt_status status = lt_queue_put(writer->lines, line);
    if (status != LT_OK) {
        free(line); // It was not put.
    }
    return status;
}

static lt_status finish(struct writer *writer) {
    promise(lt_queue_close(writer->lines, false) == LT_OK, "what is in it will still be written");
    lt_status status = lt_thread_join(writer->thread);
    promise(lt_thread_free(writer->thread) == LT_OK && lt_queue_free(writer->lines) == LT_OK,
        "what is no longer used can be freed");
    return status;
}

int main(void) {
    struct writer writer;
    FILE *file = tmpfile();
    start(&writer, file, NULL);
    for (int i = 0; i < LINES; i++) {
        promise(put_line(&writer, i) == LT_OK, "an open queue takes a line");
        promise(lt_queue_size(writer.lines) <= AHEAD, "the program is never far ahead");
    }
    promise(finish(&writer) == LT_OK, "the writer ends without an error");
    rewind(file);
    char line[32], expected[32];
    int count = 0;
    for (; fgets(line, sizeof line, file) != NULL; count++) {
        snprintf(expected, sizeof expected, "line %d\n", count);
        promise(strcmp(line, expected) == 0, "the lines are in order");
    }
    promise(count == LINES, "every line is written");
    printf("%d lines written in the background\n", count);
    fclose(file);

    lt_errors *errors = lt_errors_new(); // Else the default hook would print the error, too.
    start(&writer, file = fopen("/dev/null", "r"), errors); // A file that cannot be written.
    lt_status status;
    for (int i = 0; (status = put_line(&writer, i)) == LT_OK; i++) {
    }
    promise(status == LT_CLOSED, "the program does not wait for a writer that is gone");
    promise(finish(&writer) == LT_FAILED, "and hears that it failed");
    const lt_error_info *error;
    promise(lt_errors_get(errors, &error) == LT_OK, "and why");
    printf("%s: %s\n", error->thread_name, error->message);
    promise(lt_errors_free(errors) == LT_OK, "the container can be freed");
    fclose(file);
    return EXIT_SUCCESS;
}
