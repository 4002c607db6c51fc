# What a person types; the work is done by Cargo, CMake and the scripts in tools/.

PREFIX ?= /usr/local
TIMES ?= 10
ITERATIONS ?= 8000
MODEL ?=
MINUTES ?= 10
WHAT ?= calls
HOURS ?= 1
COVERAGE ?=
FILES ?=
MUTANTS ?=

# Cargo's folder, where the user has chosen another one.
TARGET = $(or $(CARGO_TARGET_DIR),target)
JOBS = $(shell getconf _NPROCESSORS_ONLN)
BENCH_ARGS ?=
SCALE_ARGS ?=
CXX_NAMES ?=
PACKAGES ?=
RESULTS ?= build-bench/bench-results.json
# The one that bench/setup has made where the system's has no matplotlib.
BENCH_PYTHON = $(or $(wildcard build-bench/venv/bin/python),python3)

PLATFORMS = $(shell tools/platforms --names)

.PHONY: all help demo test header docs install uninstall dist reproducible packages asan cxx platforms msrv python test-bindings test-insight stress model loom miri fuzz soak strained coverage mutants bench bench-docs scale clean

all:
	@cmake -S . -B build-install -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$(PREFIX)" \
	    -DLOWTHREAD_BUILD_TESTS=OFF -DLOWTHREAD_BUILD_EXAMPLES=OFF
	@cmake --build build-install

help:
	@echo "make           build the library, to be installed"
	@echo "make install   install it: PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)"
	@echo "make uninstall   remove what the last make install has put there"
	@echo "make demo      build the library and examples/c/demo.c without CMake, and run it"
	@echo "make test      everything: install what is missing, check, build, test, on both wait engines"
	@echo "make header    write include/lowthread.h, its other forms, the man pages and drawings anew from the source"
	@echo "make docs      the site, in build-docs/site, and whether each link in it leads somewhere: installs mdBook"
	@echo "make dist      a source archive in build-dist that builds without a network, with a list of what it is made of"
	@echo "make reproducible  the library, built twice in two folders: the same, bit for bit"
	@echo "make packages  packages of Debian's, RPM, Conan, vcpkg, Homebrew, Nix from it, each tried: PACKAGES for some"
	@echo "make asan      the C tests under AddressSanitizer and UndefinedBehaviorSanitizer"
	@echo "make cxx       the C++ headers under GCC and Clang, C++17, 20 and 23, sanitizers and libc++: installs them; CXX_NAMES for some"
	@echo "make platforms   every platform: installs what it needs, builds, links, runs; writes README's table"
	@echo "make platform-NAME   one of them: $(PLATFORMS)"
	@echo "make msrv      the oldest Rust that Cargo.toml promises builds the library, and the demo runs"
	@echo "make python    the package for Python: its wheel, its tests under every Python that is here, CPython's own tests"
	@echo "make test-bindings   the examples of every other language: installs what they need, and says what it skipped"
	@echo "make test-insight   the C tests with all of insight on: no false report"
	@echo "make stress    the C tests TIMES=$(TIMES) times, more at once than there are processors"
	@echo "make model     the models, in ITERATIONS=$(ITERATIONS) interleavings of each kind: MODEL=lock:: for some of them"
	@echo "make loom      the models of weak memory, in every interleaving: MODEL=event:: for some of them"
	@echo "make miri      unit tests of handles, slots, rings and lists under Miri: installs a nightly Rust where it may"
	@echo "make fuzz      programs of calls, chosen by what they reach, against a model of the contract: MINUTES=$(MINUTES), WHAT=$(WHAT), types or debug; needs Clang"
	@echo "make soak      every primitive at once, random programs, and histories, for HOURS=$(HOURS), a new seed each time"
	@echo "make strained  the C tests under signals, stops or delays all the time, a wall clock that jumps, on one core, with 5 % of one"
	@echo "make coverage  what of src/ the tests reach, by file: less than abi/coverage.txt says fails"
	@echo "make mutants   the source with a fault in it, one after the other: whether a test notices, FILES=src/sync/lock.rs; hours"
	@echo "make bench     the benchmarks, as a table, as JSON and as pictures: BENCH_ARGS are for lowthread-bench"
	@echo "make bench-docs   docs/performance.md and its pictures from RESULTS=$(RESULTS)"
	@echo "make scale     from one thread to 10,000, a million handles, 100,000 timers: into docs/performance.md; SCALE_ARGS=--short"
	@echo "make clean     remove everything that was built"

demo:
	@cargo build --quiet --locked --release
	@mkdir -p build-demo
	@$(CC) -std=c11 -O2 -Wall -Wextra -Iinclude examples/c/demo.c -o build-demo/demo \
	    -L$(TARGET)/release -llowthread -Wl,-rpath,$(abspath $(TARGET)/release)
	@build-demo/demo

test:
	@tools/check

header:
	@cargo run --quiet --locked --manifest-path tools/header/Cargo.toml -- . .
	@python3 tools/docs/man.py man
	@! command -v dot >/dev/null || python3 tools/docs/states.py docs/states

# A page for each document, and for each function and type. make test has it where mdBook is there.
docs:
	@tools/docs/build

# After `make`, `sudo make install` needs no Rust: root may have none. Root's list of what was installed is in the way
# of who installs the next time.
install:
	@test -e build-install/lib/stripped/liblowthread.a || $(MAKE) all
	@rm -f build-install/install_manifest.txt
	@DESTDIR="$(DESTDIR)" cmake --install build-install --prefix "$(PREFIX)"

# What the last `make install` has put there, and the folders of it that are then empty; with the same DESTDIR.
uninstall:
	@while read -r file || [ "$$file" ]; do \
	    rm -f "$(DESTDIR)$$file" || exit; \
	    rmdir "$(DESTDIR)$${file%/*}" 2>/dev/null || :; \
	done <build-install/install_manifest.txt

dist:
	@tools/dist

reproducible:
	@tools/reproducible

packages:
	@tools/packages $(PACKAGES)

# A test that a sanitizer cannot run, such as a fork among threads that allocate, skips itself and says why;
# bounds of memory do not hold there. In C++ null references are not looked for, since a forced unwind is caught
# as one. `make test` has the quick ones of these (the preset asan-short).
asan:
	@cmake --preset asan
	@cmake --build --preset asan -j $(JOBS)
	@ctest --preset asan -j $(JOBS)

# make test has the default compiler's.
cxx:
	@tools/setup cxx
	@tools/cxx $(CXX_NAMES)

platforms:
	@tools/platforms

# As distributions build it, with the Rust that they have.
msrv:
	@tools/msrv

# The package of bindings/python. PYTHON is the interpreter that its environments are made of.
python:
	@tools/python

# make test has those whose tools are there.
test-bindings:
	@tools/bindings

# In the folder of the default preset: what must be skipped, and why, stands in the script.
test-insight:
	@cmake --preset default
	@cmake --build --preset default -j $(JOBS)
	@tools/insight build

platform-%:
	@tools/platforms $*

stress:
	@cmake --preset default
	@cmake --build --preset default -j $(JOBS)
	@ctest --preset default -LE package --repeat until-fail:$(TIMES) -j $$((2 * $(JOBS)))

# A flag of its own means other objects, which do not drive out the ordinary ones.
model:
	@RUSTFLAGS="$(RUSTFLAGS) --cfg shuttle" LT_MODEL_ITERATIONS=$(ITERATIONS) \
	    cargo test --quiet --locked --profile model --target-dir $(TARGET)/model --lib -- model::$(MODEL)

loom:
	@RUSTFLAGS="$(RUSTFLAGS) --cfg loom" \
	    cargo test --quiet --locked --profile model --target-dir $(TARGET)/loom --test loom -- $(MODEL)

# make test has those that are quick there.
miri:
	@tools/miri

fuzz:
	@tools/fuzz $(MINUTES) $(WHAT)

# A third of the time each. The seeds are told, to be used again: replay --seed S; LT_SEED=S test_histories.
soak:
	@cmake --preset default
	@cmake --build --preset default -j $(JOBS) --target soak
	@cmake --preset debug
	@cmake --build --preset debug -j $(JOBS) --target replay test_histories
	@seed=$$(date +%s); echo "seed $$seed"; \
	    build/c-tests/soak $$(($(HOURS) * 1200)) && \
	    build-debug/fuzz/replay --seconds $$(($(HOURS) * 1200)) --seed $$seed && \
	    LT_SEED=$$seed LT_HISTORY_SECONDS=$$(($(HOURS) * 1200 / 7)) build-debug/c-tests/test_histories

strained:
	@cmake --preset default
	@cmake --build --preset default -j $(JOBS)
	@failed=0; for how in ticks late clock stops core quota; do tools/strained $$how build || failed=1; done; exit $$failed

# COVERAGE is --lines, for those that nothing reaches, or --accept.
coverage:
	@tools/coverage $(COVERAGE)

# MUTANTS is --sample 10, --by-hand, --accept and others: tools/mutants/run.py has them.
mutants:
	@cmake --preset default
	@cmake --build --preset default -j $(JOBS)
	@tools/mutants/run.py $(MUTANTS) $(FILES)

# Sets up, runs, writes bench-results.json in build-bench, and draws beside it.
bench:
	@bench/setup
	@cmake -S bench -B build-bench -DCMAKE_BUILD_TYPE=Release
	@cmake --build build-bench -j $(JOBS)
	@build-bench/lowthread-bench --json $(RESULTS) $(BENCH_ARGS)
	@build-bench/lowthread-timers
	@$(BENCH_PYTHON) bench/draw.py $(RESULTS) --pictures build-bench/pictures

# The generated parts and the pictures of docs/performance.md, from the results of one run or several.
bench-docs:
	@$(BENCH_PYTHON) bench/draw.py $(RESULTS) --document docs/performance.md --pictures docs/performance

# Five minutes. With SCALE_ARGS=--short it tries that it works: its figures are not for the document.
scale:
	@bench/setup
	@cmake -S bench -B build-bench -DCMAKE_BUILD_TYPE=Release
	@cmake --build build-bench -j $(JOBS) --target lowthread-scale
	@build-bench/lowthread-scale $(SCALE_ARGS) build-bench/scale.json
	@$(BENCH_PYTHON) bench/draw_scale.py build-bench/scale.json \
	    $(if $(SCALE_ARGS),,--document docs/performance.md --pictures docs/performance)

clean:
	@rm -rf build build-*
	@cargo clean --quiet
	@cargo clean --quiet --manifest-path tools/header/Cargo.toml
