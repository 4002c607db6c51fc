# Programs compiled by hand, with what pkg-config says about the installed library.
set -eu
if [ ! -x "$PKG_CONFIG" ]; then
    echo "skipped: there is no pkg-config"
    exit 77
fi
main="$LT_SOURCE/c-tests/package/consumer/main.c"
export PKG_CONFIG_PATH="$LT_STAGE/usr/$LT_LIBDIR/pkgconfig" WINEPATH="$LT_STAGE/usr/bin"
test "$("$PKG_CONFIG" --modversion lowthread)" = "$LT_VERSION"

# compile OUT OPTION...: evaluated, as a folder with a space in its name comes out of pkg-config with a backslash.
compile() {
    out=$1
    shift
    eval '"$CC" "$main"' "$@" '-o "$out"'
}
echo "shared"
compile "$LT_WORK/pkg_config_shared.exe" "$("$PKG_CONFIG" --cflags --libs lowthread)"
"$LT_EMULATOR" "$LT_WORK/pkg_config_shared.exe"

echo "static"
rm -rf "$LT_WORK/stage-static"
cp -R "$LT_STAGE" "$LT_WORK/stage-static"
rm -f "$LT_WORK/stage-static/usr/$LT_LIBDIR/liblowthread.dll.a"
PKG_CONFIG_PATH="$LT_WORK/stage-static/usr/$LT_LIBDIR/pkgconfig" WINEPATH=
compile "$LT_WORK/pkg_config_static.exe" "$("$PKG_CONFIG" --static --cflags --libs lowthread)"
"$LT_EMULATOR" "$LT_WORK/pkg_config_static.exe"
