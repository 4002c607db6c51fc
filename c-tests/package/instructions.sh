# What is called all the time takes no more instructions than abi/instructions.txt allows, where nothing stands in
# its way: no system call and no lock can be in it unnoticed. What needs more says why, by a change there. And it calls
# no other function, but for once, the first time; what makes an object may.
set -eu
. "$LT_SOURCE/c-tests/package/recorded.sh"
command -v valgrind >/dev/null || exit 77

work="$LT_WORK/instructions"
mkdir -p "$work"
ln -sf "$LT_SHARED" "$work/$LT_SONAME"
"$CC" -O2 -I"$LT_SOURCE/include" "$LT_SOURCE/c-tests/package/uncontended.c" "$work/$LT_SONAME" -o "$work/calls"

failed=0
while read -r function calls most; do
    counted=$(LD_LIBRARY_PATH="$work" valgrind --tool=callgrind --callgrind-out-file="$work/graph" --compress-strings=no \
        --toggle-collect="$function" "$work/calls" 1000 2>&1 | sed -n 's/.*Collected : *//p')
    others=$(awk -v "self=fn=$function" '/^fn=/ { inside = $0 == self; seen += inside }
        inside && /^calls=/ { sub("calls=", ""); n += $1 } END { print seen ? n + 0 : "unknown" }' "$work/graph")
    each=$((counted / calls))
    echo "$function: $each instructions of $most"
    [ "$function" = lt_allocate_lock ] || [ "$others" -lt $((calls / 10)) ] || { echo "$function calls other functions: $others times"; failed=1; }
    [ "$each" -gt 0 ] && [ "$each" -le "$most" ] || failed=1
done < "$LT_SOURCE/abi/instructions.txt"
exit $failed
