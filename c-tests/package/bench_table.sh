# The table of docs/performance.md, from a small sample of results.
set -eu
command -v python3 >/dev/null || exit 77
cd "$LT_SOURCE/bench"
python3 -B test_draw.py
