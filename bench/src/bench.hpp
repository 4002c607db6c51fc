// The timing core: clocks, pinned teams of threads, interleaved rounds, and the table with its ratios.
//
// Only a ratio measured in one run counts, so every row runs its contestants in turn, one round each,
// several times over, and compares them round by round: what the machine does to a round (another
// process, another clock rate) it does to all of them.

#pragma once

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "json.hpp"

namespace bench {

// ---- What the command line says ----------------------------------------------------------------

struct Options {
    int rounds = 5;
    bool quick = false;
    bool pin = true;
    bool control = false;       // Ours once more, under another name: what a ratio of 1 looks like.
    std::string only;           // One contestant, for a profiler; the tables then have no ratios.
    Json *json = nullptr;       // All that was measured, for a program to read.
};

inline Options options;

// The first in a full run, the second with --quick.
template <class T> T full_or_quick(T full, T quick) { return options.quick ? quick : full; }

[[noreturn]] inline void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    std::fputs("lowthread-bench: ", stderr);
    std::vfprintf(stderr, format, arguments);
    std::fputc('\n', stderr);
    va_end(arguments);
    std::exit(1);
}

// A call that fails makes every figure after it a lie. Callers of other libraries check too, so the
// price of the check, a compare and a jump, is part of the measurement for all.
inline void must(bool done, const char *what) {
    if (__builtin_expect(!done, 0)) die("%s failed (errno %d)", what, errno);
}
#define MUST(call) ::bench::must((call), #call)

// ---- Clocks ------------------------------------------------------------------------------------

inline uint64_t read_clock(clockid_t clock) {
    timespec t;
    clock_gettime(clock, &t);
    return uint64_t(t.tv_sec) * 1'000'000'000 + uint64_t(t.tv_nsec);
}
inline uint64_t now() { return read_clock(CLOCK_MONOTONIC); }
inline uint64_t thread_cpu() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

inline timespec after(uint64_t nanoseconds) {
    uint64_t at = now() + nanoseconds;
    return {time_t(at / 1'000'000'000), long(at % 1'000'000'000)};
}

inline void pause_core() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Keeps the compiler from moving or dropping the work before it.
template <class T> void keep(T const &value) { asm volatile("" : : "r,m"(value) : "memory"); }

// Work of a known length that no clock and no memory takes part in: a thread that is moved aside in
// the middle of it still has the rest to do, as in a program.
class Work {
public:
    explicit Work(unsigned nanoseconds) : turns_(unsigned(nanoseconds / per_turn() + 0.5)) {}
    void operator()() const {
        uint32_t value = turns_;
        for (unsigned i = 0; i < turns_; ++i) {
            value *= 2'654'435'761u;
            asm volatile("" : "+r"(value));     // Each turn has to wait for the one before.
        }
    }

private:
    static double per_turn() {
        static const double cost = [] {
            double best = 1e9;
            for (int i = 0; i < 50; ++i) {
                Work work{Turns{20'000}};
                uint64_t begin = now();
                work();
                best = std::min(best, double(now() - begin) / 20'000);
            }
            return best;
        }();
        return cost;
    }
    struct Turns { unsigned n; };
    explicit Work(Turns turns) : turns_(turns.n) {}

    unsigned turns_;
};

// ---- Raw futex ---------------------------------------------------------------------------------

inline long futex_wait(std::atomic<uint32_t> &word, uint32_t expected, const timespec *at = nullptr) {
    return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, at, nullptr,
                   FUTEX_BITSET_MATCH_ANY);
}
inline void futex_wake(std::atomic<uint32_t> &word, int n = 1) {
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, n, nullptr, nullptr, 0);
}

// ---- Threads -----------------------------------------------------------------------------------

inline int processors() {
    static const int n = [] {
        cpu_set_t set;
        return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    }();
    return n;
}

// Pins the calling thread to one of the processors that the process may use, until the end of the
// scope. The scheduler would else put a pair now on one core, now on two, which differ by ten times.
class Pinned {
public:
    explicit Pinned(int wanted) {
        sched_getaffinity(0, sizeof before_, &before_);
        if (wanted < 0 || !options.pin) return;
        static const cpu_set_t usable = before_;    // The first caller is not pinned yet.
        int skip = wanted % CPU_COUNT(&usable);
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &usable) && skip-- == 0) {
                cpu_set_t one;
                CPU_ZERO(&one);
                CPU_SET(cpu, &one);
                sched_setaffinity(0, sizeof one, &one);
                return;
            }
        }
    }
    ~Pinned() { sched_setaffinity(0, sizeof before_, &before_); }
    Pinned(const Pinned &) = delete;
    Pinned &operator=(const Pinned &) = delete;

private:
    cpu_set_t before_;
};

struct Team {
    double wall = 0;    // Nanoseconds from the start to the end of the last thread.
    double cpu = 0;     // Nanoseconds, over all threads.
};

// Runs body(0) .. body(n - 1), each on a thread of its own, pinned to the processor that `place` names
// for it, and started together; `meanwhile` runs on the calling thread.
template <class Body, class Place, class Meanwhile>
Team run_team(int n, Place place, Body body, Meanwhile meanwhile) {
    std::atomic<int> ready{0};
    std::atomic<bool> go{false};
    std::atomic<uint64_t> cpu{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < n; ++i) {
        threads.emplace_back([&, i] {
            Pinned pinned(place(i));
            ready.fetch_add(1);
            while (!go.load(std::memory_order_acquire)) std::this_thread::yield();
            uint64_t before = thread_cpu();
            body(i);
            cpu.fetch_add(thread_cpu() - before);
        });
    }
    while (ready.load() < n) std::this_thread::yield();
    uint64_t begin = now();
    go.store(true, std::memory_order_release);
    meanwhile();
    for (auto &thread : threads) thread.join();
    return {double(now() - begin), double(cpu.load())};
}

// One thread on each processor in turn.
inline int spread_out(int i) { return i; }
inline int all_on_one(int) { return 0; }

inline void sleep_for(uint64_t nanoseconds) {
    timespec t{time_t(nanoseconds / 1'000'000'000), long(nanoseconds % 1'000'000'000)};
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {}
}

// How many threads the process has, by the kernel's count: a detached thread that has run its function
// still has to give its stack back.
inline nlink_t threads_now() {
    struct stat of_tasks;
    must(stat("/proc/self/task", &of_tasks) == 0, "stat of /proc/self/task");
    return of_tasks.st_nlink;
}

// Waits until a thread of this process sleeps in the kernel: its state there is the only way to tell
// a sleeper from one that still spins.
class SleepWatch {
public:
    explicit SleepWatch(pid_t thread) {
        std::string path = "/proc/self/task/" + std::to_string(thread) + "/stat";
        file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
        must(file_ >= 0, "opening /proc/self/task/N/stat");
    }
    ~SleepWatch() { close(file_); }
    SleepWatch(const SleepWatch &) = delete;
    SleepWatch &operator=(const SleepWatch &) = delete;

    bool asleep() const {
        char text[256];
        ssize_t n = pread(file_, text, sizeof text - 1, 0);
        must(n > 0, "reading /proc/self/task/N/stat");
        text[n] = 0;
        const char *end = std::strrchr(text, ')');
        return end && end[1] && end[2] == 'S';
    }

    void until_asleep() const {
        // Sleeping in between lets the other thread reach its sleep where both share a core.
        do sleep_for(20'000);
        while (!asleep());
    }

private:
    int file_;
};

// A step that is announced by a number that rises, and waited for in the kernel: so that each thread leaves
// the core to the others where they share one.
struct Step {
    std::atomic<uint32_t> number{0};
    void reach(uint32_t n) {
        number.store(n);
        futex_wake(number, INT32_MAX);
    }
    void await(uint32_t n) {
        for (uint32_t found; (found = number.load()) != n;) futex_wait(number, found);
    }
};

// Nanoseconds from just before `wake`, on another thread, until `sleep` has returned on this one:
// once for each of `times`, each time from a real sleep. `reset` runs between two of them.
template <class Sleep, class Wake, class Reset>
std::vector<double> wake_latencies(int times, int sleeper_on, int waker_on, Sleep sleep, Wake wake, Reset reset) {
    Step begun, ended, prepared;
    std::vector<double> latencies;
    uint64_t woken_at = 0;
    Pinned pinned(sleeper_on);
    pid_t sleeper = pid_t(syscall(SYS_gettid));
    std::thread waker([&] {
        Pinned waker_pinned(waker_on);
        SleepWatch watch(sleeper);
        for (uint32_t i = 1; i <= uint32_t(times); ++i) {
            begun.await(i);
            watch.until_asleep();
            uint64_t called_at = now();
            wake();
            ended.await(i);
            latencies.push_back(double(woken_at) - double(called_at));
            reset();
            prepared.reach(i);
        }
    });
    for (uint32_t i = 1; i <= uint32_t(times); ++i) {
        begun.reach(i);
        sleep();
        woken_at = now();
        ended.reach(i);
        prepared.await(i);
    }
    waker.join();
    return latencies;
}

// ---- Statistics --------------------------------------------------------------------------------

inline double quantile(std::vector<double> values, double q) {
    if (values.empty()) return NAN;
    std::sort(values.begin(), values.end());
    double at = q * double(values.size() - 1);
    size_t below = size_t(at);
    size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (values[above] - values[below]) * (at - double(below));
}
inline double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

// Where the times of the single steps of a round go, in nanoseconds: a row's distributions are drawn from them.
inline std::vector<double> *latencies_of_round = nullptr;

inline void keep_latencies(const std::vector<double> &nanoseconds) {
    if (!latencies_of_round) return;
    latencies_of_round->insert(latencies_of_round->end(), nanoseconds.begin(), nanoseconds.end());
}

// ---- What others do to the machine meanwhile ---------------------------------------------------

// From its making on: what part of the machine, 0 to 1, other processes have used.
class Others {
public:
    double seconds() const { return double(now()) / 1e9 - begin_.wall; }
    double used() const {
        Sample end;
        double used = (end.busy - begin_.busy - (end.own - begin_.own)) / (end.wall - begin_.wall);
        return std::clamp(used / double(sysconf(_SC_NPROCESSORS_ONLN)), 0.0, 1.0);
    }

private:
    struct Sample {
        double busy = 0;
        double own = double(read_clock(CLOCK_PROCESS_CPUTIME_ID)) / 1e9;
        double wall = double(now()) / 1e9;
        Sample() {
            if (std::FILE *file = std::fopen("/proc/stat", "re")) {
                // user nice system idle iowait irq softirq steal
                double t[8] = {};
                if (std::fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", t, t + 1, t + 2, t + 3, t + 4,
                                t + 5, t + 6, t + 7) == 8) {
                    busy = (t[0] + t[1] + t[2] + t[5] + t[6] + t[7]) / double(sysconf(_SC_CLK_TCK));
                }
                std::fclose(file);
            }
        }
    } begin_;
};

// ---- Rows --------------------------------------------------------------------------------------

enum class Better { lower, higher };
// What stands for several rounds, and for the parts of one.
enum class Over { median, largest, smallest };

struct Metric {
    const char *name;
    Better better = Better::lower;
    Over over = Over::median;
    bool compared = false;      // The table has its ratio too, as it has that of the first.
};

// A value and its noise band: the lowest and the highest of the rounds, which for five rounds hold the
// true median with 94 % probability, whatever the distribution.
struct Banded {
    double value = NAN, low = NAN, high = NAN;
};

inline Banded banded(const std::vector<double> &rounds, Over over = Over::median) {
    auto [low, high] = std::minmax_element(rounds.begin(), rounds.end());
    return {over == Over::median ? median(rounds) : over == Over::largest ? *high : *low, *low, *high};
}

inline std::vector<std::string> goals_missed, goals_in_noise;
inline int goals_met = 0;

// What two copies of lowthread came out as, in each row.
struct Control {
    std::string title;
    double ratio, half;
    bool holds;
};
inline std::vector<Control> controls;

// One comparison. What is measured first is lowthread; a limit is the same work with nothing around
// it, which nobody can beat, so it is not among the peers of which the best is sought.
class Row {
public:
    using Figures = std::vector<double>;
    using Round = std::function<Figures()>;

    Row(std::string title, std::vector<Metric> metrics)
        : title_(std::move(title)), metrics_(std::move(metrics)) {}

    Row &ours(Round round) { return add("lowthread", Kind::ours, std::move(round)); }
    Row &peer(const char *name, Round round) { return add(name, Kind::peer, std::move(round)); }
    Row &limit(const char *name, Round round) { return add(name, Kind::limit, std::move(round)); }

    static constexpr const char *best_peer = "the best peer";

    // Goals: at least `ratio` times as good as `against`; or the figure itself within a bound.
    Row &at_least(double ratio, const char *against, size_t metric = 0) {
        goals_.push_back({metric, against, ratio, true});
        return *this;
    }
    Row &within(double bound, size_t metric = 0) {
        goals_.push_back({metric, "", bound, false});
        return *this;
    }

    // A round in several parts, in turn with those of the others: the shorter the turns, the more alike
    // is what the machine does to each. The round is the median of its parts; or the best of them, for
    // work on one thread, which interference can only make slower.
    Row &in_parts(int parts) {
        parts_ = parts;
        return *this;
    }
    Row &best_of_many() {
        best_part_ = true;
        return in_parts(full_or_quick(20, 6));
    }

    // Runs the rounds and prints the table.
    void run() {
        std::erase_if(contestants_, [](const Contestant &c) {
            return !options.only.empty() && options.only != c.name;
        });
        if (contestants_.empty()) return;
        if (options.control && contestants_[0].kind == Kind::ours) {
            limit(once_more, contestants_[0].round);
        }
        std::vector<double> others;
        int again = 0;
        for (int round = 0, turn = 0; round < options.rounds;) {
            Others meanwhile;
            for (int part = 0; part < parts_; ++part, ++turn) {
                // Another one begins each time: nobody is always the one after the heaviest.
                for (size_t i = 0; i < contestants_.size(); ++i) {
                    Contestant &c = contestants_[(i + size_t(turn)) % contestants_.size()];
                    latencies_of_round = &c.latencies;
                    Others beside;
                    Figures figures = c.round();
                    double seconds = beside.seconds();
                    c.samples.push_back({round + again, figures, seconds >= kernel_counts ? beside.used() : NAN});
                    latencies_of_round = nullptr;
                    must(figures.size() == metrics_.size(), "a round with all its figures");
                    for (size_t m = 0; m < figures.size(); ++m) c.parts[m].push_back(figures[m]);
                }
            }
            // A round that others have disturbed is run again: twice the rounds must do, though.
            double used = meanwhile.used();
            bool keep = used < 0.1 || again == options.rounds;
            for (Contestant &c : contestants_) end_round(c, keep, used);
            if (keep) {
                others.push_back(used);
                ++round;
            } else {
                ++again;
            }
        }
        print_table(others, again);
        begin_json(others, again);
        if (options.only.empty()) {
            for (const Goal &goal : goals_) print_goal(goal);
        }
        end_json();
        if (find(once_more)) control();
        std::puts("");
        std::fflush(stdout);
    }

    // How many times as good ours was as a contestant, by any metric: the median over the rounds.
    Banded ratio(const std::string &against, size_t metric = 0) const {
        const Contestant *us = find("lowthread"), *them = find(resolve(against, metric));
        if (!us || !them) return {};
        std::vector<double> ratios;
        for (size_t r = 0; r < us->figures[metric].size(); ++r) {
            double mine = us->figures[metric][r], theirs = them->figures[metric][r];
            ratios.push_back(metrics_[metric].better == Better::lower ? theirs / mine : mine / theirs);
        }
        return banded(ratios);
    }

    std::vector<std::string> peers() const {
        std::vector<std::string> names;
        for (const Contestant &c : contestants_) {
            if (c.kind == Kind::peer) names.push_back(c.name);
        }
        return names;
    }

    // By the first metric.
    std::string best() const { return resolve(best_peer, 0); }

private:
    enum class Kind { ours, peer, limit };
    static constexpr const char *once_more = "lowthread, once more";
    // The kernel counts time in hundredths of a second: in a shorter sample it says nothing of others, and what
    // it says of the whole round holds.
    static constexpr double kernel_counts = 0.2;

    struct Sample {
        int round;              // Those that were run again are counted too.
        Figures figures;
        double others;          // What part of the machine they have used.
        bool kept = false;
    };
    struct Contestant {
        std::string name;
        Kind kind;
        Round round;
        std::vector<std::vector<double>> figures;   // [metric][round]
        std::vector<std::vector<double>> parts;     // [metric][part of this round]
        std::vector<Sample> samples{};
        std::vector<double> latencies{};
    };
    struct Goal {
        size_t metric;
        std::string against;
        double value;
        bool is_ratio;
    };

    Row &add(const char *name, Kind kind, Round round) {
        std::vector<std::vector<double>> none(metrics_.size());
        contestants_.push_back({name, kind, std::move(round), none, none});
        return *this;
    }

    void end_round(Contestant &c, bool keep, double others) const {
        for (auto sample = c.samples.rbegin(); sample != c.samples.rend(); ++sample) {
            if (sample->round != c.samples.back().round) break;
            sample->kept = keep;
            if (std::isnan(sample->others)) sample->others = others;
        }
        for (size_t m = 0; m < metrics_.size(); ++m) {
            std::vector<double> &parts = c.parts[m];
            if (keep) c.figures[m].push_back(banded(parts, best_part_ ? Over::smallest : metrics_[m].over).value);
            parts.clear();
        }
    }

    const Contestant *find(const std::string &name) const {
        for (const Contestant &c : contestants_) {
            if (c.name == name) return &c;
        }
        return nullptr;
    }

    std::string resolve(const std::string &name, size_t metric) const {
        if (name != best_peer) return name;
        const Contestant *best = nullptr;
        for (const Contestant &c : contestants_) {
            if (c.kind != Kind::peer) continue;
            double mine = median(c.figures[metric]), its = best ? median(best->figures[metric]) : NAN;
            if (!best || (metrics_[metric].better == Better::lower ? mine < its : mine > its)) best = &c;
        }
        return best ? best->name : std::string();
    }

    // Three significant digits: a fourth would be noise.
    static std::string number(double value) {
        char text[32];
        if (std::isnan(value)) return "-";
        double size = std::fabs(value);
        int digits = size >= 100 || size == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
        std::snprintf(text, sizeof text, "%.*f", digits, value);
        return text;
    }
    static std::string ratio_text(const Banded &r) {
        return number(r.value) + " [" + number(r.low) + "-" + number(r.high) + "]";
    }

    bool has_ratio(size_t metric) const { return metric == 0 || metrics_[metric].compared; }

    void print_table(const std::vector<double> &of_rounds, int again) const {
        double others = 0;
        for (double used : of_rounds) others += used / double(of_rounds.size());
        std::printf("%s", title_.c_str());
        if (others > 0.03) std::printf("   (other processes used %.0f %% of the machine)", others * 100);
        if (again > 0) std::printf("   (rounds run again: %d)", again);
        std::printf("\n  %-28s", "");
        for (size_t m = 0; m < metrics_.size(); ++m) {
            std::printf(" %13s%s", metrics_[m].name, has_ratio(m) ? "    +-%  ratio              " : "");
        }
        std::puts("");
        for (const Contestant &c : contestants_) {
            std::printf("  %-28s", c.name.c_str());
            for (size_t m = 0; m < metrics_.size(); ++m) {
                Banded b = banded(c.figures[m], metrics_[m].over);
                std::printf(" %13s", number(b.value).c_str());
                Banded against = ratio(c.name, m);
                if (has_ratio(m)) {
                    double half = (b.high - b.low) / 2 / b.value * 100;
                    bool compare = c.kind != Kind::ours && find("lowthread");
                    std::printf(" %6s  %-19s", number(half).c_str(), compare ? ratio_text(against).c_str() : "");
                }
            }
            std::puts("");
        }
    }

    void print_goal(const Goal &goal) const {
        Banded got;
        std::string wanted, against = goal.is_ratio ? resolve(goal.against, goal.metric) : "";
        const Metric &metric = metrics_[goal.metric];
        const Contestant *us = find("lowthread");
        if (!us) return;
        if (goal.is_ratio) {
            if (!find(against)) {
                std::printf("  goal: against %s: not compared, it is not here\n", goal.against.c_str());
                return;
            }
            got = ratio(against, goal.metric);
            wanted = number(goal.value) + " x " + goal.against;
            if (against != goal.against) wanted += " (" + against + ")";
            if (goal.metric != 0) wanted += std::string(" in ") + metric.name;
        } else {
            got = banded(us->figures[goal.metric], metric.over);
            wanted = number(goal.value) + " " + metric.name;
        }
        // A ratio, and a rate, must be at least the goal; a time at most.
        bool more_is_good = goal.is_ratio || metric.better == Better::higher;
        // For the largest of the rounds there is no noise to hide behind.
        bool sure = metric.over == Over::largest && !goal.is_ratio;
        double worst = sure ? got.value : more_is_good ? got.low : got.high;
        double best = sure ? got.value : more_is_good ? got.high : got.low;
        bool met = more_is_good ? worst >= goal.value : worst <= goal.value;
        bool missed = more_is_good ? best < goal.value : best > goal.value;
        std::string line = std::string(more_is_good ? "at least " : "at most ") + wanted + ": " +
                           (sure ? number(got.value) : ratio_text(got));
        const char *outcome = met ? "met" : missed ? "MISSED" : "within the noise";
        std::printf("  goal: %s %s\n", line.c_str(), outcome);
        if (options.json) {
            options.json->object().pair("metric", metric.name).pair("against", against).pair("wanted", goal.value);
            write(got).pair("outcome", outcome).end();
        }
        if (met) ++goals_met;
        else (missed ? goals_missed : goals_in_noise).push_back(title_ + ": " + line);
    }

    // Two copies of one back end must come out as alike: that 1 is not in the range of the rounds' ratios is
    // chance twice in 2 to the power of the rounds, and else a defect of the bench.
    void control() const {
        Banded got = ratio(once_more);
        double half = (got.high - got.low) / 2;
        bool holds = got.low <= 1 && got.high >= 1;
        std::printf("  control: two copies of lowthread are as 1 to %s +- %s%s\n", number(got.value).c_str(),
                    number(half).c_str(), holds ? "" : ": they STRAY");
        controls.push_back({title_, got.value, half, holds});
    }

    Json &write(const Banded &banded) const {
        return options.json->pair("value", banded.value).pair("low", banded.low).pair("high", banded.high);
    }

    void begin_json(const std::vector<double> &others, int again) const {
        if (!options.json) return;
        Json &json = *options.json;
        json.object().pair("title", title_).pair("others", others).pair("run again", again);
        json.key("metrics").array();
        for (const Metric &metric : metrics_) {
            json.object().pair("name", metric.name).pair("higher is better", metric.better == Better::higher).end();
        }
        json.end().key("contestants").array();
        for (const Contestant &c : contestants_) {
            json.object().pair("name", c.name);
            json.pair("kind", c.kind == Kind::ours ? "ours" : c.kind == Kind::peer ? "peer" : "limit");
            json.key("figures").array();
            for (size_t m = 0; m < metrics_.size(); ++m) {
                json.object();
                write(banded(c.figures[m], metrics_[m].over)).pair("rounds", c.figures[m]);
                json.key("ratio").object();
                write(ratio(c.name, m)).end().end();
            }
            json.end().key("samples").array();
            for (const Sample &sample : c.samples) {
                json.object().pair("round", sample.round).pair("kept", sample.kept).pair("others", sample.others);
                json.pair("figures", sample.figures).end();
            }
            json.end();
            if (!c.latencies.empty()) write_latencies(c.latencies);
            json.end();
        }
        json.end().key("goals").array();
    }

    static void end_json() {
        if (options.json) options.json->end().end();
    }

    // As quantiles: evenly, and from the last of these on twice as near to the end each.
    static void write_latencies(std::vector<double> latencies) {
        std::sort(latencies.begin(), latencies.end());
        Json &json = *options.json;
        double count = double(latencies.size()), steps = std::min(count, 200.0);
        auto write = [&](double q) {
            json.value(std::vector<double>{q, latencies[size_t(std::lround(q * (count - 1)))]});
        };
        json.key("latencies").object().pair("unit", "ns").pair("count", count).key("quantiles").array();
        for (double i = 0; i < steps; ++i) write(i / steps);
        for (double beyond = 0.5 / steps; beyond * count > 0.5; beyond /= 2) write(1 - beyond);
        write(1);
        json.end().end();
    }

    std::string title_;
    int parts_ = 1;
    bool best_part_ = false;
    std::vector<Metric> metrics_;
    std::vector<Contestant> contestants_;
    std::vector<Goal> goals_;
};

}  // namespace bench
