// The pool: a million tasks that do nothing, with and without futures, and one task on idle workers.

#include "locks.hpp"
#include "rows.hpp"

#include <dirent.h>

#ifdef HAVE_TBB
#include <oneapi/tbb/parallel_for.h>
#endif

#ifdef HAVE_RUST
#include <peers.h>
#endif

namespace bench {

namespace {

using Function = void *(*)(void *);

struct Ours {
    static constexpr const char *name = "lowthread";
    using Future = lt_future *;
    lt_pool *pool;
    explicit Ours(int workers) : pool(lt_pool_new(uint32_t(workers), nullptr)) { MUST(pool != nullptr); }
    ~Ours() { MUST(lt_pool_free(pool) == LT_OK); }
    void execute(Function function, void *argument) {
        MUST(lt_pool_submit(pool, function, argument, nullptr) == LT_OK);
    }
    Future submit(Function function, void *argument) {
        Future future = nullptr;
        MUST(lt_pool_submit(pool, function, argument, &future) == LT_OK);
        return future;
    }
    void *take(Future future) {
        void *result = nullptr;
        MUST(lt_future_result(future, &result) == LT_OK);
        MUST(lt_future_free(future) == LT_OK);
        return result;
    }
};

#ifdef HAVE_RUST
#define RUST_POOL(Type, prefix, title)                                                             \
    struct Type {                                                                                  \
        static constexpr const char *name = title;                                                 \
        using Future = void *;                                                                     \
        void *pool;                                                                                \
        explicit Type(int workers) : pool(peer_##prefix##_new(size_t(workers))) {}                 \
        ~Type() { peer_##prefix##_free(pool); }                                                    \
        void execute(Function function, void *argument) {                                          \
            peer_##prefix##_execute(pool, function, argument);                                     \
        }                                                                                          \
        Future submit(Function function, void *argument) {                                         \
            return peer_##prefix##_submit(pool, function, argument);                               \
        }                                                                                          \
        void *take(Future future) {                                                                \
            void *result = peer_future_result(future);                                             \
            peer_future_free(future);                                                              \
            return result;                                                                         \
        }                                                                                          \
    }
RUST_POOL(Crossbeam, crossbeam_pool, "crossbeam-channel pool");
RUST_POOL(Rayon, rayon, "rayon::spawn");
RUST_POOL(Threadpool, threadpool, "threadpool");
#endif

template <class F> void each_peer([[maybe_unused]] F f) {
#ifdef HAVE_RUST
    f.template operator()<Crossbeam>();
    f.template operator()<Rayon>();
    f.template operator()<Threadpool>();
#endif
}

void *give_back(void *argument) { return argument; }

// ---- How many tasks have run: each worker counts for itself ------------------------------------------

struct alignas(64) Count { std::atomic<uint64_t> n{0}; };
Count counts[256];
std::atomic<unsigned> counting{0};

void *count_one(void *) {
    // Workers come and go with the pools, so a count may be shared by a worker and one long gone.
    static thread_local Count &mine = counts[counting.fetch_add(1) % std::size(counts)];
    mine.n.store(mine.n.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return nullptr;
}

uint64_t counted() {
    uint64_t sum = 0;
    for (const Count &count : counts) sum += count.n.load(std::memory_order_relaxed);
    return sum;
}

void await_count(uint64_t wanted) {
    while (counted() != wanted) sleep_for(20'000);
}

// Starts the workers that a pool starts when there is work.
template <class Pool> void warm_up(Pool &pool, int workers) {
    uint64_t tasks = uint64_t(workers) * 100, before = counted();
    for (uint64_t i = 0; i < tasks; ++i) pool.execute(count_one, nullptr);
    await_count(before + tasks);
}

// At its end the threads are gone that were started after its beginning: those of a pool may outlive it.
class AllGone {
public:
    ~AllGone() {
        for (uint64_t begin = now(); threads_now() > before_ && now() - begin < 1'000'000'000;) sleep_for(20'000);
    }

private:
    nlink_t before_ = threads_now();
};

uint64_t process_cpu() { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

int many() { return full_or_quick(1'000'000, 200'000); }

template <class Pool> Row::Figures forgotten_round() {
    AllGone all_gone;
    Pool pool(processors());
    warm_up(pool, processors());
    uint64_t tasks = uint64_t(many()), before = counted();
    uint64_t cpu = process_cpu(), begin = now();
    for (uint64_t i = 0; i < tasks; ++i) pool.execute(count_one, nullptr);
    uint64_t submitted = now();
    await_count(before + tasks);
    uint64_t end = now();
    return {double(end - begin) / double(tasks), double(process_cpu() - cpu) / double(tasks),
            double(submitted - begin) / double(tasks)};
}

// ---- Maps ----------------------------------------------------------------------------------------------

constexpr size_t mapped = 1000;

// The function for each of the arguments, again and again, on a pool that has its workers: `map(arguments, results)`.
template <class Map> Row::Figures map_round(Map map) {
    std::vector<void *> arguments(mapped), results(mapped);
    for (void *&argument : arguments) argument = &argument;
    std::vector<double> times;
    uint64_t cpu = 0;
    for (int i = -20, n = full_or_quick(500, 200); i < n; ++i) {
        std::fill(results.begin(), results.end(), nullptr);
        uint64_t cpu_before = process_cpu(), begin = now();
        map(arguments.data(), results.data());
        if (i < 0) continue;    // They start their threads.
        times.push_back(double(now() - begin));
        cpu += process_cpu() - cpu_before;
        MUST(results == arguments);
    }
    return {median(times) / 1e3, double(cpu) / double(times.size()) / 1e3};
}

Row::Figures our_map_round() {
    AllGone all_gone;
    Ours ours(processors());
    return map_round([&](void **arguments, void **results) {
        MUST(lt_pool_map(ours.pool, give_back, arguments, mapped, results, LT_FOREVER) == LT_OK);
    });
}

#ifdef HAVE_RUST
Row::Figures rayon_map_round() {
    AllGone all_gone;
    Rayon rayon(processors());
    return map_round([&](void **arguments, void **results) {
        peer_rayon_map(rayon.pool, give_back, arguments, mapped, results);
    });
}
#endif

#ifdef HAVE_TBB
Row::Figures tbb_map_round() {
    static volatile Function function = give_back;    // Called as a library calls it.
    return map_round([](void **arguments, void **results) {
        tbb::parallel_for(size_t(0), mapped, [=](size_t i) { results[i] = function(arguments[i]); });
    });
}
#endif

template <class Pool> Row::Figures futures_round() {
    AllGone all_gone;
    Pool pool(processors());
    warm_up(pool, processors());
    uintptr_t tasks = uintptr_t(many());
    std::vector<typename Pool::Future> futures(tasks);
    uint64_t cpu = process_cpu(), begin = now();
    for (uintptr_t i = 0; i < tasks; ++i) futures[i] = pool.submit(give_back, reinterpret_cast<void *>(i));
    uint64_t submitted = now();
    for (uintptr_t i = 0; i < tasks; ++i) MUST(pool.take(futures[i]) == reinterpret_cast<void *>(i));
    uint64_t end = now();
    return {double(end - begin) / double(tasks), double(process_cpu() - cpu) / double(tasks),
            double(submitted - begin) / double(tasks)};
}

// Waits until every other thread of the process sleeps in the kernel.
void until_others_sleep() {
    long self = syscall(SYS_gettid);
    DIR *tasks = opendir("/proc/self/task");
    must(tasks != nullptr, "opening /proc/self/task");
    while (dirent *entry = readdir(tasks)) {
        long thread = std::atol(entry->d_name);
        // One that is gone meanwhile does not matter.
        std::string path = std::string("/proc/self/task/") + entry->d_name + "/stat";
        if (thread > 0 && thread != self && access(path.c_str(), R_OK) == 0) {
            SleepWatch(pid_t(thread)).until_asleep();
        }
    }
    closedir(tasks);
}

// One task at a time: from before the submit to after its result. `asleep`: each time from a real sleep
// of all workers; else one right after the other.
template <class Pool> Row::Figures one_task_round(bool asleep) {
    AllGone all_gone;
    Pool pool(processors());
    warm_up(pool, processors());
    std::vector<double> times;
    uint64_t cpu = process_cpu();
    for (int i = 0, n = asleep ? full_or_quick(40, 20) : full_or_quick(2000, 500); i < n; ++i) {
        if (asleep) until_others_sleep();
        uint64_t begin = now();
        MUST(pool.take(pool.submit(give_back, &pool)) == &pool);
        times.push_back(double(now() - begin));
    }
    cpu = process_cpu() - cpu;
    keep_latencies(times);
    Row::Figures figures = {median(times) / 1e3, quantile(times, 0.9) / 1e3};
    // What it costs to look whether they sleep is not theirs.
    if (!asleep) figures.push_back(double(cpu) / double(times.size()) / 1e3);
    return figures;
}

void compare(const std::string &title, std::vector<Metric> metrics, int parts, auto round) {
    Row row(title, std::move(metrics));
    row.ours(round.template operator()<Ours>());
    each_peer([&]<class Pool>() { row.peer(Pool::name, round.template operator()<Pool>()); });
    row.at_least(1, Row::best_peer).in_parts(parts).run();
}

}  // namespace

// Nobody is pinned here: workers have no say in where they run, and would all share their maker's core.
void row_pool() {
    std::vector<Metric> per_task = {{"ns/task"}, {"CPU ns/task"}, {"submit ns"}};
    std::string tasks = options.quick ? "pool: 200,000 empty tasks, " : "pool: 1,000,000 empty tasks, ";
    compare(tasks + "fire and forget", per_task, full_or_quick(2, 1),
            []<class Pool>() -> Row::Round { return forgotten_round<Pool>; });
    compare(tasks + "each with a future", per_task, full_or_quick(2, 1),
            []<class Pool>() -> Row::Round { return futures_round<Pool>; });
    compare("pool: submit to result, all workers asleep", {{"us"}, {"90 % us"}}, full_or_quick(4, 2),
            []<class Pool>() -> Row::Round { return [] { return one_task_round<Pool>(true); }; });
    compare("pool: submit to result, one after the other", {{"us"}, {"90 % us"}, {"CPU us"}}, full_or_quick(4, 2),
            []<class Pool>() -> Row::Round { return [] { return one_task_round<Pool>(false); }; });
    // Last: tbb's threads stay.
    Row map("pool: map of 1,000 empty tasks", {{"us"}, {"CPU us"}});
    map.ours(our_map_round);
#ifdef HAVE_RUST
    map.peer("rayon's par_iter", rayon_map_round);
#endif
#ifdef HAVE_TBB
    map.peer("tbb::parallel_for", tbb_map_round);
#endif
    map.at_least(1, Row::best_peer).in_parts(full_or_quick(4, 2)).run();
}

}  // namespace bench
