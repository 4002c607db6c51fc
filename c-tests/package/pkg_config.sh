# Programs compiled by hand, with what pkg-config says about the installed library.
set -eu
if [ ! -x "$PKG_CONFIG" ]; then
    echo "skipped: there is no pkg-config"
    exit 77
fi
main="$LT_SOURCE/c-tests/package/consumer/main.c"

# compile OUT OPTION...: evaluated, as a folder with a space in its name comes out of pkg-config with
# a backslash.
compile() {
    out=$1
    shift
    eval '"$CC" "$main"' "$@" '-o "$out"'
}
export PKG_CONFIG_PATH="$LT_STAGE/usr/$LT_LIBDIR/pkgconfig"
test "$("$PKG_CONFIG" --modversion lowthread)" = "$LT_VERSION"

echo "shared"
compile "$LT_WORK/pkg_config_shared" "$("$PKG_CONFIG" --cflags --libs lowthread)"
LD_LIBRARY_PATH="$LT_STAGE/usr/$LT_LIBDIR" "$LT_WORK/pkg_config_shared"

# With both libraries in a folder, the linker takes the shared one.
rm -rf "$LT_WORK/stage-static"
cp -R "$LT_STAGE" "$LT_WORK/stage-static"
rm -f "$LT_WORK/stage-static/usr/$LT_LIBDIR"/liblowthread.so*
PKG_CONFIG_PATH="$LT_WORK/stage-static/usr/$LT_LIBDIR/pkgconfig"

echo "static library"
compile "$LT_WORK/pkg_config_static" "$("$PKG_CONFIG" --static --cflags --libs lowthread)"
"$LT_WORK/pkg_config_static"

if echo "int main(void) { return 0; }" | "$CC" -static -x c - -o "$LT_WORK/all_static" 2>/dev/null; then
    echo "static program"
    compile "$LT_WORK/all_static" -static "$("$PKG_CONFIG" --static --cflags --libs lowthread)"
    "$LT_WORK/all_static"
else
    echo "no static program: this system has no static C library"
fi
