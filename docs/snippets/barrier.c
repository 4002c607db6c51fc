// Two threads that go on together, round after round.
#include <lowthread.h>
#include <stdio.h>

static lt_barrier *barrier;

static void swap(void *arg) { puts(arg); } // -> both are there

static void work(void *arg) {
    (void)arg;
    LT_IGNORE(lt_barrier_wait(barrier, NULL));
}

int main(void) {
    barrier = lt_barrier_new(2, swap, "both are there");
    lt_thread *thread;
    uint32_t index;
    if (lt_thread_start(work, NULL, NULL, &thread) != LT_OK) return 1;
    if (lt_barrier_wait(barrier, &index) != LT_OK || lt_thread_join(thread) != LT_OK) return 1;
    printf("%u parties, %u wait\n", lt_barrier_parties(barrier), lt_barrier_waiting(barrier)); // -> 2 parties, 0 wait
    return lt_barrier_free(barrier) != LT_OK || lt_thread_free(thread) != LT_OK;
}
