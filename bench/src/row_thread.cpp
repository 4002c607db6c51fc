// Starting threads: what the call costs, how long until the started threads have run and are gone, and
// the CPU time of it all, for both sides: the one figure that other work on the machine leaves alone.

#include "bench.hpp"
#include "lowthread.h"
#include "rows.hpp"

namespace bench {

namespace {

constexpr int batch = 64;

struct Ended {
    std::atomic<uint32_t> number{0};
};

void end_one(void *ended) {
    auto &number = static_cast<Ended *>(ended)->number;
    if (number.fetch_add(1) + 1 == batch) futex_wake(number);
}

void *end_one_pthread(void *ended) {
    end_one(ended);
    return nullptr;
}

template <class Start> Row::Figures one_batch(Start start) {
    Ended ended;
    nlink_t before = threads_now();
    uint64_t cpu_before = read_clock(CLOCK_PROCESS_CPUTIME_ID), begin = now();
    for (int i = 0; i < batch; ++i) start(&ended);
    uint64_t called = now();
    for (uint32_t n; (n = ended.number.load()) != batch;) futex_wait(ended.number, n);
    while (threads_now() > before) sched_yield();
    uint64_t end = now(), cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu_before;
    return {double(called - begin) / batch / 1e3, double(end - begin) / batch / 1e3, double(cpu) / batch / 1e3};
}

Row::Figures ours(size_t stack_size) {
    MUST(lt_set_stack_size(stack_size) == LT_OK);
    auto figures = one_batch([](Ended *ended) { MUST(lt_start_new_thread(end_one, ended, nullptr) == LT_OK); });
    MUST(lt_set_stack_size(0) == LT_OK);
    return figures;
}

Row::Figures with_pthread(size_t stack_size) {
    // The size that ours effectively has, which is more than was asked for.
    MUST(lt_set_stack_size(stack_size) == LT_OK);
    size_t effective = lt_stack_size();
    MUST(lt_set_stack_size(0) == LT_OK);
    // Prepared for each thread, as ours is: it reads the size each time.
    return one_batch([=](Ended *ended) {
        pthread_attr_t attributes;
        pthread_t thread;
        MUST(pthread_attr_init(&attributes) == 0);
        MUST(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0);
        if (effective != 0) MUST(pthread_attr_setstacksize(&attributes, effective) == 0);
        MUST(pthread_create(&thread, &attributes, end_one_pthread, ended) == 0);
        pthread_attr_destroy(&attributes);
    });
}

}  // namespace

void row_thread() {
    for (size_t stack_size : {size_t(0), size_t(65536)}) {
        Row row(stack_size == 0 ? "thread: start of a detached thread, default stack, in batches of 64"
                                : "thread: start of a detached thread, 64 KiB stack, in batches of 64",
                {{"call us"}, {"to end us"}, {"CPU us"}});
        row.ours([=] { return ours(stack_size); });
        row.peer("pthread_create", [=] { return with_pthread(stack_size); });
        row.at_least(1 / 1.03, "pthread_create")
            .at_least(1 / 1.03, "pthread_create", 1)
            .at_least(1 / 1.03, "pthread_create", 2)
            .in_parts(full_or_quick(20, 5))
            .run();
    }
}

}  // namespace bench
