// The first example of docs/cxx.md: a queue, a thread that reads it, and what it throws.
#include <lowthread.hpp>

#include <cstdio>
#include <stdexcept>
#include <string>

int main() {
    lt::queue<std::string> lines(100);
    lt::thread reader([&] {
        for (auto line : lines) {
            std::puts(line.c_str());
        }
        throw std::runtime_error("no more lines");
    });
    lines.put("hello");
    lines.close();
    try {
        reader.join();
    } catch (const std::runtime_error &error) { // The very object.
        std::puts(error.what());
    }
}
