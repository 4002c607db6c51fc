# Installs for Windows into $LT_STAGE/usr: each file is where docs/windows.md says.
set -eu
rm -rf "$LT_STAGE" "$LT_WORK/installed"
DESTDIR="$LT_WORK/installed" "$CMAKE" --install "$LT_BUILD" --config "$LT_CONFIG" --prefix /usr
mv "$LT_WORK/installed" "$LT_STAGE"

cd "$LT_STAGE/usr"
for file in include/lowthread.h bin/lowthread.dll "$LT_LIBDIR/liblowthread.dll.a" "$LT_LIBDIR/lowthread.def" \
    "$LT_LIBDIR/liblowthread.a" "$LT_LIBDIR/pkgconfig/lowthread.pc" "$LT_LIBDIR/cmake/lowthread/lowthreadConfig.cmake"; do
    test -e "$file" || { echo "not installed: $file"; exit 1; }
done
if grep -r "$LT_BUILD\|$LT_SOURCE\|$LT_WORK" "$LT_LIBDIR/pkgconfig" "$LT_LIBDIR/cmake"; then
    echo "the lines above name the folder in which it was built"
    exit 1
fi
