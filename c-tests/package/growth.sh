# What is done to four times as many takes four times the steps, and what an order in a heap adds, but not sixteen times:
# counted by callgrind, in instructions; the least, where it is counted more than once.
set -eu
command -v valgrind >/dev/null || exit 77
echo '#include <valgrind/callgrind.h>' | "$CC" -E - >/dev/null 2>&1 || exit 77

work="$LT_WORK/growth"
rm -rf "$work"
mkdir -p "$work"
ln -sf "$LT_SHARED" "$work/$LT_SONAME"
"$CC" -std=c11 -O2 -Wall -Wextra -Werror -I"$LT_SOURCE/include" "$LT_SOURCE/c-tests/package/growth.c" \
    "$work/$LT_SONAME" -o "$work/grow"
LD_LIBRARY_PATH="$work" valgrind --quiet --tool=callgrind --collect-atstart=no --callgrind-out-file="$work/out" \
    "$work/grow"
# A file for each: its trigger, and the instructions.
grep -h -e '^desc: Trigger: Client Request: ' -e '^totals: ' "$work"/out.* |
    awk '/^desc/ { row = $5; n = $6 }
        /^totals/ && row != "first" && row != "" {
            if (!(row in least) || n < least[row]) { least[row] = n }
            if (n > most[row]) { most[row] = n }
            if (!((row, n) in of) || $2 < of[row, n]) { of[row, n] = $2 }
            row = ""
        }
        END {
            for (row in most) {
                few = of[row, least[row]]
                many = of[row, most[row]]
                grown = few > 0 && most[row] == 4 * least[row] ? many / few : "unknown"
                printf "%s: %d instructions for each of %d, %.1f times as many for four times\n", row, many / most[row],
                    most[row], grown
                if (grown == "unknown" || grown > 6) { failed = 1 }
                rows++
            }
            exit failed || rows != 11
        }'
