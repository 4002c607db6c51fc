// The events that are compared, each behind set, is_set, wait and reset.

#pragma once

#include "locks.hpp"

#include <sys/eventfd.h>

#include <latch>

#ifdef HAVE_ABSEIL
#include <absl/synchronization/notification.h>
#endif
#ifdef HAVE_RUST
#include <peers.h>
#endif

namespace bench {

struct LowthreadEvent {
    static constexpr const char *name = "lowthread";
    lt_event *event = lt_event_new();
    LowthreadEvent() { MUST(event != nullptr); }
    ~LowthreadEvent() { MUST(lt_event_free(event) == LT_OK); }
    void set() { MUST(lt_event_set(event) == LT_OK); }
    bool is_set() { return lt_event_is_set(event); }
    void wait() { MUST(lt_event_wait(event) == LT_OK); }
    void reset() { MUST(lt_event_clear(event) == LT_OK); }
};

struct alignas(64) RawFutexEvent {
    static constexpr const char *name = "raw futex";
    std::atomic<uint32_t> word{0};
    void set() {
        word.store(1, std::memory_order_release);
        futex_wake(word, INT32_MAX);
    }
    void wait() {
        while (word.load(std::memory_order_acquire) == 0) futex_wait(word, 0);
    }
    void reset() { word.store(0); }
};

struct alignas(64) EventFd {
    static constexpr const char *name = "eventfd";
    int file = eventfd(0, EFD_CLOEXEC);
    EventFd() { MUST(file >= 0); }
    ~EventFd() { close(file); }
    void set() { MUST(eventfd_write(file, 1) == 0); }
    void wait() {
        eventfd_t value;
        MUST(eventfd_read(file, &value) == 0);
    }
    void reset() {}
};

struct alignas(64) MutexAndCondition {
    static constexpr const char *name = "pthread mutex + cond";
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    bool flag = false;
    void set() {
        pthread_mutex_lock(&mutex);
        flag = true;
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }
    bool is_set() {
        pthread_mutex_lock(&mutex);
        bool found = flag;
        pthread_mutex_unlock(&mutex);
        return found;
    }
    void wait() {
        pthread_mutex_lock(&mutex);
        while (!flag) pthread_cond_wait(&condition, &mutex);
        pthread_mutex_unlock(&mutex);
    }
    void reset() { flag = false; }
};

// It can be set only once; that one call is all it counts.
struct alignas(64) Latch {
    static constexpr const char *name = "std::latch";
    std::unique_ptr<std::latch> latch = std::make_unique<std::latch>(1);
    void set() { latch->count_down(); }
    bool is_set() { return latch->try_wait(); }
    void wait() { latch->wait(); }
    void reset() { latch = std::make_unique<std::latch>(1); }
};

#ifdef HAVE_ABSEIL
struct alignas(64) AbseilNotification {
    static constexpr const char *name = "absl::Notification";
    std::unique_ptr<absl::Notification> event = std::make_unique<absl::Notification>();
    void set() { event->Notify(); }
    bool is_set() { return event->HasBeenNotified(); }
    void wait() { event->WaitForNotification(); }
    // It can be set only once.
    void reset() { event = std::make_unique<absl::Notification>(); }
};
#endif

#ifdef HAVE_NSYNC
struct alignas(64) NsyncNote {
    static constexpr const char *name = "nsync_note";
    nsync_note note = make();
    ~NsyncNote() { nsync_note_free(note); }
    static nsync_note make() { return nsync_note_new(nullptr, nsync_time_no_deadline); }
    void set() { nsync_note_notify(note); }
    bool is_set() { return nsync_note_is_notified(note) != 0; }
    void wait() { nsync_note_wait(note, nsync_time_no_deadline); }
    void reset() {
        nsync_note_free(note);
        note = make();
    }
};
#endif

#ifdef HAVE_RUST
struct ParkingLotEvent {
    static constexpr const char *name = "parking_lot mutex + cond";
    void *mutex = peer_parking_lot_mutex_new();
    void *condition = peer_parking_lot_condition_new();
    bool flag = false;
    ~ParkingLotEvent() {
        peer_parking_lot_condition_free(condition);
        peer_parking_lot_mutex_free(mutex);
    }
    void set() {
        peer_parking_lot_mutex_acquire(mutex);
        flag = true;
        peer_parking_lot_condition_notify_all(condition);
        peer_parking_lot_mutex_release(mutex);
    }
    bool is_set() {
        peer_parking_lot_mutex_acquire(mutex);
        bool found = flag;
        peer_parking_lot_mutex_release(mutex);
        return found;
    }
    void wait() {
        peer_parking_lot_mutex_acquire(mutex);
        while (!flag) peer_parking_lot_condition_wait(condition, mutex);
        peer_parking_lot_mutex_release(mutex);
    }
    void reset() { flag = false; }
};

struct RustStandardEvent {
    static constexpr const char *name = "Rust std mutex + cond";
    void *mutex = peer_std_mutex_new();
    void *condition = peer_std_condition_new();
    bool flag = false;
    ~RustStandardEvent() {
        peer_std_condition_free(condition);
        peer_std_mutex_free(mutex);
    }
    void set() {
        peer_guard guard = peer_std_mutex_acquire(mutex);
        flag = true;
        peer_std_condition_notify_all(condition);
        peer_std_mutex_release(guard);
    }
    bool is_set() {
        peer_guard guard = peer_std_mutex_acquire(mutex);
        bool found = flag;
        peer_std_mutex_release(guard);
        return found;
    }
    void wait() {
        peer_guard guard = peer_std_mutex_acquire(mutex);
        while (!flag) guard = peer_std_condition_wait(condition, guard);
        peer_std_mutex_release(guard);
    }
    void reset() { flag = false; }
};
#endif

// Calls f.operator()<Event>() for every peer that many can wait for.
template <class F> void each_event_peer(F f) {
    f.template operator()<MutexAndCondition>();
    f.template operator()<Latch>();
#ifdef HAVE_ABSEIL
    f.template operator()<AbseilNotification>();
#endif
#ifdef HAVE_NSYNC
    f.template operator()<NsyncNote>();
#endif
#ifdef HAVE_RUST
    f.template operator()<ParkingLotEvent>();
    f.template operator()<RustStandardEvent>();
#endif
}

}  // namespace bench
