# What the shared library promises to the dynamic linker.
set -eu
dynamic=$("$READELF" -dW "$LT_SHARED")
segments=$("$READELF" -lW "$LT_SHARED")

wants() {
    echo "$dynamic" | grep -q "$1" || { echo "$2"; echo "$dynamic"; exit 1; }
}
refuses() {
    ! echo "$dynamic" | grep "$1" || { echo "$2"; exit 1; }
}
wants "(SONAME).*\[$LT_SONAME\]" "its soname is not $LT_SONAME"
wants "(FLAGS_1).*NODELETE" "it could be unloaded under the feet of running threads"
refuses "(NEEDED).*libstdc++" "it needs the C++ library"
refuses "(TEXTREL)" "its code has to be changed when it is loaded"
refuses "(RPATH)\|(RUNPATH)" "it looks for libraries where it was built"
if echo "$segments" | grep "GNU_STACK.*E"; then
    echo "it makes every stack executable"
    exit 1
fi
