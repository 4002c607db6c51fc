# What programs were compiled with is still so: see tools/abi.
set -eu
[ "$LT_PARKING_WAIT" != ON ] || { echo "skipped: the same on both wait engines"; exit 77; }
cd "$LT_SOURCE"
PATH="$(dirname "$CARGO"):$PATH" tools/abi
