# make scale, in its short form: all rows run, and the table comes of them.
set -eu
command -v python3 >/dev/null || exit 77
work="$LT_WORK/scale"
mkdir -p "$work"
ln -sf "$LT_SHARED" "$work/$LT_SONAME"
"$CC" -std=c11 -O2 -Wall -Wextra -Werror -I"$LT_SOURCE/include" "$LT_SOURCE/bench/scale.c" "$work/$LT_SONAME" \
    -lpthread -lm -o "$work/scale"
LD_LIBRARY_PATH="$work" "$work/scale" --short "$work/scale.json"
printf 'x\n<!-- scale: begin -->\n<!-- scale: end -->\ny\n' > "$work/page.md"
python3 -B "$LT_SOURCE/bench/draw_scale.py" "$work/scale.json" --document "$work/page.md"
cat "$work/page.md"
for row in lock semaphore event queue "rwlock, 10 % writes" pool locks timers "threads that join"; do
    grep -q "^| $row, " "$work/page.md" || { echo "no row $row"; exit 1; }
done
