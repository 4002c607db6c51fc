# A project that finds the installed library with find_package, and whose programs find the DLL in the PATH.
set -eu
. "$LT_SOURCE/c-tests/package/consume.sh"
# And the compiler's own, which a program in C++ needs.
for dll in libstdc++-6 libgcc_s_seh-1 libwinpthread-1; do
    WINEPATH="${WINEPATH:-$LT_STAGE/usr/bin};$(dirname "$("$CC" -print-file-name=$dll.dll)")"
done
export WINEPATH
consume find_package -DCMAKE_TOOLCHAIN_FILE="$LT_TOOLCHAIN" -DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=BOTH \
    -Dlowthread_DIR="$LT_STAGE/usr/$LT_LIBDIR/cmake/lowthread" -DVERSION="${LT_VERSION%.*}"
