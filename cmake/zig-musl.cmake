# To build for musl with zig, which has musl for each processor: included with `processor` set. Programs are static; with
# -DLOWTHREAD_STATIC_ONLY=OFF they are linked with musl's libc.so and the shared library.
option(LOWTHREAD_STATIC_ONLY "No shared library, for programs that are all static" ON)
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${processor})
if(processor STREQUAL CMAKE_HOST_SYSTEM_PROCESSOR)
    set(CMAKE_CROSSCOMPILING_EMULATOR "")
else()
    set(CMAKE_CROSSCOMPILING_EMULATOR qemu-${processor})
    # Where the loader is, that of programs which are not static.
    if(LOWTHREAD_SYSROOT)
        list(APPEND CMAKE_CROSSCOMPILING_EMULATOR -L ${LOWTHREAD_SYSROOT})
    endif()
endif()
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LOWTHREAD_STATIC_ONLY LOWTHREAD_SYSROOT)
# As PyPI's package has it, or the official archive.
find_program(LOWTHREAD_ZIG NAMES zig python-zig REQUIRED)
set(compiler ${CMAKE_CURRENT_LIST_DIR}/../build-platforms/zig-cc-${processor})
set(compile "'${LOWTHREAD_ZIG}' cc --target=${processor}-linux-musl")
if(NOT LOWTHREAD_STATIC_ONLY)
    set(compiler ${compiler}-shared)
    string(APPEND compile " -dynamic")
    # Rust asks for GCC's unwinder, which zig has not; its own is for musl.
    execute_process(
        COMMAND rustc --target ${processor}-unknown-linux-musl --print target-libdir
        OUTPUT_VARIABLE musl_libdir OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY
    )
    set(LOWTHREAD_RUST_LINKER ${compiler}-link)
    file(WRITE ${LOWTHREAD_RUST_LINKER} "#!/bin/sh
for argument; do
    shift
    [ \"$argument\" = -lgcc_s ] && argument='${musl_libdir}/self-contained/libunwind.a'
    set -- \"$@\" \"$argument\"
done
exec ${compile} \"$@\"
")
    file(CHMOD ${LOWTHREAD_RUST_LINKER} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
    # For what does not read .cargo/config.toml.
    set(LOWTHREAD_RUSTFLAGS -Ctarget-feature=-crt-static CACHE STRING "What rustc is told beside")
endif()
file(WRITE ${compiler} "#!/bin/sh\nexec ${compile} \"$@\"\n")
file(CHMOD ${compiler} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
set(CMAKE_C_COMPILER ${compiler})
# The tests in C++ ask for the runtime of GCC.
set(CMAKE_CXX_COMPILER NOTFOUND)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE NEVER)
# Not those of this machine.
set(CMOCKA_LIBRARY CMOCKA_LIBRARY-NOTFOUND)
set(LOWTHREAD_RUST_TARGET ${processor}-unknown-linux-musl CACHE STRING "Rust's name of the platform to build for")
