// The event: looking at it, and waking who waits for it.

#include "locks.hpp"
#include "rows.hpp"

#include <sys/eventfd.h>

#ifdef HAVE_ABSEIL
#include <absl/synchronization/notification.h>
#endif
#ifdef HAVE_NSYNC
#include "nsync_c.hpp"
#endif

namespace bench {

namespace {

struct Ours {
    static constexpr const char *name = "lowthread";
    lt_event *event = lt_event_new();
    Ours() { MUST(event != nullptr); }
    ~Ours() { MUST(lt_event_free(event) == LT_OK); }
    void set() { MUST(lt_event_set(event) == LT_OK); }
    bool is_set() { return lt_event_is_set(event); }
    void wait() { MUST(lt_event_wait(event) == LT_OK); }
    void reset() { MUST(lt_event_clear(event) == LT_OK); }
};

struct alignas(64) Inlined {
    std::atomic<uint64_t> word{0};
    void set() { word.store(1, std::memory_order_release); }
    bool is_set() { return word.load(std::memory_order_acquire) & 1; }
    void wait() { MUST(is_set()); }
};

struct alignas(64) Shared {
    uint64_t word = 0;
    void set() { word = 1; }
    bool is_set() { return limit_event_is_set(&word) != 0; }
    void wait() { MUST(is_set()); }
};

struct alignas(64) RawFutex {
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

template <class F> void each_peer(F f) {
    f.template operator()<MutexAndCondition>();
#ifdef HAVE_ABSEIL
    f.template operator()<AbseilNotification>();
#endif
#ifdef HAVE_NSYNC
    f.template operator()<NsyncNote>();
#endif
}

template <class Event> Row::Figures is_set_round() {
    Event event;
    event.set();
    return {fastest_batch([&] { keep(event.is_set()); })};
}

template <class Event> Row::Figures wait_round() {
    Event event;
    event.set();
    return {fastest_batch([&] { event.wait(); })};
}

template <class Event> Row::Figures awake_round(bool same_core) {
    Row::Figures figures;
    // On a thread of its own: on the main thread ours can be interrupted, which is another row.
    std::thread([&] {
        Event event;
        std::vector<double> latencies = wake_latencies(
            full_or_quick(40, 20), 0, same_core ? 0 : 1, [&] { event.wait(); }, [&] { event.set(); },
            [&] { event.reset(); });
        figures = {median(latencies) / 1e3, quantile(latencies, 0.9) / 1e3};
    }).join();
    return figures;
}

}  // namespace

void row_event() {
    for (bool same_core : {true, false}) {
        if (!same_core && processors() < 2) continue;
        Row row(same_core ? "event: set to awake, one sleeping waiter, same core"
                          : "event: set to awake, one sleeping waiter, different cores",
                {{"us"}, {"90 % us"}});
        row.ours([=] { return awake_round<Ours>(same_core); });
        row.limit(RawFutex::name, [=] { return awake_round<RawFutex>(same_core); });
        row.peer(EventFd::name, [=] { return awake_round<EventFd>(same_core); });
        each_peer([&]<class Event>() { row.peer(Event::name, [=] { return awake_round<Event>(same_core); }); });
        row.at_least(1, Row::best_peer).in_parts(full_or_quick(4, 2)).run();
    }

    Pinned pinned(0);
    Row is_set("event: is_set", {{"ns"}});
    is_set.ours(is_set_round<Ours>);
    is_set.limit("limit, inlined", is_set_round<Inlined>);
    is_set.limit("limit, in a .so", is_set_round<Shared>);
    each_peer([&]<class Event>() { is_set.peer(Event::name, is_set_round<Event>); });
    is_set.at_least(0.93, "limit, in a .so").best_of_many().run();

    Row wait("event: wait, already set", {{"ns"}});
    wait.ours(wait_round<Ours>);
    wait.limit("limit, inlined", wait_round<Inlined>);
    wait.limit("limit, in a .so", wait_round<Shared>);
    each_peer([&]<class Event>() { wait.peer(Event::name, wait_round<Event>); });
    wait.at_least(1, Row::best_peer).best_of_many().run();
}

}  // namespace bench
