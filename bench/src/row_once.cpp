// A call that is made once, when it has been made: what each later use of a global pays.

#include "locks.hpp"
#include "rows.hpp"

#include <mutex>

#ifdef HAVE_ABSEIL
#include <absl/base/call_once.h>
#endif

namespace bench {

namespace {

int calls = 0;
void call() { ++calls; }

// Each has its flag where a program has it, and is called through once before the first is timed.
template <class Call> Row::Figures done_round(Call again) {
    calls = 0;
    again();
    double cost = fastest_batch(again);
    must(calls <= 1, "one call");
    return {cost};
}

}  // namespace

void row_once() {
    Pinned pinned(0);
    Row row("once: already done", {{"ns"}});
    row.ours([] {
        static lt_once_flag flag = LT_ONCE_FLAG_INIT;
        return done_round([] { MUST(lt_call_once(&flag, [](void *) { call(); }, nullptr) == LT_OK); });
    });
    row.limit("limit, inlined", [] {
        static std::atomic<uint64_t> flag{1};
        return done_round([] { MUST(flag.load(std::memory_order_acquire) == 1); });
    });
    row.limit("limit, in a .so", [] {
        static const uint64_t flag = 1;
        return done_round([] { MUST(limit_once(&flag) == 0); });
    });
    row.peer("pthread_once", [] {
        static pthread_once_t flag = PTHREAD_ONCE_INIT;
        return done_round([] { MUST(pthread_once(&flag, call) == 0); });
    });
    row.peer("std::call_once", [] {
        static std::once_flag flag;
        return done_round([] { std::call_once(flag, call); });
    });
#ifdef HAVE_ABSEIL
    row.limit("absl::call_once (inlined)", [] {
        static absl::once_flag flag;
        return done_round([] { absl::call_once(flag, call); });
    });
#endif
#ifdef HAVE_GLIB
    row.limit("g_once (inlined)", [] {
        static GOnce flag = G_ONCE_INIT;
        return done_round([] {
            keep(g_once(&flag, [](gpointer) -> gpointer { call(); return &flag; }, nullptr));
        });
    });
#endif
#ifdef HAVE_NSYNC
    row.peer("nsync_once", [] {
        static nsync_once flag = NSYNC_ONCE_INIT;
        return done_round([] { nsync_run_once(&flag, call); });
    });
#endif
    // What is inlined is no call into a library: it is shown as a limit.
    row.at_least(1, Row::best_peer).best_of_many().run();
}

}  // namespace bench
