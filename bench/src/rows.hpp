// The rows that can be asked for by name.

#pragma once

namespace bench {

void row_lock();
void row_contended();
void row_handoff();
void row_semaphore();
void row_event();
void row_thread();
void row_interrupt();
void row_fairness();
void row_memory();
void row_timeout();
void row_queue();
void row_unbounded();
void row_pool();
void row_rwlock();
void row_once();
void row_condition();
void row_barrier();
void row_rlock();
void row_spinlock();
void row_timer();
void row_size();
void row_broadcast();
void row_timed();
void row_calls();
void row_select();

}  // namespace bench
