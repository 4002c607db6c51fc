#include "support.hpp"

#include <memory>
#include <limits>
#include <numeric>

#if defined(__cpp_lib_ranges)
#include <ranges>
static_assert(std::input_iterator<lt::queue<std::unique_ptr<int>>::iterator>);
static_assert(std::ranges::input_range<lt::queue<int>>);
#endif

struct small {
    short a;
    char b;
};
enum class colour : unsigned char { red, green = 200 };

TEST_CASE("items of every kind come out as they went in, in order") {
    lt::queue<int> ints;
    ints.put(-5);
    ints.put(std::numeric_limits<int>::max());
    CHECK(*ints.get() == -5);
    CHECK(*ints.get() == std::numeric_limits<int>::max());
    lt::queue<double> doubles;
    doubles.put(2.5);
    CHECK(*doubles.get() == 2.5);
    lt::queue<bool> bools;
    bools.put(true);
    CHECK(*bools.get());
    lt::queue<colour> colours;
    colours.put(colour::green);
    CHECK(*colours.get() == colour::green);
    lt::queue<small> smalls;
    smalls.put({-2, 'x'});
    const small back = *smalls.get();
    CHECK(back.a == -2);
    CHECK(back.b == 'x');
    lt::queue<const char *> pointers;
    pointers.put(nullptr);
    CHECK(*pointers.get() == nullptr);
    lt::queue<std::string> strings;
    const std::string kept(100, 'a');
    strings.put(kept);
    strings.emplace(3, 'b');
    CHECK(*strings.get() == kept);
    CHECK(*strings.get() == "bbb");
    lt::queue<std::unique_ptr<const int>> owners;
    owners.put(std::make_unique<int>(1));
    CHECK(**owners.get() == 1);
    lt::queue<std::vector<bool>> vectors;
    vectors.put({true, false});
    CHECK(vectors.get()->size() == 2);
}

TEST_CASE("what was not put is as it was") {
    lt::queue<std::unique_ptr<int>> full(1);
    full.put(std::make_unique<int>(1));
    auto item = std::make_unique<int>(2);
    CHECK(!full.try_put(std::move(item)));
    REQUIRE(item);
    CHECK(!full.put_for(std::move(item), 1ms));
    CHECK(!full.put_until(std::move(item), std::chrono::steady_clock::now() + 1ms));
    full.close();
    CHECK_THROWS_AS(full.put(std::move(item)), lt::closed);
    CHECK_THROWS_AS((void)full.try_put(std::move(item)), lt::closed);
    CHECK(full.put(std::nothrow, std::move(item)) == lt::status::closed);
    REQUIRE(item);
    CHECK(*item == 2);
    lt::queue<std::string> strings(1);
    strings.put("first");
    std::string second(100, 'x');
    CHECK(!strings.try_put(std::move(second)));
    CHECK(second == std::string(100, 'x'));
    CHECK(!strings.try_put(second));
    lt::thread waits([&] { CHECK_THROWS_AS(strings.put(std::move(second)), lt::interrupted); });
    waits.interrupt();
    waits.join();
    CHECK(second == std::string(100, 'x'));
}

TEST_CASE("nothing leaks: closed, dropped, destroyed, thrown in the middle") {
    counted::alive = 0;
    {
        lt::queue<counted> queue;
        queue.emplace(1);
        queue.emplace(2);
        queue.emplace(3);
        CHECK(queue.get()->value == 1);
        CHECK(counted::alive == 2);
        queue.close(true);
        CHECK(counted::alive == 0);
        CHECK(!queue.get());
    }
    {
        lt::queue<counted> queue;
        queue.emplace(1);
    }
    CHECK(counted::alive == 0);
    lt::queue<counted> queue;
    {
        counted bomb(13);
        bomb.bomb = true;
        bomb.fuse = 1;
        CHECK_THROWS_AS(queue.put(std::move(bomb)), std::runtime_error); // On the way in.
        CHECK(bomb.value == 13);
    }
    CHECK(counted::alive == 0);
    CHECK(queue.empty());
    {
        counted bomb(13);
        bomb.bomb = true;
        bomb.fuse = 2;
        queue.put(std::move(bomb));
    }
    queue.put(counted(14));
    CHECK(counted::alive == 2);
    CHECK(queue.size() == 2);
    try {
        (void)queue.get(); // On the way out: that item is lost, and no other.
        (void)queue.get();
    } catch (const std::runtime_error &) {
        CHECK(queue.get()->value == 14);
    }
    CHECK(counted::alive == 0);
}

TEST_CASE("a loop takes items until the queue is closed") {
    lt::queue<std::unique_ptr<int>> queue(2);
    lt::thread puts([&] {
        for (int i = 1; i <= 100; i++) {
            queue.put(std::make_unique<int>(i));
        }
        queue.close();
    });
    int sum = 0;
    for (auto item : queue) {
        sum += *item;
    }
    CHECK(sum == 5050);
    CHECK(queue.is_closed());
    CHECK(!queue.get());
    CHECK(!queue.try_get());
    CHECK(!queue.get_for(1h));
}

TEST_CASE("batches, longer than those of inside") {
    lt::queue<std::string> queue;
    std::vector<std::string> items;
    for (int i = 0; i < 200; i++) {
        items.push_back(std::to_string(i));
    }
    CHECK(queue.put_many(items.begin(), items.end()) == 200);
    CHECK(queue.put_many(std::make_move_iterator(items.begin()), std::make_move_iterator(items.end())) == 200);
    CHECK(items[150].empty());
    std::vector<std::string> out = queue.get_many(150);
    CHECK(out.size() == 150);
    CHECK(queue.get_many(std::back_inserter(out), 1000) == 250);
    CHECK(out[399] == "199");
    CHECK(queue.get_many_for(std::back_inserter(out), 10, 1ms) == 0);
    queue.close();
    CHECK(queue.get_many(10).empty());
    CHECK(queue.put_many(items.begin(), items.end()) == 0);
}

TEST_CASE("a batch that is cut short leaves nothing behind") {
    counted::alive = 0;
    {
        lt::queue<counted> queue(3);
        std::vector<counted> items(10);
        lt::thread closes([&] {
            while (!queue.full()) {
                lt::this_thread::yield();
            }
            queue.close();
        });
        CHECK(queue.put_many(items.begin(), items.end()) == 3);
        closes.join();
        struct refuses {
            refuses &operator*() { return *this; }
            refuses &operator++() { return *this; }
            refuses &operator=(counted &&) { throw std::length_error("no room"); }
        };
        CHECK_THROWS_AS(queue.get_many(refuses(), 10), std::length_error);
        CHECK(counted::alive == 10); // Those of the vector.
    }
    CHECK(counted::alive == 0);
}

TEST_CASE("join waits until all that was put is done with") {
    lt::queue<int> queue;
    queue.put(1);
    CHECK(!queue.try_join());
    CHECK(!queue.join_for(1ms));
    lt::thread works([&] {
        (void)queue.get();
        queue.task_done();
    });
    queue.join();
    CHECK_THROWS_AS(queue.task_done(), lt::error);
    works.join();
}

TEST_CASE("its end sends those who wait away") {
    auto queue = std::make_unique<lt::queue<counted>>(1);
    lt_queue *const handle = queue->native_handle();
    lt::event begun;
    lt::thread waits([&] {
        begun.set();
        void *item = nullptr;
        const lt_status s = lt_queue_get(handle, &item);
        CHECK((s == LT_CLOSED || s == LT_BAD_HANDLE)); // Or it came too late.
    });
    begun.wait();
    queue.reset();
    waits.join();
}

TEST_CASE("many producers and consumers lose nothing") {
    lt::queue<std::string> queue(4);
    std::atomic<long> sum{0};
    {
        std::vector<lt::thread> consumers;
        for (int i = 0; i < 3; i++) {
            consumers.emplace_back([&] {
                for (auto item : queue) {
                    sum += std::stoi(item);
                }
            });
        }
        {
            std::vector<lt::thread> producers;
            for (int i = 0; i < 3; i++) {
                producers.emplace_back([&] {
                    for (int n = 1; n <= 1000; n++) {
                        queue.put(std::to_string(n));
                    }
                });
            }
        }
        queue.close();
    }
    CHECK(sum == 3 * 500500);
}

template <typename Queue, typename From, typename = void> constexpr bool emplaces = false;
template <typename Queue, typename From>
constexpr bool
    emplaces<Queue, From, std::void_t<decltype(std::declval<Queue &>().emplace(std::declval<From>()))>> = true;

TEST_CASE("an item is made as a constructor would, not by a cast") {
    CHECK(emplaces<lt::queue<std::unique_ptr<int>>, int *>);
    CHECK(emplaces<lt::queue<double>, int>);
    CHECK(!emplaces<lt::queue<int *>, void *>);
    CHECK(!emplaces<lt::queue<std::intptr_t>, int *>);
    lt::queue<int> zero;
    zero.emplace();
    CHECK(*zero.get() == 0);
}

/// Has memory only for those that are made by hand.
struct pooled {
    static void *operator new(std::size_t) = delete;
    static void operator delete(void *) = delete;
    std::string text;
};
/// Can be made only of something, moved once, and not assigned.
struct particular {
    explicit particular(int v) : value(v) {}
    particular(particular &&) noexcept = default;
    particular &operator=(particular &&) = delete;
    const int value;
    std::string more = "more";
};
struct alignas(128) wide {
    char bytes[128];
};

TEST_CASE("items of any nature") {
    lt::queue<pooled> own_new;
    own_new.put(pooled{"text"});
    CHECK(own_new.get()->text == "text");
    lt::queue<particular> particulars(1);
    particulars.emplace(1);
    particular second(2);
    CHECK(!particulars.try_put(std::move(second)));
    CHECK(second.more == "more");
    CHECK(particulars.get()->value == 1);
    lt::queue<wide> wides;
    wides.put(wide());
    const auto back = wides.get();
    CHECK(reinterpret_cast<std::uintptr_t>(back->bytes) % 128 == 0);
    lt::queue<std::optional<int>> optionals;
    optionals.put(std::nullopt);
    CHECK(optionals.get().has_value());
    lt::queue<std::optional<std::string>> nested;
    nested.put(std::nullopt);
    const auto one = nested.get();
    REQUIRE(one.has_value());
    CHECK(!one->has_value());
    lt::queue<std::unique_ptr<int>> null;
    null.put(nullptr);
    CHECK(*null.get() == nullptr);
}

TEST_CASE("nothing leaks where a batch is taken from a range that throws, or moves throw in it") {
    counted::alive = 0;
    {
        lt::queue<counted> queue;
        std::vector<counted> items(3);
        items[1].bomb = true;
        items[1].fuse = 1;
        CHECK_THROWS_AS(
            queue.put_many(std::make_move_iterator(items.begin()), std::make_move_iterator(items.end())),
            std::runtime_error);
        CHECK(queue.empty());
        CHECK(counted::alive == 3);
    }
    CHECK(counted::alive == 0);
}
