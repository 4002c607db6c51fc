// Calls that do nothing much: next to a call into a shared library that does nothing at all.

#include "locks.hpp"
#include "rows.hpp"

#include <chrono>

namespace bench {

namespace {

// pthread_self without the promise that it is always the same, by which a compiler calls it once for all.
extern "C" pthread_t own_pthread() asm("pthread_self");

constexpr const char *empty_call = "an empty call";

template <class Ours, class Peer> void compare(const char *title, Ours ours, const char *name, Peer peer) {
    Row row(title, {{"ns"}});
    row.ours([=] { return Row::Figures{fastest_batch(ours)}; });
    row.limit(empty_call, [] { return Row::Figures{fastest_batch([] { MUST(limit_nothing() == 0); })}; });
    row.peer(name, [=] { return Row::Figures{fastest_batch(peer)}; });
    row.at_least(1, Row::best_peer).best_of_many().run();
}

}  // namespace

void row_calls() {
    Pinned pinned(0);
    static int value;
    lt_local *local = lt_local_new(nullptr);
    pthread_key_t key;
    MUST(local != nullptr);
    MUST(pthread_key_create(&key, nullptr) == 0);

    compare("calls: lt_get_ident", [] { keep(lt_get_ident()); },
            "pthread_self", [] { keep(own_pthread()); });
    compare("calls: lt_local_set", [=] { MUST(lt_local_set(local, &value) == LT_OK); },
            "pthread_setspecific", [=] { MUST(pthread_setspecific(key, &value) == 0); });
    compare("calls: lt_local_get", [=] { MUST(lt_local_get(local) == &value); },
            "pthread_getspecific", [=] { MUST(pthread_getspecific(key) == &value); });
    compare("calls: lt_check_interrupt", [] { MUST(lt_check_interrupt() == LT_OK); },
            "pthread_testcancel", [] { pthread_testcancel(); });
    compare("calls: lt_monotonic", [] { keep(lt_monotonic()); },
            "clock_gettime", [] { keep(now()); });

    pthread_key_delete(key);
    MUST(lt_local_free(local) == LT_OK);
}

}  // namespace bench
