# The library can be loaded late, after a hundred others with thread-local variables. Its own, 24 bytes, are in the part
# of each thread's storage that the C library sets aside for libraries that come late and say where theirs is
# (initial-exec): 1664 bytes in glibc, which others take only if they say the same. Here 60 do so before it.
set -eu
size=$("$READELF" -lW "$LT_SHARED" | awk '$1 == "TLS" { print $6 }')
[ $((size)) -le 24 ] || { echo "it takes $((size)) bytes of each thread, not 24"; exit 1; }

work="$LT_WORK/thread_locals"
rm -rf "$work"
mkdir -p "$work"
make_libraries() { # NAME COUNT BYTES MODEL
    for i in $(seq "$2"); do
        echo "static __thread char mine[$3] __attribute__((tls_model(\"$4\"))); void touch(void) { ((volatile char *)mine)[0] = 1; }" |
            "$CC" -shared -fPIC -x c - -o "$work/$1$i.so"
    done
}
make_libraries dynamic 100 512 global-dynamic
make_libraries fixed 60 16 initial-exec
"$CC" -O1 "$LT_SOURCE/c-tests/package/thread_locals.c" -o "$work/load" -ldl -lpthread
"$work/load" "$LT_SHARED" "$work/dynamic" 100 "$work/fixed" 60
