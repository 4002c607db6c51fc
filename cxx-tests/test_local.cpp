#include "support.hpp"

TEST_CASE("each thread has its own, made when it asks, destroyed when it ends") {
    counted::alive = 0;
    {
        lt::local<counted> local;
        CHECK(local.get_if() == nullptr);
        local->value = 1;
        lt::thread([&] {
            CHECK(local.get_if() == nullptr);
            CHECK((*local).value == 0);
            CHECK(counted::alive == 2);
        }).join();
        CHECK(counted::alive == 1);
        CHECK(local->value == 1);
        local.reset();
        CHECK(counted::alive == 0);
        (void)*local;
    }
    CHECK(counted::alive == 0);
}

TEST_CASE("made by a function; what that throws comes out") {
    int made = 0;
    lt::local<std::string> local([&] {
        if (made++ == 0) {
            throw std::runtime_error("not yet");
        }
        return std::string("made");
    });
    CHECK_THROWS_AS(local.get(), std::runtime_error);
    CHECK(*local == "made");
}

TEST_CASE("values outlive the object until their threads end") {
    counted::alive = 0;
    auto local = std::make_unique<lt::local<counted>>();
    lt::event made, gone;
    lt::thread thread([&] {
        (*local)->value = 1;
        made.set();
        gone.wait();
    });
    made.wait();
    local.reset();
    CHECK(counted::alive == 1);
    gone.set();
    thread.join();
    CHECK(counted::alive == 0);
}

TEST_CASE("destroyed also on the way of lt::exit") {
    counted::alive = 0;
    lt::local<counted> local;
    lt::thread([&] {
        (void)*local;
        lt::exit();
    }).join();
    CHECK(counted::alive == 0);
}

TEST_CASE("one whose making asks for it is made once") {
    counted::alive = 0;
    {
        lt::local<counted> *self = nullptr;
        int depth = 0;
        lt::local<counted> local([&] {
            if (depth++ == 0) {
                (*self)->value = 5;
                return counted(6);
            }
            return counted(4);
        });
        self = &local;
        CHECK(local->value == 5);
        CHECK(counted::alive == 1);
    }
    CHECK(counted::alive == 0);
}
