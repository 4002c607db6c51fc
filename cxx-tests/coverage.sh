# Every function of the C header is used by the C++ headers, but for those below, each with its reason.
set -eu
export LC_ALL=C
left_out="
lt_pool_map: it returns while tasks still run, when it is interrupted; pool::map waits for them, as their arguments are the caller's
"
cd "$LT_SOURCE"
test -s abi/symbols.txt
sort abi/symbols.txt > "$LT_WORK/there.txt"
# Words outside of comments.
cat include/lowthread.hpp include/lowthread/*.hpp | sed 's://.*::' | grep -oE '\blt_[a-z0-9_]+\b' | sort -u > "$LT_WORK/words.txt"
comm -23 "$LT_WORK/there.txt" "$LT_WORK/words.txt" > "$LT_WORK/unused.txt"
echo "$left_out" | sed -n 's/:.*//p' | sort > "$LT_WORK/left_out.txt"
if ! diff "$LT_WORK/left_out.txt" "$LT_WORK/unused.txt"; then
    echo "> is forgotten; < is used after all, but listed here as left out"
    exit 1
fi
echo "$(wc -l < "$LT_WORK/there.txt") functions"
