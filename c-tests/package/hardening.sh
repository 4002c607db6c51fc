# What the shared library leaves to whoever has found a way to write where they should not: no table of functions that
# can be written once it is loaded, no memory that can be written and executed, no stack that can be executed. What is
# not there has a reason: the marks of CET (IBT and SHSTK) need a standard library of Rust that is built with
# -Z cf-protection, which the stable one is not.
set -eu
dynamic=$("$READELF" -dW "$LT_SHARED")
segments=$("$READELF" -lW "$LT_SHARED")
sections=$("$READELF" -SW "$LT_SHARED")
header=$("$READELF" -hW "$LT_SHARED")

refuse() {
    echo "$1"
    echo "$dynamic"
    echo "$segments"
    exit 1
}
echo "$header" | grep -q "Type: *DYN" || refuse "it has a fixed address"
echo "$segments" | grep -q "GNU_RELRO" || refuse "its relocations stay writable (no RELRO)"
echo "$dynamic" | grep -q "BIND_NOW\|Flags:.*NOW" || refuse "its functions are bound later, in a table that stays writable"
echo "$segments" | grep -q "GNU_STACK" || refuse "nothing says that its stack is not to be executed"
! echo "$segments" | grep "GNU_STACK.* RWE " || refuse "it makes every stack executable"
! echo "$segments" | grep "LOAD.* RWE " || refuse "some of its memory can be written and executed"
! echo "$dynamic" | grep "TEXTREL" || refuse "its code has to be changed when it is loaded"
