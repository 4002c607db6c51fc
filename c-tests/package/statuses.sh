# What abi/lowthread.json says that a function returns is what it returns: the C tests run behind a library that
# looks at each status on its way, and there is none that is not listed.
set -eu
command -v python3 >/dev/null || { echo "skipped: there is no python3"; exit 77; }
work="$LT_WORK/statuses"
rm -rf "$work"
mkdir -p "$work"
export LT_SEEN="$work/seen.txt"

python3 "$LT_SOURCE/c-tests/package/statuses.py" shim "$LT_SOURCE/abi/lowthread.json" > "$work/shim.c"
"$CC" -std=gnu11 -O1 -fPIC -shared -fexceptions -I"$LT_SOURCE/include" "$work/shim.c" -o "$work/shim.so" -ldl

# Each case alone, as ctest runs them; whether it passes is said there. Those that count what a call costs, or look at
# its frames, are not themselves behind another.
cd "$LT_BUILD/c-tests"
test -x test_pool || { echo "skipped: the C tests are not built"; exit 77; }
export LT_SHIM_DIR="$LT_BUILD/c-tests/shims"
for name in errno handles status time lock rlock semaphore event condition barrier rwlock once spinlock queue thread \
    thread_interrupt interrupt_by_ident joinable fail local timer watchdog signals pool future no_thread no_memory select \
    insight dump; do
    sed -n "s/^TEST(\([A-Za-z0-9_]*\)).*/.\/test_$name \1/p" "$LT_SOURCE/c-tests/test_$name.c"
done | LD_PRELOAD="$work/shim.so" xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 2 timeout 30 >"$work/log" 2>&1 || true
python3 "$LT_SOURCE/c-tests/package/statuses.py" check "$LT_SOURCE/abi/lowthread.json" "$LT_SEEN"
