#include "support.hpp"

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include <unistd.h>

TEST_CASE("an object is called by its type, or as it was named, in whole") {
    lt::event event;
    CHECK(lt::name_of(event).rfind("event 0x", 0) == 0);
    for (std::size_t length : {1, 59, 60, 61, 63, 64, 65, 1000}) {
        std::string name;
        while (name.size() < length) {
            name += "\u00e9";
        }
        lt::set_name(event, name);
        CHECK(lt::name_of(event) == name);
    }
    CHECK_THROWS_AS(lt::set_name(event, "\xff"), lt::error);
    lt::set_name(event, "");
    CHECK(lt::name_of(event).rfind("event 0x", 0) == 0);
}

TEST_CASE("a thread is named, and what it waits for is told") {
    lt::event event;
    lt::set_name(event, "the event");
    lt::thread thread([&] { event.wait(); });
    lt::set_name(thread, "waiter");
    CHECK(lt::name_of(thread) == "waiter");
    std::vector<lt_wait_info> waits;
    while ((waits = lt::waits()).empty()) {
        std::this_thread::yield();
    }
    CHECK(waits.size() == 1);
    CHECK(waits[0].handle == event.native_handle());
    CHECK(std::string(waits[0].name) == "the event");
    CHECK(std::string(waits[0].verb) == "wait");
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    CHECK(lt::dump(ends[1]) == lt::status::ok);
    lt::dump_on_signal(SIGUSR1, ends[1]);
    std::raise(SIGUSR1);
    lt::dump_on_signal(SIGUSR1, -1);
    close(ends[1]);
    std::string text(4096, '\0');
    text.resize(std::size_t(read(ends[0], text.data(), text.size())));
    close(ends[0]);
    const std::string line = "waiter (ident " + std::to_string(thread.get_id());
    const std::size_t first = text.find(line);
    CHECK(first != std::string::npos);
    CHECK(text.find(line, first + 1) != std::string::npos);
    CHECK(text.find(": wait event \"the event\" 0x") != std::string::npos);
    event.set();
    CHECK(lt::dump(-1) == lt::status::invalid);
    CHECK_THROWS_AS(lt::dump_on_signal(SIGKILL, 1), lt::error);
}

TEST_CASE("a wait that would never end throws, and is told to the hook") {
    static int told = 0;
    lt::set_deadlock_hook([](const lt_deadlock_info *info, void *) { told += info->count == 2 ? 1 : 100; });
    lt::set_insight(lt::insight::deadlock | lt::insight::contention);
    lt::lock first, second;
    lt::event both;
    first.acquire();
    lt::thread thread([&] {
        second.acquire();
        both.set();
        first.acquire();
        first.release();
        second.release();
    });
    both.wait();
    while (lt::waits().empty()) {
        std::this_thread::yield();
    }
    CHECK_THROWS_AS(second.acquire(), lt::error);
    CHECK(told == 1);
    first.release();
    thread.join();
    const std::vector<lt_contention_info> contention = lt::contention();
    CHECK(!contention.empty());
    CHECK_THROWS_AS(lt::contention_report(-1), lt::error);
    lt::set_insight(lt::insight::none);
    lt::set_deadlock_hook(nullptr);
}

TEST_CASE("a trace has spans, and ends once") {
    const std::string path = "trace-of-cxx.json";
    lt::trace_start(path);
    CHECK_THROWS_AS(lt::trace_start("another.json"), lt::error);
    {
        const lt::trace_span outer("outer");
        const lt::trace_span inner("inner");
    }
    lt::trace_stop();
    lt::trace_stop();
    std::ifstream file(path);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    CHECK(text.find("\"name\":\"outer\"") < text.find("\"name\":\"inner\""));
    CHECK(text.find("\"name\":\"inner\"") != std::string::npos);
    std::remove(path.c_str());
    CHECK_THROWS_AS(lt::trace_start("no/such/folder/trace.json"), lt::error);
}
