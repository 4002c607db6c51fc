// The templates, made for types of several kinds: a warning in one is given where it is used.
#include <lowthread.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

template class lt::queue<int>;
template class lt::queue<std::string>;
template class lt::local<std::string>;
template class lt::future<int>;
template class lt::future<int &>;
template class lt::future<void>;
template class lt::shared_future<std::string>;
template class lt::promise<int>;
template class lt::promise<void>;

void instances(lt::pool &pool);

void instances(lt::pool &pool) {
    int number = 0;
    lt::queue<std::string> queue;
    for (const std::string &line : queue) {
        pool.post([line] {});
    }
    pool.submit([&number]() -> int & { return number; }).then([](int &) {}).get();
    pool.submit([](std::unique_ptr<int> one) { return one; }, std::make_unique<int>(1))
        .then(pool, [](std::unique_ptr<int>) {}).get();
    std::vector<lt::future<int>> all;
    all.push_back(pool.submit([] { return 1; }));
    lt::when_all(std::move(all)).get();
    pool.map([](int n) { return n; }, std::vector<int>(3));
    pool.map([](bool) {}, std::vector<bool>(3));
    lt::local<int> local([] { return 1; });
    lt::thread([](const std::string &, int) {}, "text", 2).join();
    lt::thread([](const lt::stop_token &) {}).join();
    lt::timer timer(std::chrono::seconds(1), [&number] { number++; });
    std::optional<std::string> taken;
    lt::select(lt::on_get(queue, taken));
}
