// Bytes become the type of a C++ exception: classes with bases at any place, virtual ones too, as the type information of
// the C++ runtime describes them, under names that nobody has to believe. It is thrown in a thread of the library's with
// little stack, and what the library then says of it is compared with what the runtime and a walk of our own say.
//
// Pointers and offsets are right: type information is believed as far as the C++ runtime believes it.
#include <cxxabi.h>
#include <lowthread.h>
#include <pthread.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <typeinfo>
#include <vector>

// What driver.c and libfuzzer.c ask for.
extern "C" {
extern bool verbose;
extern void (*on_finding)(const uint8_t *, size_t);
bool verbose;
void (*on_finding)(const uint8_t *, size_t);
void run_program(const uint8_t *data, size_t size);
unsigned long calls_made(void);
}

namespace {

enum { CLASSES = 12, BASES = 3, PLACES = 8, LONGEST = 2000, LONGEST_READ = 1024 };

const uint8_t *program, *rest;
size_t program_size, left;
unsigned long thrown;

unsigned below(unsigned n) {
    unsigned byte = left == 0 ? 0 : (left--, *rest++);
    return byte % n;
}

[[noreturn]] void complain(const char *what, const std::string &got, const std::string &expected) {
    std::fprintf(stderr, "%s: the library says \"%s\", and it is \"%s\"\n", what, got.c_str(), expected.c_str());
    if (on_finding != nullptr) {
        on_finding(program, program_size);
    }
    std::abort();
}

// All objects have the same vtable, at each place of theirs: so each place can be an std::exception, and have a base at any
// distance.
extern "C" const char *what(const void *self);
struct {
    ptrdiff_t distances[PLACES];
    const void *to_top, *type;
    const void *functions[2];
    const char *(*what)(const void *);
} vtable = {{}, nullptr, nullptr, {}, what};
constexpr ptrdiff_t WORD = sizeof(void *), DISTANCES = -WORD * (PLACES + 2);

struct Object {
    const void *vtables[PLACES * CLASSES];
};
const char *thrown_object;

std::string told(ptrdiff_t place) {
    return "at " + std::to_string(place);
}

const char *what(const void *self) {
    static std::string text;
    text = told(static_cast<const char *>(self) - thrown_object);
    return text.c_str();
}

using Class = abi::__class_type_info;

// As the ABI lays out a class of many bases; the runtime's own has room for one.
struct Many {
    const void *vtable;
    const char *name;
    unsigned flags, count;
    struct { const Class *base; long offset; } bases[BASES];
};

struct Known {
    const Class *info;
    ptrdiff_t exception; // Where its first std::exception is; NONE.
};
constexpr ptrdiff_t NONE = -1;

// A class with some of the earlier ones as its bases.
Known derive(const std::vector<Known> &known, const char *name) {
    static Many all[CLASSES];
    const Known &base = known[below(static_cast<unsigned>(known.size()))];
    alignas(abi::__si_class_type_info) static char memory[CLASSES][64];
    void *place = memory[known.size()];
    switch (below(4)) {
    case 0: return {new (place) Class(name), NONE};
    case 1: return {new (place) abi::__si_class_type_info(name, base.info), base.exception};
    default: {
        Many &many = all[known.size()];
        static const abi::__vmi_class_type_info sample("sample", 0);
        std::memcpy(&many.vtable, &sample, sizeof many.vtable);
        many.name = name;
        many.flags = 0;
        many.count = below(BASES + 1);
        ptrdiff_t exception = NONE;
        for (unsigned i = 0; i < many.count; i++) {
            const Known &one = known[below(static_cast<unsigned>(known.size()))];
            unsigned far = below(PLACES);
            bool is_virtual = below(2) != 0;
            ptrdiff_t offset = is_virtual ? DISTANCES + WORD * far : WORD * far;
            many.bases[i] = {one.info, static_cast<long>(static_cast<size_t>(offset) << 8) | is_virtual | 2};
            if (exception == NONE && one.exception != NONE) {
                exception = WORD * far + one.exception;
            }
        }
        return {reinterpret_cast<const Class *>(&many), exception};
    }
    }
}

// A name of any bytes, or one that the runtime can make something of, and has much to do with.
std::string any_name() {
    static const char *const heads[] = {"", "_Z", "_Z1f", "_Z1fIiEv", "N", "St", "*", "_R", "_ZN"};
    static const char *const parts[] = {"P", "K", "PK", "A_", "1AI", "M1A", "PFv", "Dp", "ng", "Dv4_", "F", "X", "N1A", "1A", "S_", "T_", "L"};
    static const char *const tails[] = {"i", "T_", "v", "E", "", "1A", "Li1E"};
    std::string name = heads[below(9)];
    if (below(3) == 0) {
        for (unsigned n = below(40); n > 0; n--) {
            name += static_cast<char>(1 + below(255));
        }
        return name;
    }
    unsigned long n = static_cast<unsigned long>(below(256)) * (1 + below(8));
    const char *part = parts[below(17)], *other = below(4) == 0 ? parts[below(17)] : "";
    for (unsigned long i = 0; i < n && name.size() < LONGEST; i++) {
        name += part;
        name += other;
    }
    name += tails[below(7)];
    for (unsigned long i = 0; part[std::strlen(part) - 1] == 'I' && i < n && name.size() < LONGEST; i++) {
        name += "E";
    }
    return name;
}

// Names under which the library knows what the object is: not for a class.
bool is_another_type(const std::string &name) {
    static const char *const others[] = {"PKc", "Pc", "i", "j", "l", "m", "x", "y", "s", "t", "b", "d", "f", "St9exception",
        "NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"};
    for (const char *other : others) {
        if (name == other) {
            return true;
        }
    }
    return false;
}

struct Throw {
    const Class *info;
    std::string type_name;
};

void throw_it(void *arg) {
    auto *exception = static_cast<Object *>(abi::__cxa_allocate_exception(sizeof(Object)));
    for (const void *&place : exception->vtables) {
        place = vtable.functions;
    }
    thrown_object = reinterpret_cast<const char *>(exception);
    abi::__cxa_throw(exception, const_cast<Class *>(static_cast<Throw *>(arg)->info), nullptr);
}

// What the runtime makes of the name, with as much stack as it wants.
void *make_readable(void *arg) {
    std::string &name = static_cast<Throw *>(arg)->type_name;
    int status = 0;
    char *clear = name.size() > LONGEST_READ ? nullptr : abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
    if (clear != nullptr) {
        name = clear;
        std::free(clear);
    }
    return nullptr;
}

void tell_nobody(const lt_error_info *, void *) {
}

void must(const char *what, const std::string &got, const std::string &expected) {
    if (got != expected) {
        complain(what, got, expected);
    }
}

} // namespace

void run_program(const uint8_t *data, size_t size) {
    program = rest = data;
    program_size = left = size;
    if (thrown++ == 0 && lt_set_excepthook(tell_nobody, nullptr) != LT_OK) {
        complain("lt_set_excepthook", lt_last_error(), "LT_OK");
    }
    for (unsigned i = 0; i < PLACES; i++) {
        vtable.distances[i] = WORD * i;
    }
    std::vector<Known> known{{static_cast<const Class *>(&typeid(std::exception)), 0}};
    std::string names[CLASSES];
    for (unsigned n = 1 + below(CLASSES - 1); known.size() <= n;) {
        std::string &name = names[known.size() - 1];
        name = any_name();
        if (is_another_type(name[0] == '*' ? name.substr(1) : name)) {
            name = "A";
        }
        known.push_back(derive(known, name.c_str()));
    }
    Throw it{known.back().info, names[known.size() - 2]};
    if (verbose) {
        std::fprintf(stderr, "%zu classes, \"%s\", %td\n", known.size(), it.type_name.c_str(), known.back().exception);
    }
    lt_thread_options options{};
    options.size = sizeof options;
    options.stack_size = (64 + 32 * below(16)) * size_t{1024};
    lt_thread *thread = nullptr;
    const lt_error_info *info = nullptr;
    if (lt_thread_start(throw_it, &it, &options, &thread) != LT_OK || lt_thread_join(thread) != LT_FAILED ||
        lt_thread_error(thread, &info) != LT_OK) {
        complain("lt_thread_error", lt_last_error(), "an error");
    }
    if (it.type_name[0] == '*') {
        it.type_name.erase(0, 1);
    }
    if (it.type_name.empty()) {
        it.type_name = "";
    } else {
        pthread_attr_t attributes;
        pthread_t reader;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, size_t{8} << 20);
        if (pthread_create(&reader, &attributes, make_readable, &it) != 0 || pthread_join(reader, nullptr) != 0) {
            complain("pthread_create", "no", "a thread");
        }
    }
    must("type_name", info->type_name, it.type_name);
    ptrdiff_t exception = known.back().exception;
    must("message", info->message, exception == NONE ? "an exception without a message" : told(exception));
    if (lt_thread_free(thread) != LT_OK) {
        complain("lt_thread_free", lt_last_error(), "LT_OK");
    }
}

unsigned long calls_made(void) {
    return thrown;
}
