// lowthread-bench: lowthread beside its peers, as ratios that were measured in one run.

#include "bench.hpp"
#include "lowthread.h"
#include "rows.hpp"

#ifdef HAVE_ABSEIL
#include <absl/synchronization/mutex.h>
#endif

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <sys/utsname.h>

#include <ctime>

namespace {

struct Entry {
    const char *name;
    void (*run)();
    const char *what;
};

constexpr Entry entries[] = {
    {"lock", bench::row_lock, "acquire + release with nobody else there; try_acquire of a held lock"},
    {"contended", bench::row_contended, "2, 4 and 8 threads, 0, 50 and 500 ns inside"},
    {"handoff", bench::row_handoff, "two threads and two locks, on the same core and on different ones"},
    {"semaphore", bench::row_semaphore, "alone, and from producers to consumers"},
    {"event", bench::row_event, "set to awake; is_set; wait when set"},
    {"thread", bench::row_thread, "start of detached threads"},
    {"interrupt", bench::row_interrupt, "interrupt to return of the blocked main thread"},
    {"fairness", bench::row_fairness, "the longest wait beside a thread that barges"},
    {"memory", bench::row_memory, "new + free of a lock; bytes for each"},
    {"timeout", bench::row_timeout, "how late a timed acquire returns"},
    {"queue", bench::row_queue, "alone, streams, batches, round trips"},
    {"unbounded", bench::row_unbounded, "the queue without a bound: alone, streams"},
    {"pool", bench::row_pool, "a million empty tasks; submit to result"},
    {"rwlock", bench::row_rwlock, "read and write alone; 99 % reads on 2 and 4 threads"},
    {"once", bench::row_once, "when it is done"},
    {"condition", bench::row_condition, "two threads that wake each other; notify with nobody waiting"},
    {"barrier", bench::row_barrier, "a round of 2, 4 and 8 threads"},
    {"rlock", bench::row_rlock, "acquire + release, alone and nested"},
    {"spinlock", bench::row_spinlock, "acquire + release, alone and with others"},
    {"broadcast", bench::row_broadcast, "an event, and a condition, for which 64 and 512 threads sleep"},
    {"select", bench::row_select, "one wait for several queues: one is ready, of 2 and of 64; and there and back"},
    {"timed", bench::row_timed, "a lock and a semaphore that are free, acquired with a timeout"},
    {"calls", bench::row_calls, "calls that do nothing much: ident, local value, check for interrupts, clock"},
    {"timer", bench::row_timer, "start + cancel; a watchdog is fed"},
    {"size", bench::row_size, "the stripped .so"},
};

[[noreturn]] void usage(int code) {
    std::FILE *out = code == 0 ? stdout : stderr;
    std::fputs("usage: lowthread-bench [OPTION...] [ROW...]      all rows if none is named\n\nrows:\n", out);
    for (const Entry &entry : entries) std::fprintf(out, "  %-12s %s\n", entry.name, entry.what);
    std::fputs("\noptions:\n"
               "  --quick      shorter rounds, for a first look\n"
               "  --rounds N   how many rounds, 5 if not given\n"
               "  --only NAME  one contestant alone, such as lowthread: for a profiler\n"
               "  --control    lowthread once more in each table: what a ratio of 1 looks like here, and how far off it is\n"
               "  --unpinned   leaves the threads to the scheduler\n"
               "  --json FILE  all samples and figures, the machine and the versions, for a program to read\n",
               out);
    std::exit(code);
}

std::string first_line(const char *path, const char *after) {
    std::string found = "unknown";
    if (std::FILE *file = std::fopen(path, "re")) {
        char line[256];
        while (std::fgets(line, sizeof line, file)) {
            if (const char *at = std::strstr(line, after)) {
                found = at + std::strlen(after);
                found.erase(found.find_last_not_of(" \n") + 1);
                break;
            }
        }
        std::fclose(file);
    }
    return found;
}

// Where the run takes place.
struct Setting {
    std::string library, processor, system, libc;
    double load = 0;
};

Setting look_around() {
    Dl_info library, self;
    MUST(dladdr(reinterpret_cast<void *>(&lt_version), &library) != 0);
    MUST(dladdr(reinterpret_cast<void *>(&usage), &self) != 0);
    if (library.dli_fbase == self.dli_fbase) bench::die("lowthread is linked in: the shared library is to be measured");
    utsname system;
    MUST(uname(&system) == 0);
    Setting setting{library.dli_fname, first_line("/proc/cpuinfo", "model name\t: "),
                    std::string(system.sysname) + " " + system.release, gnu_get_libc_version()};
    getloadavg(&setting.load, 1);
    return setting;
}

void print_header(const Setting &setting) {
    std::printf("lowthread %s, %s\n", lt_version(), setting.library.c_str());
    std::printf("%s, %d processors, %s, glibc %s; load before the run %.2f\n", setting.processor.c_str(),
                bench::processors(), setting.system.c_str(), setting.libc.c_str(), setting.load);
    std::printf("peers: %s\npeers that are not here: %s\n", PEER_VERSIONS, MISSING_PEERS);
    std::printf(
        "%d interleaved rounds%s, threads %s. Each figure is the median of the rounds, \"max\" and \"longest\" the\n"
        "largest; +-%% is half the range of the rounds. RATIO: how many times as good lowthread is as that line, the\n"
        "median of the rounds' ratios [their lowest-their highest]: above 1 it is better; with 1 in the brackets, a draw.\n",
        bench::options.rounds, bench::options.quick ? ", quick" : "", bench::options.pin ? "pinned" : "not pinned");
    if (setting.load > 0.3) {
        std::puts("NOTE: something else is running here; trust ratios only, and those with narrow brackets.");
    }
    std::puts("");
}

void begin_json(bench::Json &json, const Setting &setting) {
    char when[32];
    std::time_t seconds = std::time(nullptr);
    std::tm utc;
    std::strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
    json.object().pair("began", when).pair("lowthread", lt_version()).pair("library", setting.library);
    json.key("machine").object().pair("processor", setting.processor).pair("processors", bench::processors());
    json.pair("system", setting.system).pair("glibc", setting.libc).pair("load before", setting.load).end();
    json.pair("compiler", __VERSION__).pair("peers", PEER_VERSIONS).pair("missing peers", MISSING_PEERS);
    json.pair("rounds", bench::options.rounds).pair("quick", bench::options.quick);
    json.pair("pinned", bench::options.pin).key("rows").array();
}

void print_goals() {
    size_t missed = bench::goals_missed.size(), unclear = bench::goals_in_noise.size();
    if (bench::goals_met + missed + unclear == 0) return;
    std::printf("goals: %d met, %zu within the noise, %zu missed\n", bench::goals_met, unclear, missed);
    for (const std::string &goal : bench::goals_missed) std::printf("  missed  %s\n", goal.c_str());
    for (const std::string &goal : bench::goals_in_noise) std::printf("  unclear %s\n", goal.c_str());
}

// How far two copies of one back end are apart: what is closer than that is a draw.
void print_controls() {
    if (bench::controls.empty()) return;
    std::vector<double> errors;
    double logs = 0;
    std::string strays;
    int straying = 0;
    for (const bench::Control &control : bench::controls) {
        errors.push_back(std::fabs(std::log(control.ratio)));
        logs += std::log(control.ratio);
        if (control.holds) continue;
        ++straying;
        char text[64];
        std::snprintf(text, sizeof text, ": %.3f +- %.3f\n", control.ratio, control.half);
        strays += "  strays  " + control.title + text;
    }
    double n = double(errors.size());
    auto percent = [&](double q) { return std::expm1(bench::quantile(errors, q)) * 100; };
    std::printf("control: two copies of lowthread, %.0f rows: in the mean %.3f times as good; off by %.1f %% (median), "
                "%.1f %% (90 %%), %.1f %% at most\n", n, std::exp(logs / n), percent(0.5), percent(0.9), percent(1));
    std::printf("control: 1 is not in the range of the rounds in %d rows; by chance in %.1f\n%s", straying,
                n * std::pow(2, 1 - bench::options.rounds), strays.c_str());
}

}  // namespace

int main(int count, char **arguments) {
    std::vector<const Entry *> wanted;
    const char *json_path = nullptr;
    for (int i = 1; i < count; ++i) {
        std::string argument = arguments[i];
        auto value = [&]() -> const char * {
            if (++i == count) usage(2);
            return arguments[i];
        };
        if (argument == "--help" || argument == "-h") usage(0);
        else if (argument == "--quick") bench::options.quick = true;
        else if (argument == "--unpinned") bench::options.pin = false;
        else if (argument == "--control") bench::options.control = true;
        else if (argument == "--only") bench::options.only = value();
        else if (argument == "--rounds") bench::options.rounds = std::max(1, std::atoi(value()));
        else if (argument == "--json") json_path = value();
        else {
            const Entry *found = nullptr;
            for (const Entry &entry : entries) {
                if (argument == entry.name) found = &entry;
            }
            if (!found) usage(2);
            wanted.push_back(found);
        }
    }
    if (wanted.empty()) {
        for (const Entry &entry : entries) wanted.push_back(&entry);
    }
    bench::processors();    // Counted before anything is pinned.
#ifdef HAVE_ABSEIL
    // Debian's build looks for deadlocks at each lock, which makes it five times as slow as it is.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
    Setting setting = look_around();
    print_header(setting);
    std::FILE *file = json_path ? std::fopen(json_path, "we") : nullptr;
    if (json_path && !file) bench::die("cannot write %s", json_path);
    bench::Json json(file);
    if (file) {
        bench::options.json = &json;
        begin_json(json, setting);
    }
    for (const Entry *entry : wanted) entry->run();
    print_goals();
    print_controls();
    if (file) {
        json.end().end();
        if (std::fputc('\n', file) == EOF || std::fclose(file) != 0) bench::die("cannot write %s", json_path);
    }
}
