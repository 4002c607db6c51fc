# A project that finds the installed library with find_package; and one that wants an incompatible version does not.
set -eu
. "$LT_SOURCE/c-tests/package/consume.sh"
consume find_package -DCMAKE_PREFIX_PATH="$LT_STAGE/usr" -DVERSION="${LT_VERSION%.*}"
if "$CMAKE" -S "$LT_SOURCE/c-tests/package/consumer" -B "$LT_WORK/find_package_other" -DHOW=find_package -DCMAKE_C_COMPILER="$CC" \
    -DCMAKE_PREFIX_PATH="$LT_STAGE/usr" -DVERSION=0.0 >"$LT_WORK/find_package_other.log" 2>&1; then
    echo "version $LT_VERSION was found for who wants 0.0"
    exit 1
fi
grep 'version: *'"$LT_VERSION" "$LT_WORK/find_package_other.log"
