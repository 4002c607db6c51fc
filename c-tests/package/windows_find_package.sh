# A project that finds the installed library with find_package, and whose programs find the DLL in the PATH.
set -eu
. "$LT_SOURCE/c-tests/package/consume.sh"
export WINEPATH="$LT_STAGE/usr/bin"
consume find_package -DCMAKE_TOOLCHAIN_FILE="$LT_TOOLCHAIN" -DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=BOTH \
    -Dlowthread_DIR="$LT_STAGE/usr/$LT_LIBDIR/cmake/lowthread" -DVERSION="${LT_VERSION%.*}"
