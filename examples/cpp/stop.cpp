// Stopping threads: a stop is seen by the token, and ends whatever wait the thread is in. Ctrl-C ends main's.
#include <lowthread.hpp>

#include <csignal>
#include <cstdio>
#include <mutex>

int main() {
    using namespace std::chrono_literals;
    lt::signals::to_main(SIGINT);
    lt::lock lock;
    lt::condition changed;
    int ticks = 0;

    lt::thread ticker([&](lt::stop_token token) {
        while (!token.stop_requested()) {
            {
                std::lock_guard<lt::lock> guard(lock);
                ticks++;
            }
            changed.notify_all();
            lt::this_thread::sleep_for(1ms); // A stop ends it, and then the thread, which is no error.
        }
    });
    {
        std::unique_lock<lt::lock> guard(lock);
        changed.wait(guard, [&] { return ticks >= 3; });
    }
    lt::timer types(1ms, [] { lt::interrupt_main(SIGINT); }); // As who presses Ctrl-C.
    try {
        lt::this_thread::sleep_for(1h);
    } catch (const lt::interrupted &interrupted) {
        std::printf("signal %d, after %d ticks or more\n", interrupted.signal(), 3);
    }
} // The ticker is stopped and joined.
