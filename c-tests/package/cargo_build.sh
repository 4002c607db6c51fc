# What somebody types who knows Cargo and no more: after `cargo build --release` a program links with the library where
# Cargo has put it, and runs; and that library is the one that is installed, optimised as a whole. (Told, as CMake tells it, that
# its folder is no part of it, which else is in its debug information and its build ID.)
set -eu
. "$LT_SOURCE/c-tests/package/recorded.sh"
work="$LT_WORK/cargo_build"
mkdir -p "$work"
cd "$LT_SOURCE"
"$CARGO" build --quiet --locked --release --config "$LT_BUILD/remap.toml" --target-dir "$CARGO_DIR"
built="$CARGO_DIR/release"
"$CC" -Iinclude examples/c/demo.c -L"$built" -llowthread -Wl,-rpath,"$built" -o "$work/demo"
"$work/demo" > /dev/null
"$READELF" -d "$work/demo" | grep -q "NEEDED.*\[$LT_SONAME\]"
# Stripped they are the same file.
"$STRIP" --strip-unneeded -o "$work/stripped.so" "$built/liblowthread.so"
cmp "$work/stripped.so" "$LT_SHARED"
