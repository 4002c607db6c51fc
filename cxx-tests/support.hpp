// What several tests need.
#ifndef SUPPORT_HPP
#define SUPPORT_HPP

#include <doctest/doctest.h>
#include <lowthread.hpp>

#include <atomic>
#include <ostream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

/// Counts those that are alive, and can be told to throw when they are moved.
struct counted {
    static inline std::atomic<int> alive{0};

    explicit counted(int v = 0) : value(v) { alive++; }
    counted(counted &&other) : value(other.value) {
        if (other.bomb && --other.fuse == 0) {
            throw std::runtime_error("moved");
        }
        bomb = other.bomb;
        fuse = other.fuse;
        other.value = -1;
        alive++;
    }
    counted(const counted &other) : value(other.value) { alive++; }
    counted &operator=(counted &&other) noexcept {
        value = std::exchange(other.value, -1);
        bomb = other.bomb;
        fuse = other.fuse;
        return *this;
    }
    ~counted() { alive--; }

    int value;
    bool bomb = false;
    int fuse = 0; // Which move throws.
};

/// What the hook is told, meanwhile.
class hooked {
public:
    hooked() {
        lt::set_excepthook([this](const lt_error_info &info) {
            // The last hook is kept, but not called once the default is back.
            told.put(std::string(info.type_name) + ": " + info.message + " in " + info.thread_name);
        });
    }
    ~hooked() { lt::set_excepthook(nullptr); }

    lt::queue<std::string> told;
};

#endif
