# Programs in the ABI of Microsoft's compiler, by Clang and LLVM's linker, with the import library that was installed.
# Of Microsoft's there is nothing: the header's own includes come with Clang, and what C++ needs to throw with msvcrt.dll.
set -eu
for tool in clang lld-link llvm-dlltool; do
    command -v $tool >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
done
lib="$LT_STAGE/usr/$LT_LIBDIR"
test -e "$lib/lowthread.lib" || { echo "not installed: lowthread.lib"; exit 1; }
rm -rf "$LT_WORK/msvc"
mkdir "$LT_WORK/msvc"
cd "$LT_WORK/msvc"
export WINEPATH="$LT_STAGE/usr/bin"

# import DLL FUNCTION...: an import library with these.
import() {
    dll=$1
    shift
    { echo "LIBRARY $dll.dll"; echo EXPORTS; printf '    %s\n' "$@"; } >"$dll.def"
    llvm-dlltool -m i386:x86-64 -d "$dll.def" -l "$dll.lib"
}
import kernel32 ExitProcess GetStdHandle WriteFile
import msvcrt _CxxThrowException __CxxFrameHandler3 __C_specific_handler memcpy memset
for source in calls.c throws.cpp; do
    clang --target=x86_64-pc-windows-msvc -ffreestanding -nostdlib -fexceptions -O1 -Wall -Wextra -Werror \
        -I"$LT_STAGE/usr/include" -c "$LT_SOURCE/c-tests/package/msvc/$source" -o "$source.obj"
    lld-link /nologo /nodefaultlib /subsystem:console /entry:start "/out:$source.exe" \
        "$source.obj" "$lib/lowthread.lib" kernel32.lib msvcrt.lib
    "$LT_EMULATOR" "$source.exe"
done
