// All wait for one thing that happens.
#include <lowthread.h>
#include <stdio.h>

static lt_event *ready;

static void prepare(void *arg) {
    (void)arg;
    LT_IGNORE(lt_event_set(ready));
}

int main(void) {
    ready = lt_event_new();
    puts(lt_status_name(lt_event_try_wait(ready)));           // -> LT_BUSY
    puts(lt_status_name(lt_event_wait_timeout(ready, 0.01))); // -> LT_TIMED_OUT
    if (lt_start_new_thread(prepare, NULL, NULL) != LT_OK) return 1;
    puts(lt_status_name(lt_event_wait(ready))); // -> LT_OK
    if (lt_event_clear(ready) != LT_OK) return 1;
    puts(lt_event_is_set(ready) ? "set" : "not set"); // -> not set
    return lt_event_free(ready) != LT_OK;
}
