// A wait that would never end is refused, and told to a hook.
#include <lowthread.h>
#include <stdio.h>

static lt_lock *accounts, *journal;

static void tell(const lt_deadlock_info *info, void *arg) {
    (void)arg;
    const lt_deadlock_link *first = info->links;
    printf("%d threads, the first wants the journal: %d\n", (int)info->count, first->wants == journal); // -> 2 threads, the first wants the journal: 1
}

static void audit(void *event) {
    LT_IGNORE(lt_lock_acquire(journal));
    LT_IGNORE(lt_event_set(event));
    LT_IGNORE(lt_lock_acquire(accounts)); // The wrong way round.
    LT_IGNORE(lt_lock_release(accounts));
    LT_IGNORE(lt_lock_release(journal));
}

int main(void) {
    lt_event *event = lt_event_new();
    lt_deadlock_hook hook = tell;
    lt_thread *thread;
    size_t waiting = 0;
    if (lt_set_insight(LT_INSIGHT_DEADLOCK) != LT_OK || lt_set_deadlock_hook(hook, NULL) != LT_OK) return 1;
    accounts = lt_allocate_lock();
    journal = lt_allocate_lock();
    if (lt_lock_acquire(accounts) != LT_OK) return 1;
    if (lt_thread_start(audit, event, NULL, &thread) != LT_OK || lt_event_wait(event) != LT_OK) return 1;
    while (waiting == 0) // Until it waits.
        if (lt_sleep(0.01) != LT_OK || lt_waits(NULL, 0, &waiting) != LT_OK) return 1;
    puts(lt_status_name(lt_lock_acquire(journal))); // -> LT_DEADLOCK
    return lt_lock_release(accounts) != LT_OK || lt_thread_join(thread) != LT_OK;
}
