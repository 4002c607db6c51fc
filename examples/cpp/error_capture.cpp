// C++ exceptions that leave a thread: they end that thread alone, and a join tells of them.
#include <lowthread.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

namespace {

void promise(bool kept, const char *sentence) {
    if (!kept) {
        std::fprintf(stderr, "broken promise: %s; last error: %s\n", sentence, lt_last_error());
        std::exit(EXIT_FAILURE);
    }
}

int destroyed = 0;

struct Guard {
    ~Guard() { destroyed++; }
};

void parse(void *text) {
    Guard guard; // Destroyed on the way, whichever way that is.
    int number = std::stoi(static_cast<const char *>(text));
    if (number < 0) {
        lt_raise(number, "negative"); // The library's own error, which unwinds like an exception.
    }
    std::printf("parsed %d\n", number);
}

// Runs parse() on a thread of its own; the thread, joined.
lt_thread *parsed(const char *text, lt_status expected) {
    lt_thread_options options{};
    options.size = sizeof options;
    options.name = "parser";
    options.errors = lt_errors_new(); // Else the default hook would print the error.
    lt_thread *thread = nullptr;
    promise(lt_thread_start(parse, const_cast<char *>(text), &options, &thread) == LT_OK,
        "a thread starts");
    promise(lt_thread_join(thread) == expected, "a join tells how the thread ended");
    promise(lt_errors_free(options.errors) == LT_OK, "the container can be freed");
    return thread;
}

} // namespace

int main() {
    const lt_error_info *error = nullptr;

    lt_thread *good = parsed("42", LT_OK);
    promise(lt_thread_error(good, &error) == LT_EMPTY, "a thread that returned has no error");

    lt_thread *thrown = parsed("forty-two", LT_FAILED);
    promise(lt_thread_error(thrown, &error) == LT_OK, "a thread that threw has an error");
    promise(error->kind == LT_ERROR_CXX, "it is known to be C++'s");
    std::printf("%s in %s: %s\n", error->type_name, error->thread_name, error->message);
    promise(std::strstr(error->type_name, "invalid_argument") != nullptr, "its type has a name");

    lt_thread *raised = parsed("-3", LT_FAILED);
    promise(lt_thread_error(raised, &error) == LT_OK && error->kind == LT_ERROR_RAISED
            && error->code == -3, "an error that was raised keeps its code");

    promise(destroyed == 3, "every destructor has run");
    promise(lt_thread_free(good) == LT_OK && lt_thread_free(thrown) == LT_OK
            && lt_thread_free(raised) == LT_OK, "the handles can be freed");
    return EXIT_SUCCESS;
}
