# lowthread.cdef.h has no preprocessor lines, and says what lowthread.h says: a compiler that reads its
# functions and callbacks behind the header's has nothing to say, and its constants have the same values.
set -eu
cdef="$LT_SOURCE/include/lowthread.cdef.h"
mkdir -p "$LT_WORK"
cd "$LT_WORK"

if grep -n '#' "$cdef"; then
    echo "the lines above are for a preprocessor"
    exit 1
fi
{
    printf '#include <%s>\n' stdbool.h stddef.h stdint.h
    cat "$cdef"
} > cdef_alone.c
"$CC" -std=c11 -Wall -Wextra -Werror -fsyntax-only cdef_alone.c

{
    echo '#include <lowthread.h>'
    sed -n 's/^    \(LT_[A-Z_]*\) = \(-\{0,1\}[0-9]*\),\{0,1\}$/_Static_assert(\1 == \2, "");/p' "$cdef"
    sed -n '/^typedef.*;$/p; /^[a-z].*);$/p' "$cdef"
    # The same members at the same places.
    awk '
        /^typedef struct [a-z_]* \{$/ { name = $3; members = 0; print "struct plain_" name " {"; next }
        name && /^}/ {
            print "};"
            print "_Static_assert(sizeof(struct plain_" name ") == sizeof(" name "), \"\");"
            for (i = 0; i < members; i++)
                print "_Static_assert(offsetof(struct plain_" name ", " member[i] ") == offsetof(" name ", " member[i] "), \"\");"
            name = ""
        }
        name { print; m = $NF; gsub(/[*;]|\[.*/, "", m); member[members++] = m }
    ' "$cdef"
} > cdef_beside.c
"$CC" -std=c11 -Wall -Wextra -Werror -fsyntax-only -I"$LT_SOURCE/include" cdef_beside.c

sed -n 's/^[a-z].*[ *]\(lt_[a-z0-9_]*\)(.*);$/\1/p' "$cdef" | grep -v typedef | LC_ALL=C sort > cdef_functions
LC_ALL=C sort "$LT_SOURCE/abi/symbols.txt" | diff -u - cdef_functions
test "$(grep -c _Static_assert cdef_beside.c)" -gt 60
echo "$(wc -l < cdef_functions) functions"
