#include "support.hpp"

#include <system_error>

TEST_CASE("an error has the status, the sentence and the category") {
    lt::lock lock;
    try {
        lock.release();
        FAIL("released what is not held");
    } catch (const lt::error &error) {
        CHECK(error.status() == lt::status::not_held);
        CHECK(error.code() == lt::status::not_held);
        CHECK(error.code().category() == lt::category());
        CHECK(std::string(error.what()).find("lt_lock_release") != std::string::npos);
    }
}

TEST_CASE("conditions are those of std::errc where one fits") {
    CHECK(std::error_code(lt::status::timed_out) == std::errc::timed_out);
    CHECK(std::error_code(lt::status::interrupted) == std::errc::interrupted);
    CHECK(std::error_code(lt::status::busy) == std::errc::device_or_resource_busy);
    CHECK(std::error_code(lt::status::cancelled) == std::errc::operation_canceled);
    CHECK(std::error_code(lt::status::empty) == std::errc::resource_unavailable_try_again);
    CHECK(std::error_code(lt::status::full) == std::errc::resource_unavailable_try_again);
    CHECK(std::error_code(lt::status::invalid) == std::errc::invalid_argument);
    CHECK(std::error_code(lt::status::bad_handle) == std::errc::invalid_argument);
    CHECK(std::error_code(lt::status::not_held) == std::errc::operation_not_permitted);
    CHECK(std::error_code(lt::status::not_owner) == std::errc::operation_not_permitted);
    CHECK(std::error_code(lt::status::overflow) == std::errc::value_too_large);
    CHECK(std::error_code(lt::status::no_memory) == std::errc::not_enough_memory);
    CHECK(std::error_code(lt::status::no_thread) == std::errc::resource_unavailable_try_again);
    CHECK(std::error_code(lt::status::deadlock) == std::errc::resource_deadlock_would_occur);
    CHECK(std::error_code(lt::status::unsupported) == std::errc::not_supported);
    CHECK(std::error_code(lt::status::closed) != std::errc::timed_out);
    CHECK(!std::error_code(lt::status::ok));
}

TEST_CASE("every status has C's name and words") {
    CHECK(std::string(name(lt::status::not_held)) == "LT_NOT_HELD");
    CHECK(std::error_code(lt::status::full).message() == lt_status_message(LT_FULL));
    lt::lock lock;
    CHECK(lock.release(std::nothrow) == lt::status::not_held);
    CHECK(lt::last_status() == lt::status::not_held);
    CHECK(std::string(lt::last_error()).find("lt_lock_release") == 0);
}

TEST_CASE("what is thrown is copied without being changed, and caught as std::system_error") {
    try {
        throw lt::closed();
    } catch (const std::system_error &error) {
        CHECK(error.code() == lt::status::closed);
    }
}
