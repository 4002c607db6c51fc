# A project that finds the installed library with find_package.
set -eu
. "$LT_SOURCE/c-tests/package/consume.sh"
consume find_package -DCMAKE_PREFIX_PATH="$LT_STAGE/usr" -DVERSION="${LT_VERSION%.*}"
