# Recorded figures are those of an optimised library with the futex engine on x86_64: elsewhere a test of them is
# skipped. For the scripts beside it.
case "$LT_PARKING_WAIT $LT_CONFIG" in
    ON* | *Debug) exit 77 ;;
esac
case "$("$CC" -dumpmachine)" in
    x86_64-*) ;;
    *) exit 77 ;;
esac
