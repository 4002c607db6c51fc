# The module file, where the compiler has modules.
set -eu
cd "$LT_WORK"
rm -rf module gcm.cache
mkdir module
file="$LT_SOURCE/include/lowthread/lowthread.cppm"
case "$CXXFLAGS" in
    # Clang 16 does not find what the module has from outside, where the program includes headers of libc++ too.
    *libc++*) echo "skipped: modules beside headers of libc++"; exit 77 ;;
esac
if echo 'export module m;' | "$CXX" -std=c++20 -x c++-module --precompile - -o module/m.pcm 2>/dev/null; then
    "$CXX" -std=c++20 $CXXFLAGS -I"$LT_SOURCE/include" --precompile "$file" -o module/lowthread.pcm
    "$CXX" -std=c++20 $CXXFLAGS -c module/lowthread.pcm -o module/lowthread.o
    "$CXX" -std=c++20 $CXXFLAGS -fmodule-file=lowthread=module/lowthread.pcm "$LT_SOURCE/cxx-tests/module.cpp" \
        module/lowthread.o -o module/program -L"$LT_LIBRARY_DIR" -llowthread -Wl,-rpath,"$LT_LIBRARY_DIR"
    module/program
else
    echo "skipped: this compiler has no modules that the standard library's headers can be used with"
    exit 77
fi
