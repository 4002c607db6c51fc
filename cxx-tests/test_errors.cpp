#include "support.hpp"

TEST_CASE("a container has the first, and counts all") {
    lt::errors errors;
    CHECK(errors.get() == nullptr);
    for (int i = 0; i < 3; i++) {
        lt::spawn(errors, [] { throw std::runtime_error("again"); });
    }
    while (errors.count() < 3) {
        lt::this_thread::yield();
    }
    REQUIRE(errors.get() != nullptr);
    const lt::error_info copy(*errors.get());
    CHECK(std::string(lt::backtrace(*errors.get())) != "");
    errors.clear();
    CHECK(errors.get() == nullptr);
    CHECK(copy.message == "again");
    CHECK(copy.type_name == "std::runtime_error");
    CHECK(copy.kind == LT_ERROR_CXX);
}

TEST_CASE("the hook is told of detached threads") {
    hooked hook;
    lt::start_new_thread([] { throw std::logic_error("told"); });
    CHECK(hook.told.get()->find("std::logic_error: told in ") == 0);
}
