# The same functions in three places: abi/symbols.txt, the header, the shared library.
set -eu
export LC_ALL=C
mkdir -p "$LT_WORK"
cd "$LT_WORK"

sort "$LT_SOURCE/abi/symbols.txt" > symbols.listed
"$NM" -D --defined-only "$LT_SHARED" | awk '{ print $NF }' | sort > symbols.exported

# Without the bodies of inline functions, a declaration is what ends with a semicolon.
"$CC" -E -P -I"$LT_SOURCE/include" "$LT_SOURCE/include/lowthread.h" | awk '
    {
        for (i = 1; i <= length($0); i++) {
            c = substr($0, i, 1)
            if (c == "{") depth++
            if (depth == 0) text = text c
            if (c == "}" && --depth == 0) text = text ";"
        }
        if (depth == 0) text = text " "
    }
    END {
        n = split(text, declarations, ";")
        for (i = 1; i <= n; i++) {
            d = declarations[i]
            if (d !~ /typedef|static/ && match(d, /lt_[a-z0-9_]+ *\(/)) {
                name = substr(d, RSTART, RLENGTH)
                sub(/ *\(/, "", name)
                print name
            }
        }
    }' | sort > symbols.declared

test -s symbols.listed
diff -u symbols.listed symbols.exported || { echo "abi/symbols.txt is not what the library exports"; exit 1; }
diff -u symbols.listed symbols.declared || { echo "abi/symbols.txt is not what the header declares"; exit 1; }
echo "$(wc -l < symbols.listed) functions"
