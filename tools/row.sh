# What the scripts that try a row of the platforms share. They source it in the project's folder, with `name` set to the
# row's. With `short` set they install nothing that is not there, unless LT_INSTALL is set too.

PATH="$PWD/.venv/bin:$PWD/build-platforms/venv/bin:$PATH"
jobs=$(getconf _NPROCESSORS_ONLN)

has() { command -v "$1" >/dev/null 2>&1; }

# The last line of these two is what came out.
say() { echo "platform-$name: $1"; }

skip() {
    echo "skipped: $name: $1"
    exit 0
}

may_install() { [ -z "${short:-}" ] || [ -n "${LT_INSTALL:-}" ]; }

# need CHECK WHAT PACKAGE...: unless the check succeeds, installs Debian's packages. Still not: there is no WHAT.
need() {
    check=$1 what=$2
    shift 2
    if ! $check && may_install && [ -f /etc/debian_version ] && [ "$(id -u)" = 0 ] && has apt-get; then
        say "installing $*"
        export DEBIAN_FRONTEND=noninteractive
        install="apt-get -o DPkg::Lock::Timeout=300 install --yes --quiet=2 --no-install-recommends $*"
        $install >/dev/null 2>&1 || { apt-get update --quiet=2 >/dev/null 2>&1; $install >/dev/null 2>&1; }
    fi
    $check || skip "there is no $what (Debian: $*)"
}

# The same with packages of PyPI's, in a folder of the project's own.
need_pypi() {
    check=$1 what=$2
    shift 2
    if ! $check && may_install && has python3; then
        say "installing $* into build-platforms/venv"
        { python3 -m venv build-platforms/venv && build-platforms/venv/bin/pip install --quiet "$@"; } >/dev/null 2>&1
    fi
    $check || skip "there is no $what (PyPI: $*)"
}

has_target() { ls "$(rustc --target "$target" --print target-libdir)"/libstd-*.rlib >/dev/null 2>&1; }

# Rust's library for $target.
need_target() {
    if ! has_target && may_install && has rustup; then
        say "installing Rust's $target"
        rustup target add "$target" >/dev/null 2>&1
    fi
    has_target || skip "this Rust has no $target"
}

# build FOLDER OPTION...: the library and the C tests; of them those that are in $targets, where that is set.
build() {
    folder=$1
    shift
    has cmake || skip "there is no cmake"
    mkdir -p "$folder"
    # A folder keeps the generator it began with.
    generator=
    [ -f "$folder/CMakeCache.txt" ] || ! has ninja || generator=-GNinja
    # shellcheck disable=SC2086
    cmake -S . -B "$folder" $generator "$@" >"$folder/log" 2>&1 &&
        cmake --build "$folder" -j "$jobs" ${targets:+--target $targets} >>"$folder/log" 2>&1 || {
        cat "$folder/log"
        say "not built"
        exit 1
    }
}

# run FOLDER HOW OPTION OF CTEST...: runs the tests, says why some are skipped, and what came out. The last of a row.
run() {
    folder=$1 how=$2
    shift 2
    ctest --test-dir "$folder" -j "$jobs" --output-on-failure "$@" | tee "$folder/log"
    # The last reason that a case has told.
    awk '/^[0-9]+\/[0-9]+ Testing: / { if (reason) print reason; reason = "" }
        /^skipped: / { reason = substr($0, 10) }
        END { if (reason) print reason }' "$folder/Testing/Temporary/LastTest.log" |
        sort | uniq -c | sort -rn | sed 's/^ *\([0-9]*\) /skipped: \1 times: /'
    sum=$(tools/summary "$folder/log")
    failed=$?
    say "built, linked, run$how: $sum, $(grep -c '\*\*\*Skipped' "$folder/log") skipped"
    exit $failed
}
