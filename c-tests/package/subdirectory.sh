# A project that has the library's source in a folder of its own. What Cargo has built already need
# not be built again for that.
set -eu
. "$LT_SOURCE/c-tests/package/consume.sh"
consume subdirectory -DLOWTHREAD="$LT_SOURCE" -DLOWTHREAD_CARGO_DIR="$CARGO_DIR" \
    -DLOWTHREAD_PARKING_WAIT="$LT_PARKING_WAIT"
