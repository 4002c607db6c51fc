// Making and freeing a lock, and the memory that many of them take.

#include "locks.hpp"
#include "rows.hpp"

#include <malloc.h>

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

// Bytes for each of many, by malloc's count and by the kernel's. They are kept: memory that another
// contestant has just given back would be taken for no memory at all.
template <class Make> Row::Figures bytes_for_each(Make make) {
    const size_t n = 20'000;
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

    Row bytes("memory: bytes for each of 20,000", {{"malloc'ed"}, {"resident"}});
    bytes.ours([] { return bytes_for_each(new_lock); });
    bytes.peer("lowthread semaphore", [] {
        return bytes_for_each([] { return lt_semaphore_new(0); });
    });
    bytes.peer("lowthread event", [] { return bytes_for_each([] { return lt_event_new(); }); });
    bytes.peer("malloc + pthread_mutex", [] { return bytes_for_each(new_mutex); });
    // A chunk's header and malloc's own are shared by all that live in the chunk.
    bytes.within(66).run();
}

}  // namespace bench
