/*
 * Two buffers: while one thread draws the next frame, others show the current one. A barrier holds
 * them until all are done; the last to come swaps the buffers, and all go on to the next frame.
 */
#include <lowthread.h>

#include <stdio.h>
#include <stdlib.h>

enum { VIEWERS = 2, FRAMES = 200, PIXELS = 64 };

struct screen {
    lt_barrier *frame_done;
    int buffers[2][PIXELS];
    int front; // The buffer that is shown; the other one is drawn into.
};

struct viewer {
    struct screen *screen;
    int shown;
};

// Goes on if the call did what it was asked; else says why not and ends the program.
static void check(lt_status status) {
    if (status != LT_OK) {
        fprintf(stderr, "%s\n", status < 0 ? lt_last_error() : lt_status_message(status));
        exit(EXIT_FAILURE);
    }
}

static void promise(bool kept, const char *sentence) {
    if (!kept) {
        fprintf(stderr, "broken promise: %s\n", sentence);
        exit(EXIT_FAILURE);
    }
}

static void swap(void *arg) { // By one thread in each round, while the others are held back.
    struct screen *screen = arg;
    screen->front = !screen->front;
}

static void draw(void *arg) {
    struct screen *screen = arg;
    for (int frame = 1; frame <= FRAMES; frame++) {
        for (int i = 0; i < PIXELS; i++) {
            screen->buffers[!screen->front][i] = frame;
        }
        check(lt_barrier_wait(screen->frame_done, NULL));
    }
}

static void view(void *arg) {
    struct viewer *self = arg;
    struct screen *screen = self->screen;
    for (int frame = 0; frame < FRAMES; frame++) { // Frame 0 is the black one of the start.
        for (int i = 0; i < PIXELS; i++) {
            promise(screen->buffers[screen->front][i] == frame, "a frame is seen whole");
        }
        self->shown++;
        check(lt_barrier_wait(screen->frame_done, NULL));
    }
}

int main(void) {
    struct screen screen = {.front = 0};
    screen.frame_done = lt_barrier_new(1 + VIEWERS, swap, &screen);
    check(screen.frame_done != NULL ? LT_OK : lt_last_status());
    struct viewer viewers[VIEWERS];
    lt_thread *threads[1 + VIEWERS];
    check(lt_thread_start(draw, &screen, NULL, &threads[0]));
    for (int i = 0; i < VIEWERS; i++) {
        viewers[i] = (struct viewer){.screen = &screen};
        check(lt_thread_start(view, &viewers[i], NULL, &threads[1 + i]));
    }
    for (int i = 0; i < 1 + VIEWERS; i++) {
        check(lt_thread_join(threads[i]));
        check(lt_thread_free(threads[i]));
    }
    printf("%d viewers saw %d frames\n", VIEWERS, viewers[0].shown);
    promise(viewers[1].shown == FRAMES, "they saw the same ones");
    promise(screen.buffers[screen.front][0] == FRAMES, "the last one drawn is in front");

    // A thread that does not come: who has waited long enough breaks the barrier for all.
    lt_status status = lt_barrier_wait_timeout(screen.frame_done, 0.01, NULL);
    promise(status == LT_TIMED_OUT, "nobody else comes");
    promise(lt_barrier_wait(screen.frame_done, NULL) == LT_BROKEN, "who comes late does not wait");
    check(lt_barrier_free(screen.frame_done));
    return EXIT_SUCCESS;
}
