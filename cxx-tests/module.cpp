// A program that imports the module, and includes nothing of the library.
#include <cstdio>
#include <mutex>

import lowthread;

int main() {
    lt::lock lock;
    int n = 0;
    {
        lt::thread thread([&] {
            std::lock_guard<lt::lock> guard(lock);
            n = 42;
        });
        thread.join();
    }
    lt::queue<int> queue;
    queue.put(n);
    queue.close();
    for (auto item : queue) {
        std::printf("%d\n", item);
    }
    lt::pool pool(1);
    return pool.submit([&] { return n == 42 ? 0 : 1; }).get();
}
