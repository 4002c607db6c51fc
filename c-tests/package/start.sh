# Before its first use the library starts no thread and makes no system call: a filter that ends the process at any is
# in place before the library is initialised. The loader initialises what the program needs from the last to the first.
set -eu
[ "$LT_PARKING_WAIT" != ON ] || exit 77
work="$LT_WORK/start"
mkdir -p "$work"
ln -sf "$LT_SHARED" "$work/$LT_SONAME"
"$CC" -shared -fPIC "$LT_SOURCE/c-tests/package/start.c" -o "$work/filter.so"
echo '__attribute__((constructor)) void begin(void) { extern int filtered; extern void _exit(int);
    extern const char *lt_version(void); _exit(!filtered || lt_version() == 0 ? 77 : 0); } int main(void) { return 1; }' |
    "$CC" -x c - -x none -Wl,--no-as-needed -Wl,-z,now "$work/$LT_SONAME" "$work/filter.so" -o "$work/program" \
        -Wl,-rpath,"$work"
# In which order they are initialised, by the loader's own word.
LT_UNFILTERED=1 LD_DEBUG=files "$work/program" 2>&1 | sed -n 's/.*calling init: .*\///p' |
    grep -e filter.so -e "$LT_SONAME" | head -1 | grep -q filter.so ||
    { echo "skipped: this loader initialises the library before the filter"; exit 77; }
"$work/program"
