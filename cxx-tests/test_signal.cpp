#include "support.hpp"

#include <csignal>

TEST_CASE("a signal goes to the main thread, an event, a queue, a function") {
    lt::signals::to_main(SIGUSR1);
    std::raise(SIGUSR1);
    try {
        lt::this_thread::sleep_for(1h);
        FAIL("nothing interrupted it");
    } catch (const lt::interrupted &interrupted) {
        CHECK(interrupted.signal() == SIGUSR1);
    }
    lt::event event;
    lt::signals::to_event(SIGUSR1, event);
    std::raise(SIGUSR1);
    event.wait();
    lt::queue<int> queue;
    lt::signals::to_queue(SIGUSR1, queue);
    std::raise(SIGUSR1);
    CHECK(*queue.get() == SIGUSR1);
    lt::signals::to_callback(SIGUSR1, [&](int signum) { queue.put(-signum); });
    std::raise(SIGUSR1);
    CHECK(*queue.get() == -SIGUSR1);
    lt::signals::restore(SIGUSR1);
    CHECK_THROWS_AS(lt::signals::to_main(SIGKILL), lt::error);
    lt::interrupt_main(SIGUSR2);
    CHECK_THROWS_AS(lt::this_thread::check_interrupt(), lt::interrupted);
    CHECK(lt::this_thread::interrupt_signal() == SIGUSR2);
}

static volatile std::sig_atomic_t handled = 0;

TEST_CASE("a handler that was there stays at work, before main's interrupt, and has the signal back in the end") {
    const auto before = std::signal(SIGUSR1, [](int) { handled = handled + 1; });
    lt::signals::chain_to_main(SIGUSR1);
    std::raise(SIGUSR1);
    CHECK_THROWS_AS(lt::this_thread::sleep_for(1h), lt::interrupted);
    CHECK(handled == 1);
    lt::signals::restore(SIGUSR1);
    std::raise(SIGUSR1);
    CHECK(handled == 2);
    CHECK(lt::this_thread::check_interrupt(std::nothrow) == lt::status::ok);
    std::signal(SIGUSR1, before);
}
