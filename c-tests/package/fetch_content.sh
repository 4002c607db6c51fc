# A project that gets the library with FetchContent. What Cargo has built already need not be built
# again for that.
set -eu
. "$LT_SOURCE/c-tests/package/consume.sh"
consume fetch_content -DLOWTHREAD="$LT_SOURCE" -DLOWTHREAD_CARGO_DIR="$CARGO_DIR" \
    -DLOWTHREAD_PARKING_WAIT="$LT_PARKING_WAIT"
