// Making and freeing a lock and the others, and the memory that many of them take.

#include "locks.hpp"
#include "rows.hpp"

#include <malloc.h>

#ifdef HAVE_RUST
#include <peers.h>
#endif

namespace bench {

namespace {

constexpr size_t pthread_mutex_size = 40;   // What the malloc beside a pthread_mutex_t asks for.

void *allocate() {
    void *memory = std::malloc(pthread_mutex_size);
    keep(memory);
    MUST(memory != nullptr);
    return memory;
}

pthread_mutex_t *new_mutex() {
    auto mutex = static_cast<pthread_mutex_t *>(allocate());
    MUST(pthread_mutex_init(mutex, nullptr) == 0);
    return mutex;
}
void free_mutex(pthread_mutex_t *mutex) {
    MUST(pthread_mutex_destroy(mutex) == 0);
    std::free(mutex);
}

lt_lock *new_lock() {
    lt_lock *lock = lt_allocate_lock();
    MUST(lock != nullptr);
    return lock;
}
void free_lock(lt_lock *lock) { MUST(lt_lock_free(lock) == LT_OK); }

// Of the other types: `new_X` as a function object, and `free_X`.
#define TYPE(name, make)                                                                           \
    auto new_##name = [] {                                                                         \
        lt_##name *made = make;                                                                    \
        MUST(made != nullptr);                                                                     \
        return made;                                                                               \
    };                                                                                             \
    auto free_##name = [](lt_##name *name) { MUST(lt_##name##_free(name) == LT_OK); }
TYPE(semaphore, lt_semaphore_new(0));
TYPE(event, lt_event_new());
TYPE(queue, lt_queue_new(1024));
TYPE(rlock, lt_rlock_new());
TYPE(condition, lt_condition_new());
TYPE(barrier, lt_barrier_new(2, nullptr, nullptr));
TYPE(rwlock, lt_rwlock_new());
TYPE(spinlock, lt_spinlock_new());
TYPE(pool, lt_pool_new(2, nullptr));

// What a C programmer has instead, each in a malloc of its own.
template <class T, auto init, auto destroy> struct Malloced {
    static T *make() {
        T *made = static_cast<T *>(std::malloc(sizeof(T)));
        keep(made);
        MUST(made != nullptr && init(made) == 0);
        return made;
    }
    static void unmake(T *made) {
        MUST(destroy(made) == 0);
        std::free(const_cast<std::remove_volatile_t<T> *>(made));
    }
};
using MallocedSemaphore = Malloced<sem_t, [](sem_t *s) { return sem_init(s, 0, 0); }, sem_destroy>;
using MallocedCondition =
    Malloced<pthread_cond_t, [](pthread_cond_t *c) { return pthread_cond_init(c, nullptr); }, pthread_cond_destroy>;
using MallocedBarrier = Malloced<pthread_barrier_t, [](pthread_barrier_t *b) { return pthread_barrier_init(b, nullptr, 2); },
                                 pthread_barrier_destroy>;
using MallocedRwlock =
    Malloced<pthread_rwlock_t, [](pthread_rwlock_t *l) { return pthread_rwlock_init(l, nullptr); }, pthread_rwlock_destroy>;
using MallocedSpinlock =
    Malloced<pthread_spinlock_t, [](pthread_spinlock_t *l) { return pthread_spin_init(l, 0); }, [](pthread_spinlock_t *l) {
        return pthread_spin_destroy(l);
    }>;

template <class Make, class Unmake> Row::Figures one_by_one(Make make, Unmake unmake) {
    return {fastest_batch([&] { unmake(make()); })};
}

// A thousand are made, then freed in the order in which they were made.
template <class Make, class Unmake> Row::Figures a_thousand(Make make, Unmake unmake) {
    std::vector<decltype(make())> all(1000);
    double best = INFINITY;
    for (int b = 0; b < 8; ++b) {
        uint64_t begin = now();
        for (auto &one : all) one = make();
        for (auto &one : all) unmake(one);
        best = std::min(best, double(now() - begin) / double(all.size()));
    }
    return {best};
}

size_t allocated() {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

size_t resident() {
    long pages = 0;
    if (std::FILE *file = std::fopen("/proc/self/statm", "re")) {
        if (std::fscanf(file, "%*s %ld", &pages) != 1) pages = 0;
        std::fclose(file);
    }
    return size_t(pages) * size_t(sysconf(_SC_PAGESIZE));
}

template <class Make, class Unmake, class TheirMake, class TheirUnmake>
void compare_one_by_one(const char *type, Make make, Unmake unmake, const char *peer, TheirMake their_make,
                        TheirUnmake their_unmake) {
    Row row(std::string("memory: new + free of one ") + type, {{"ns"}});
    row.ours([=] { return one_by_one(make, unmake); });
    row.limit("malloc(40) + free", [] { return one_by_one(allocate, std::free); });
    row.peer(peer, [=] { return one_by_one(their_make, their_unmake); });
    row.at_least(1, "malloc(40) + free").best_of_many().run();
}

// Bytes for each of many, by malloc's count and by the kernel's. They are kept: memory that another
// contestant has just given back would be taken for no memory at all.
template <class Make> Row::Figures bytes_for_each(Make make, size_t n = 20'000) {
    std::vector<void *> kept(n);
    for (auto &one : kept) one = nullptr;
    size_t allocated_before = allocated(), resident_before = resident();
    for (auto &one : kept) one = make();
    return {double(allocated() - allocated_before) / double(n),
            double(resident() - resident_before) / double(n)};
}

}  // namespace

void row_memory() {
    Pinned pinned(0);
    Row one("memory: new + free of one lock", {{"ns"}});
    one.ours([] { return one_by_one(new_lock, free_lock); });
    one.limit("malloc(40) + free", [] { return one_by_one(allocate, std::free); });
    one.peer("malloc + pthread_mutex", [] { return one_by_one(new_mutex, free_mutex); });
    one.at_least(1, "malloc(40) + free").best_of_many().run();

    Row thousand("memory: new of a thousand locks, then free of all, for each", {{"ns"}});
    thousand.ours([] { return a_thousand(new_lock, free_lock); });
    thousand.limit("malloc(40) + free", [] { return a_thousand(allocate, std::free); });
    thousand.peer("malloc + pthread_mutex", [] { return a_thousand(new_mutex, free_mutex); });
    thousand.at_least(1, "malloc(40) + free").best_of_many().run();

    compare_one_by_one("semaphore", new_semaphore, free_semaphore, "malloc + sem_t", MallocedSemaphore::make,
                       MallocedSemaphore::unmake);
    compare_one_by_one("event", new_event, free_event, "malloc + pthread_cond", MallocedCondition::make,
                       MallocedCondition::unmake);
    compare_one_by_one("rlock", new_rlock, free_rlock, "malloc + pthread_mutex", new_mutex, free_mutex);
    compare_one_by_one("condition", new_condition, free_condition, "malloc + pthread_cond", MallocedCondition::make,
                       MallocedCondition::unmake);
    compare_one_by_one("barrier", new_barrier, free_barrier, "malloc + pthread_barrier", MallocedBarrier::make,
                       MallocedBarrier::unmake);
    compare_one_by_one("rwlock", new_rwlock, free_rwlock, "malloc + pthread_rwlock", MallocedRwlock::make,
                       MallocedRwlock::unmake);
    compare_one_by_one("spinlock", new_spinlock, free_spinlock, "malloc + pthread_spin", MallocedSpinlock::make,
                       MallocedSpinlock::unmake);

    Row queue("memory: new + free of one queue for 1024 items", {{"ns"}});
    queue.ours([] { return one_by_one(new_queue, free_queue); });
    queue.limit("malloc(8192) + free", [] {
        return one_by_one([] {
            void *memory = std::malloc(8192);
            keep(memory);
            return memory;
        }, std::free);
    });
#ifdef HAVE_RUST
    queue.peer("kanal", [] { return one_by_one([] { return peer_kanal_new(1024); }, peer_kanal_free); });
    queue.peer("crossbeam-channel", [] {
        return one_by_one([] { return peer_crossbeam_new(1024); }, peer_crossbeam_free);
    });
#endif
    queue.at_least(0.5, "kanal").best_of_many().run();

    Row bytes("memory: bytes for each of 20,000", {{"malloc'ed"}, {"resident"}});
    bytes.ours([] { return bytes_for_each(new_lock); });
    bytes.peer("lowthread semaphore", [] { return bytes_for_each(new_semaphore); });
    bytes.peer("lowthread event", [] { return bytes_for_each(new_event); });
    bytes.peer("lowthread rlock", [] { return bytes_for_each(new_rlock); });
    bytes.peer("lowthread condition", [] { return bytes_for_each(new_condition); });
    bytes.peer("lowthread barrier", [] { return bytes_for_each(new_barrier); });
    bytes.peer("lowthread rwlock", [] { return bytes_for_each(new_rwlock); });
    bytes.peer("lowthread spinlock", [] { return bytes_for_each(new_spinlock); });
    bytes.peer("lowthread pool, unused", [] { return bytes_for_each(new_pool, 1000); });
    bytes.peer("lowthread queue of 1024", [] { return bytes_for_each(new_queue, 1000); });
#ifdef HAVE_RUST
    bytes.peer("kanal queue of 1024", [] { return bytes_for_each([] { return peer_kanal_new(1024); }, 1000); });
#endif
    bytes.peer("malloc + pthread_mutex", [] { return bytes_for_each(new_mutex); });
    // A chunk's header and malloc's own are shared by all that live in the chunk.
    bytes.within(66).run();
}

}  // namespace bench
