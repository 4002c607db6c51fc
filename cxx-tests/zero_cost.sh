# A std::lock_guard<lt::lock> around a body is C's two calls and nothing else: no other call and no branch on the way
# from the beginning to the return.
set -eu
"$CXX" -std=c++17 -O2 -DNDEBUG -fcf-protection=none -I"$LT_SOURCE/include" -c "$LT_SOURCE/cxx-tests/guard.cpp" -o "$LT_WORK/guard.o"
"$OBJDUMP" -dr --no-show-raw-insn "$LT_WORK/guard.o" |
    awk '/<_Z7guarded[^>.]*>:$/ { inside = 1 } inside { print } inside && $2 ~ /^ret/ { exit }' > "$LT_WORK/guard.s"
calls=$(sed -n 's/.*R_[A-Z0-9_]*[[:space:]]*\([A-Za-z0-9_.]*\).*/\1/p' "$LT_WORK/guard.s" | tr '\n' ' ')
branches=$(grep -cE '^ +[0-9a-f]+:[[:space:]]+(j[a-z]+|cbn?z|tbn?z|b|b\.[a-z]+)[[:space:]]' "$LT_WORK/guard.s" || true)
if [ "$calls" != "lt_lock_acquire_uninterruptible _Z4bodyv lt_lock_release " ] || [ "$branches" != 0 ]; then
    cat "$LT_WORK/guard.s"
    echo "calls: $calls; branches: $branches"
    exit 1
fi
echo "$calls"
