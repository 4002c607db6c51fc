// Three stages between bounded queues: a slow one holds up those before it, and closing the first ends them all in
// order. What a stage throws comes out of its join.
#include <lowthread.hpp>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

void promise(bool kept, const char *sentence) {
    if (!kept) {
        std::fprintf(stderr, "broken promise: %s\n", sentence);
        std::exit(EXIT_FAILURE);
    }
}

struct page {
    int number;
    std::string text;
};

} // namespace

int main() {
    lt::queue<int> numbers(4);
    lt::queue<std::unique_ptr<page>> pages(4); // Move-only items.
    long letters = 0;

    lt::thread fetch({"fetch"}, [&] {
        for (int number : numbers) {
            pages.put(std::make_unique<page>(page{number, std::string(static_cast<std::size_t>(number), 'x')}));
        }
        pages.close();
    });
    lt::thread count({"count"}, [&] {
        for (auto item : pages) {
            letters += static_cast<long>(item->text.size());
            if (item->number == 100) {
                throw std::runtime_error("page 100 is the last");
            }
        }
    });
    for (int number = 1; number <= 100; number++) {
        numbers.put(number);
    }
    numbers.close();
    fetch.join();
    try {
        count.join();
        promise(false, "what a thread throws, its join throws");
    } catch (const std::runtime_error &error) {
        std::printf("%s\n", error.what());
    }
    promise(letters == 5050, "no page is lost");
    return EXIT_SUCCESS;
}
