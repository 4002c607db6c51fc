# The stripped shared library is not larger than abi/size.txt allows. To be a part of every program, a library
# must be small: what makes it larger says why, by a change of that number.
set -eu
. "$LT_SOURCE/c-tests/package/recorded.sh"
size=$(wc -c < "$LT_SHARED")
most=$(cat "$LT_SOURCE/abi/size.txt")
echo "$size bytes of $most"
[ "$size" -le "$most" ]
