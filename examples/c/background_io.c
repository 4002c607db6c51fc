/*
 * Writing in the background: the program puts lines into a bounded queue, one thread writes them.
 * When the disk is slow, the queue fills and the program waits: memory stays bounded.
 */
#include <lowthread.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 1000, AHEAD = 16 };

static void promise(bool kept, const char *sentence) {
    if (!kept) {
        fprintf(stderr, "broken promise: %s; last error: %s\n", sentence, lt_last_error());
        exit(EXIT_FAILURE);
    }
}

struct writer {
    lt_queue *lines; // Of strings that were allocated; the writer frees them.
    FILE *file;
};

static void write_lines(void *arg) {
    struct writer *writer = arg;
    void *line;
    while (lt_queue_get(writer->lines, &line) == LT_OK) { // Until it is closed and empty.
        if (fputs(line, writer->file) < 0) {
            lt_raise(1, "cannot write"); // Main learns of it from the join.
        }
        free(line);
    }
}

int main(void) {
    struct writer writer = {.lines = lt_queue_new(AHEAD), .file = tmpfile()};
    promise(writer.lines != NULL && writer.file != NULL, "a queue and a file can be made");
    lt_thread_options options = {.size = sizeof options, .name = "writer"};
    lt_thread *thread;
    promise(lt_thread_start(write_lines, &writer, &options, &thread) == LT_OK, "a thread starts");

    for (int i = 0; i < LINES; i++) {
        char *line = malloc(32);
        promise(line != NULL, "there is memory for a line");
        snprintf(line, 32, "line %d\n", i);
        promise(lt_queue_put(writer.lines, line) == LT_OK, "an open queue takes a line");
        promise(lt_queue_size(writer.lines) <= AHEAD, "the program is never far ahead");
    }
    promise(lt_queue_close(writer.lines, false) == LT_OK, "what is in it will still be written");
    promise(lt_thread_join(thread) == LT_OK, "the writer ends without an error");

    rewind(writer.file);
    char line[32], expected[32];
    int count = 0;
    for (; fgets(line, sizeof line, writer.file) != NULL; count++) {
        snprintf(expected, sizeof expected, "line %d\n", count);
        promise(strcmp(line, expected) == 0, "the lines are in order");
    }
    promise(count == LINES, "every line is written");
    printf("%d lines written in the background\n", count);
    promise(lt_thread_free(thread) == LT_OK && lt_queue_free(writer.lines) == LT_OK,
        "what is no longer used can be freed");
    fclose(writer.file);
    return EXIT_SUCCESS;
}
