// The same source, compiled in several ways into one program: each has its own functions where they differ.
#include <lowthread.hpp>

int WORK() {
    lt::queue<std::string> queue(std::nothrow, 1);
    lt::event stopped(std::nothrow);
    lt::thread thread(std::nothrow, {}, [&](lt::stop_token token) {
        std::string text = "text";
        if (queue.put(std::nothrow, std::move(text)) == lt::status::ok
            && queue.put(std::nothrow, "more") == lt::status::interrupted && token.stop_requested()) {
            stopped.set();
        }
    });
    std::optional<std::string> out;
    while (!queue.full()) {
        lt::this_thread::yield();
    }
    thread.request_stop();
    LT_IGNORE(thread.join(std::nothrow) == lt::status::ok);
    LT_IGNORE(queue.get(std::nothrow, out) == lt::status::ok);
    lt::pool pool(std::nothrow, 1);
    const int n = pool.submit([] { return 1; }).then(pool, [](int one) { return one + 1; }).get();
    return stopped.is_set() && out && *out == "text" && n == 2 ? 0 : 1;
}
