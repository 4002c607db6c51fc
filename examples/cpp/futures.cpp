// A pool: results, what comes after them, the first of several, and a map over a range.
#include <lowthread.hpp>

#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

void promise(bool kept, const char *sentence) {
    if (!kept) {
        std::fprintf(stderr, "broken promise: %s\n", sentence);
        std::exit(EXIT_FAILURE);
    }
}

int parse(const std::string &text) { return std::stoi(text); }

} // namespace

int main() {
    using namespace std::chrono_literals;
    lt::pool pool(4, "worker");

    auto answer = pool.submit(parse, "41").then([](int n) { return n + 1; });
    promise(answer.get() == 42, "what comes after a task gets its result");

    auto bad = pool.submit(parse, "forty-one").then([](int n) { return n + 1; });
    try {
        bad.get();
        promise(false, "an exception goes past what comes after");
    } catch (const std::invalid_argument &error) {
        std::printf("not a number: %s\n", error.what());
    }

    lt::event never;
    auto race = lt::when_any(pool.submit([] { return 1; }), pool.submit([&] {
        never.wait();
        return 2;
    }));
    auto first = race.get();
    promise(first.index == 0, "the first one wins");
    never.set(); // Else the pool would wait for the other one.

    std::vector<int> numbers(1000);
    std::iota(numbers.begin(), numbers.end(), 1);
    const auto squares = pool.map([](long n) { return n * n; }, numbers);
    promise(std::accumulate(squares.begin(), squares.end(), 0L) == 333833500, "a map keeps all");

    lt::future<void> later = pool.submit([] { lt::this_thread::sleep_for(1ms); });
    promise(later.wait_for(1h) == std::future_status::ready, "any duration will do");
    return EXIT_SUCCESS;
}
