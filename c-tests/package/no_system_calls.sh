# Where nothing stands in its way, an operation makes no system call: a filter ends the process at any.
set -eu
work="$LT_WORK/no_system_calls"
mkdir -p "$work"
ln -sf "$LT_SHARED" "$work/$LT_SONAME"
"$CC" -O2 -I"$LT_SOURCE/include" "$LT_SOURCE/c-tests/package/uncontended.c" "$work/$LT_SONAME" -o "$work/calls"
code=0
LD_LIBRARY_PATH="$work" "$work/calls" 1000000 filtered || code=$?
[ "$code" = 0 ] || exit "$code"
if LD_LIBRARY_PATH="$work" "$work/calls" 1000000 filtered sleep; then
    echo "a call that sleeps was let through: nothing was tested"
    exit 1
fi
