# No folder of this machine is in what is built, debug information included: so a build in another folder is the same
# file. `make reproducible` makes that build, and compares.
set -eu
[ "$LT_CONFIG" != Debug ] || exit 77 # A debugger is to find the source.
[ -z "${RUSTFLAGS-}" ] || exit 77 # Cargo then asks for no others.
for file in "$LT_BUILD"/lib/liblowthread.* "$LT_BUILD"/lib/stripped/liblowthread.*; do
    for folder in "$LT_SOURCE/" "$LT_BUILD/" "${CARGO_HOME:-$HOME/.cargo}/"; do
        if grep -aqF "$folder" "$file"; then
            echo "$file knows the folder $folder:"
            strings -a "$file" | grep -F "$folder" | head
            exit 1
        fi
    done
done
