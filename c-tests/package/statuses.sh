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

# Those that count what a call costs, or look at its frames, are not themselves behind another.
cd "$LT_BUILD/c-tests"
for name in errno handles status time lock rlock semaphore event condition barrier rwlock once spinlock queue thread \
    thread_interrupt interrupt_by_ident joinable fail local timer watchdog signals pool future no_thread; do
    test -x "test_$name" || { echo "skipped: the C tests are not built"; exit 77; }
    # Whether it passes is said elsewhere.
    LT_SHIM_DIR="$LT_BUILD/c-tests/shims" LD_PRELOAD="$work/shim.so" "./test_$name" >"$work/$name.log" 2>&1 || true
done
python3 "$LT_SOURCE/c-tests/package/statuses.py" check "$LT_SOURCE/abi/lowthread.json" "$LT_SEEN"
