// The queue, bounded and not: alone, between producers and consumers, in batches, and there and back.

#include "locks.hpp"
#include "rows.hpp"

#ifdef HAVE_TBB
#include <oneapi/tbb/concurrent_queue.h>
#endif
#ifdef HAVE_MOODYCAMEL
#include <blockingconcurrentqueue.h>
#endif
#ifdef HAVE_RUST
#include <peers.h>
#endif

namespace bench {

namespace {

constexpr size_t capacity = 1024;

constexpr size_t unbounded = 0;
constexpr size_t batch = 32;

template <size_t bound> struct OursOf {
    static constexpr const char *name = "lowthread";
    lt_queue *queue = lt_queue_new(bound);
    OursOf() { MUST(queue != nullptr); }
    ~OursOf() { MUST(lt_queue_free(queue) == LT_OK); }
    void put(void *item) { MUST(lt_queue_put(queue, item) == LT_OK); }
    void *get() {
        void *item = nullptr;
        MUST(lt_queue_get(queue, &item) == LT_OK);
        return item;
    }
    void put_many(void **items, size_t n) { MUST(lt_queue_put_many(queue, items, n, -1, nullptr) == LT_OK); }
    size_t get_many(void **items, size_t n) {
        size_t done = 0;
        MUST(lt_queue_get_many(queue, items, n, -1, &done) == LT_OK);
        return done;
    }
};
using Ours = OursOf<capacity>;

// One producer, one consumer, and no sleep: nothing that blocks can be faster.
struct Spsc {
    static constexpr const char *name = "limit, SPSC ring, spinning";
    alignas(64) std::atomic<size_t> head{0};
    size_t seen_tail = 0;
    alignas(64) std::atomic<size_t> tail{0};
    size_t seen_head = 0;
    alignas(64) void *items[capacity];
    void put(void *item) {
        size_t at = tail.load(std::memory_order_relaxed);
        while (at - seen_head == capacity) {
            seen_head = head.load(std::memory_order_acquire);
            if (at - seen_head == capacity) pause_core();
        }
        items[at % capacity] = item;
        tail.store(at + 1, std::memory_order_release);
    }
    void *get() {
        size_t at = head.load(std::memory_order_relaxed);
        while (at == seen_tail) {
            seen_tail = tail.load(std::memory_order_acquire);
            if (at == seen_tail) pause_core();
        }
        void *item = items[at % capacity];
        head.store(at + 1, std::memory_order_release);
        return item;
    }
};

// What a careful C programmer writes.
struct MutexRing {
    static constexpr const char *name = "pthread mutex + cond ring";
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER, not_full = PTHREAD_COND_INITIALIZER;
    size_t first = 0, count = 0;
    void *items[capacity];
    void put(void *item) {
        pthread_mutex_lock(&mutex);
        while (count == capacity) pthread_cond_wait(&not_full, &mutex);
        items[(first + count++) % capacity] = item;
        pthread_mutex_unlock(&mutex);
        pthread_cond_signal(&not_empty);
    }
    void *get() {
        pthread_mutex_lock(&mutex);
        while (count == 0) pthread_cond_wait(&not_empty, &mutex);
        void *item = items[first];
        first = (first + 1) % capacity;
        --count;
        pthread_mutex_unlock(&mutex);
        pthread_cond_signal(&not_full);
        return item;
    }
};

#ifdef HAVE_TBB
struct TbbQueue {
    static constexpr const char *name = "tbb bounded queue";
    tbb::concurrent_bounded_queue<void *> queue;
    TbbQueue() { queue.set_capacity(capacity); }
    void put(void *item) { queue.push(item); }
    void *get() {
        void *item = nullptr;
        queue.pop(item);
        return item;
    }
};
#endif

#ifdef HAVE_MOODYCAMEL
// Without a bound, and without one order for all producers: less is promised than by the others.
struct MoodycamelQueue {
    static constexpr const char *name = "moodycamel (unbounded)";
    moodycamel::BlockingConcurrentQueue<void *> queue{capacity};
    void put(void *item) { MUST(queue.enqueue(item)); }
    void *get() {
        void *item = nullptr;
        queue.wait_dequeue(item);
        return item;
    }
    void put_many(void **items, size_t n) { MUST(queue.enqueue_bulk(items, n)); }
    size_t get_many(void **items, size_t n) { return queue.wait_dequeue_bulk(items, n); }
};
#endif

#ifdef HAVE_GLIB
struct GlibQueue {
    static constexpr const char *name = "GAsyncQueue (unbounded)";
    GAsyncQueue *queue = g_async_queue_new();
    ~GlibQueue() { g_async_queue_unref(queue); }
    void put(void *item) { g_async_queue_push(queue, item); }
    void *get() { return g_async_queue_pop(queue); }
};
#endif

#ifdef HAVE_RUST
template <size_t bound> struct KanalOf {
    static constexpr const char *name = "kanal";
    void *queue = peer_kanal_new(bound);
    ~KanalOf() { peer_kanal_free(queue); }
    void put(void *item) { peer_kanal_put(queue, item); }
    void *get() { return peer_kanal_get(queue); }
};

template <size_t bound> struct CrossbeamOf {
    static constexpr const char *name = "crossbeam-channel";
    void *queue = peer_crossbeam_new(bound);
    ~CrossbeamOf() { peer_crossbeam_free(queue); }
    void put(void *item) { peer_crossbeam_put(queue, item); }
    void *get() { return peer_crossbeam_get(queue); }
};

// Many producers and consumers, and no sleep: who waits burns a core, and yields it now and then.
struct Array {
    static constexpr const char *name = "limit, ArrayQueue, yielding";
    void *queue = peer_array_queue_new(capacity);
    ~Array() { peer_array_queue_free(queue); }
    void put(void *item) { peer_array_queue_put(queue, item); }
    void *get() { return peer_array_queue_get(queue); }
};
#endif

template <class F> void each_limit(bool one_to_one_on_two_cores, F f) {
    if (one_to_one_on_two_cores) f.template operator()<Spsc>();
#ifdef HAVE_RUST
    f.template operator()<Array>();
#endif
}

template <class F> void each_peer(F f) {
#ifdef HAVE_RUST
    f.template operator()<KanalOf<capacity>>();
    f.template operator()<CrossbeamOf<capacity>>();
#endif
    f.template operator()<MutexRing>();
#ifdef HAVE_TBB
    f.template operator()<TbbQueue>();
#endif
#ifdef HAVE_MOODYCAMEL
    f.template operator()<MoodycamelQueue>();
#endif
#ifdef HAVE_GLIB
    f.template operator()<GlibQueue>();
#endif
}

template <class F> void each_unbounded_peer(F f) {
#ifdef HAVE_RUST
    f.template operator()<KanalOf<unbounded>>();
    f.template operator()<CrossbeamOf<unbounded>>();
#endif
#ifdef HAVE_MOODYCAMEL
    f.template operator()<MoodycamelQueue>();
#endif
#ifdef HAVE_GLIB
    f.template operator()<GlibQueue>();
#endif
}

// In batches, where a peer has them; else as many calls.
template <class Queue> struct Batched : Queue {
    void put_many(void **items, size_t n) {
        if constexpr (requires { Queue::put_many(items, n); }) return Queue::put_many(items, n);
        for (size_t i = 0; i < n; ++i) Queue::put(items[i]);
    }
    size_t get_many(void **items, size_t n) {
        if constexpr (requires { Queue::get_many(items, n); }) return Queue::get_many(items, n);
        items[0] = Queue::get();
        return 1;
    }
};

// NULL is no item for GLib, so items count from 1; the last that a consumer gets is this one.
void *const poison = reinterpret_cast<void *>(UINTPTR_MAX);

template <class Queue> Row::Figures pair_round() {
    auto queue = std::make_unique<Queue>();
    uintptr_t next = 0;
    return {fastest_batch([&] {
        queue->put(reinterpret_cast<void *>(++next));
        keep(queue->get());
    }, 5'000)};
}

// What one thread of a stream has put or got: how many, and the sum of their numbers.
struct Share {
    uint64_t n = 0, sum = 0;
};

// Items per second through the queue, and that all arrive. `put` puts some more; `get` gets all, until the end.
template <class Queue> Row::Figures stream(int pairs, void (*put)(Queue &, Share &), void (*get)(Queue &, Share &)) {
    auto queue = std::make_unique<Queue>();
    std::atomic<bool> stop{false};
    std::atomic<int> producing{pairs};
    std::atomic<uint64_t> put_n{0}, got_n{0}, put_sum{0}, got_sum{0};
    Team team = run_team(2 * pairs, spread_out, [&](int i) {
        Share share;
        if (i % 2 == 0) {
            while (!stop.load(std::memory_order_relaxed)) put(*queue, share);
            put_n += share.n;
            put_sum += share.sum;
            // The last producer ends the consumers: what is in the queue goes before.
            if (producing.fetch_sub(1) == 1) {
                for (int c = 0; c < pairs; ++c) queue->put(poison);
            }
        } else {
            get(*queue, share);
            got_n += share.n;
            got_sum += share.sum;
        }
    }, [&] {
        sleep_for(full_or_quick(40'000'000, 20'000'000));
        stop.store(true);
    });
    if (put_sum != got_sum && !std::strstr(Queue::name, "moodycamel")) {
        die("%s lost items: put %lu, got %lu", Queue::name, put_n.load(), got_n.load());
    }
    return {double(got_n) / team.wall * 1e3, team.cpu / double(got_n)};
}

template <class Queue> Row::Figures stream_round(int pairs) {
    return stream<Queue>(pairs, [](Queue &queue, Share &share) {
        share.sum += ++share.n;
        queue.put(reinterpret_cast<void *>(share.n));
    }, [](Queue &queue, Share &share) {
        for (void *item; (item = queue.get()) != poison; ++share.n) share.sum += reinterpret_cast<uintptr_t>(item);
    });
}

// The same in batches. All consumers' ends come at once, to whoever gets them: who has one too many gives it back.
template <class Plain> Row::Figures batch_round(int pairs) {
    using Queue = Batched<Plain>;
    return stream<Queue>(pairs, [](Queue &queue, Share &share) {
        void *items[batch];
        for (void *&item : items) {
            share.sum += ++share.n;
            item = reinterpret_cast<void *>(share.n);
        }
        queue.put_many(items, batch);
    }, [](Queue &queue, Share &share) {
        void *items[batch];
        size_t ends = 0;
        while (ends == 0) {
            size_t count = queue.get_many(items, batch);
            for (size_t k = 0; k < count; ++k) {
                if (items[k] == poison) {
                    ++ends;
                } else {
                    ++share.n;
                    share.sum += reinterpret_cast<uintptr_t>(items[k]);
                }
            }
        }
        while (--ends > 0) queue.put(poison);
    });
}

template <class Queue> Row::Figures round_trip(int (*place)(int)) {
    auto there = std::make_unique<Queue>(), back = std::make_unique<Queue>();
    std::atomic<bool> stop{false};
    uint64_t turns = 0;
    Team team = run_team(2, place, [&](int i) {
        if (i == 1) {
            for (void *item; (item = there->get()) != poison;) back->put(item);
            return;
        }
        while (!stop.load(std::memory_order_relaxed)) {
            there->put(reinterpret_cast<void *>(++turns));
            keep(back->get());
        }
        there->put(poison);
    }, [&] {
        sleep_for(full_or_quick(40'000'000, 20'000'000));
        stop.store(true);
    });
    return {team.wall / double(turns) / 1e3, team.cpu / double(turns) / 1e3};
}

void compare_round_trip(const char *title, int (*place)(int), bool two_cores) {
    Row row(title, {{"us"}, {"CPU us/op"}});
    row.ours([=] { return round_trip<Ours>(place); });
    each_limit(two_cores, [&]<class Queue>() { row.limit(Queue::name, [=] { return round_trip<Queue>(place); }); });
    each_peer([&]<class Queue>() { row.peer(Queue::name, [=] { return round_trip<Queue>(place); }); });
    row.at_least(1, Row::best_peer).in_parts(full_or_quick(5, 2)).run();
}

}  // namespace

void row_queue() {
    {
        Pinned pinned(0);
        Row row("queue: put + get, uncontended", {{"ns"}});
        row.ours(pair_round<Ours>);
        each_limit(true, [&]<class Queue>() { row.limit(Queue::name, pair_round<Queue>); });
        each_peer([&]<class Queue>() { row.peer(Queue::name, pair_round<Queue>); });
        row.at_least(1, Row::best_peer).best_of_many().run();
    }
    for (int pairs : {1, 2, 4}) {
        char title[80];
        std::snprintf(title, sizeof title, "queue: stream, %d producers, %d consumers", pairs, pairs);
        Row row(title, {{"M/s", Better::higher}, {"CPU ns/op"}});
        row.ours([=] { return stream_round<Ours>(pairs); });
        each_limit(pairs == 1 && processors() > 1, [&]<class Queue>() {
            row.limit(Queue::name, [=] { return stream_round<Queue>(pairs); });
        });
        each_peer([&]<class Queue>() { row.peer(Queue::name, [=] { return stream_round<Queue>(pairs); }); });
        row.at_least(pairs == 1 ? 1.2 : 1.1, Row::best_peer).in_parts(full_or_quick(5, 2)).run();
    }
    for (int pairs : {1, 2}) {
        char title[80];
        std::snprintf(title, sizeof title, "queue: batches of %zu, %d producers, %d consumers", batch, pairs, pairs);
        Row row(title, {{"M/s", Better::higher}, {"CPU ns/op"}});
        row.ours([=] { return batch_round<Ours>(pairs); });
        each_peer([&]<class Queue>() { row.peer(Queue::name, [=] { return batch_round<Queue>(pairs); }); });
        row.at_least(1, Row::best_peer).in_parts(full_or_quick(5, 2)).run();
    }
    compare_round_trip("queue: round trip through two queues, same core", all_on_one, false);
    if (processors() > 1) {
        compare_round_trip("queue: round trip through two queues, different cores", spread_out, true);
    }
}

void row_unbounded() {
    using Ours = OursOf<unbounded>;
    {
        Pinned pinned(0);
        Row row("unbounded queue: put + get, uncontended", {{"ns"}});
        row.ours(pair_round<Ours>);
        each_unbounded_peer([&]<class Queue>() { row.peer(Queue::name, pair_round<Queue>); });
        row.at_least(1, Row::best_peer).best_of_many().run();
    }
    for (int pairs : {1, 2, 4}) {
        char title[80];
        std::snprintf(title, sizeof title, "unbounded queue: stream, %d producers, %d consumers", pairs, pairs);
        Row row(title, {{"M/s", Better::higher}, {"CPU ns/op"}});
        row.ours([=] { return stream_round<Ours>(pairs); });
        each_unbounded_peer([&]<class Queue>() {
            row.peer(Queue::name, [=] { return stream_round<Queue>(pairs); });
        });
        row.at_least(1, Row::best_peer).in_parts(full_or_quick(5, 2)).run();
    }
}

}  // namespace bench
