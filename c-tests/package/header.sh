# The committed header, its other forms and the list of symbols are what the source gives today.
set -eu
if ! "$CARGO" build --quiet --locked --offline --manifest-path "$LT_SOURCE/tools/header/Cargo.toml" \
    --target-dir "$CARGO_DIR/header"; then
    echo "skipped: tools/header needs packages that are not on this machine (try: make header)"
    exit 77
fi
out="$LT_WORK/header"
rm -rf "$out"
"$CARGO_DIR/header/debug/header" "$LT_SOURCE" "$out"
for file in include/lowthread.h include/lowthread.cdef.h abi/lowthread.json abi/symbols.txt; do
    if ! diff -u "$LT_SOURCE/$file" "$out/$file"; then
        echo "$file is not what the source gives: run make header"
        exit 1
    fi
done
