// What a program that hangs is doing, without a debugger: a dump when SIGQUIT comes, as Ctrl-\ sends it. Two threads
// take two locks in different orders, a third waits for one of them, and main joins that. Here the program sends the
// signal to itself, so that this ends; with LOWTHREAD_DUMP_SIGNAL=QUIT in the environment no program needs a line.
// needs: signals of POSIX
#include <lowthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static lt_rlock *accounts, *journal;
static lt_barrier *both_hold_one;
static lt_thread *writer, *auditor;

static void take_in_order(lt_rlock *first, lt_rlock *second) {
    if (lt_rlock_acquire(first) != LT_OK) return;
    LT_IGNORE(lt_barrier_wait(both_hold_one, NULL));
    if (lt_rlock_acquire(second) == LT_OK) LT_IGNORE(lt_rlock_release(second));
    LT_IGNORE(lt_rlock_release(first));
}

static void write_entry(void *unused) {
    (void)unused;
    take_in_order(accounts, journal);
}

static void audit(void *unused) {
    (void)unused;
    take_in_order(journal, accounts); // The wrong way round.
}

static void look(void *unused) {
    (void)unused;
    for (size_t waiting = 0; waiting < 3;) // Until the others hang.
        if (lt_sleep(0.01) != LT_OK || lt_waits(NULL, 0, &waiting) != LT_OK) return;
    raise(SIGQUIT);
    LT_IGNORE(lt_thread_interrupt(writer)); // It gives up, and the others go on.
}

int main(void) {
    accounts = lt_rlock_new();
    journal = lt_rlock_new();
    both_hold_one = lt_barrier_new(2, NULL, NULL);
    lt_thread *looker;
    lt_thread_options options = {.size = sizeof options};
    options.name = "writer";
    lt_status status = lt_thread_start(write_entry, NULL, &options, &writer);
    options.name = "auditor";
    if (status == LT_OK) status = lt_thread_start(audit, NULL, &options, &auditor);
    if (status == LT_OK) status = lt_set_name(accounts, "accounts");
    if (status == LT_OK) status = lt_set_name(journal, "journal");
    if (status == LT_OK) status = lt_dump_on_signal(SIGQUIT, 1);
    if (status == LT_OK) status = lt_thread_start(look, NULL, NULL, &looker);
    if (status == LT_OK) status = lt_thread_join(auditor);
    if (status == LT_OK) status = lt_thread_join(looker);
    if (status != LT_OK) puts(lt_last_error());
    return status == LT_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
