# Installs into $LT_STAGE/usr, by DESTDIR, as a distribution does. The tests after this one use it
# there, so it also has to be relocatable.
set -eu
rm -rf "$LT_STAGE" "$LT_WORK/installed"
DESTDIR="$LT_WORK/installed" "$CMAKE" --install "$LT_BUILD" --config "$LT_CONFIG" --prefix /usr
mv "$LT_WORK/installed" "$LT_STAGE"

cd "$LT_STAGE/usr"
for file in include/lowthread.h include/lowthread.cdef.h share/lowthread/lowthread.json include/lowthread.hpp include/lowthread/queue.hpp include/lowthread/lowthread.cppm share/man/man3/lt_lock_acquire_timeout.3 share/man/man7/lowthread.7 share/man/man1/lowthread-top.1 bin/lowthread-top "$LT_LIBDIR/liblowthread.so" "$LT_LIBDIR/liblowthread.a" \
    "$LT_LIBDIR/pkgconfig/lowthread.pc" "$LT_LIBDIR/cmake/lowthread/lowthreadConfig.cmake"; do
    test -e "$file" || { echo "not installed: $file"; exit 1; }
done
if [ -n "$LT_SONAME" ]; then
    test ! -L "$LT_LIBDIR/liblowthread.so.$LT_VERSION"
    test "$(readlink "$LT_LIBDIR/$LT_SONAME")" = "liblowthread.so.$LT_VERSION"
    test "$(readlink "$LT_LIBDIR/liblowthread.so")" = "liblowthread.so.$LT_VERSION"
fi
if grep -r "$LT_BUILD\|$LT_SOURCE\|$LT_WORK" "$LT_LIBDIR/pkgconfig" "$LT_LIBDIR/cmake"; then
    echo "the lines above name the folder in which it was built"
    exit 1
fi
