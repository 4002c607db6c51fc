# To build for musl on Debian, with its musl-gcc: -DCMAKE_TOOLCHAIN_FILE=cmake/musl.cmake. Programs are static; with
# -DLOWTHREAD_STATIC_ONLY=OFF they are linked with musl's libc.so and the shared library.
option(LOWTHREAD_STATIC_ONLY "No shared library, for programs that are all static" ON)
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${CMAKE_HOST_SYSTEM_PROCESSOR})
# This machine can run what is built.
set(CMAKE_CROSSCOMPILING_EMULATOR "")
set(CMAKE_C_COMPILER musl-gcc)
# The kernel's headers, which musl's compiler does not look for.
set(CMAKE_C_FLAGS_INIT
    "-idirafter /usr/include -idirafter /usr/include/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux-gnu")
# The compiler of C++ would take the C library of this machine.
set(CMAKE_CXX_COMPILER NOTFOUND)
if(LOWTHREAD_STATIC_ONLY)
    set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
else()
    # What is left by unwinding needs an unwinder, and a table of its tables. Debian's is for glibc, but for the
    # personality of C. Rust's is for musl, and has none: so what that needs is taken from there first.
    execute_process(
        COMMAND rustc --target ${CMAKE_HOST_SYSTEM_PROCESSOR}-unknown-linux-musl --print target-libdir
        OUTPUT_VARIABLE musl_libdir OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY
    )
    set(CMAKE_C_STANDARD_LIBRARIES
        "-Wl,-u,_Unwind_GetTextRelBase,-u,_Unwind_SetGR ${musl_libdir}/self-contained/libunwind.a")
    set(CMAKE_EXE_LINKER_FLAGS_INIT -Wl,--eh-frame-hdr)
    set(LOWTHREAD_RUST_LINKER ${CMAKE_CURRENT_LIST_DIR}/../tools/musl-link)
    # For what does not read .cargo/config.toml.
    set(LOWTHREAD_RUSTFLAGS -Ctarget-feature=-crt-static CACHE STRING "What rustc is told beside")
endif()
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LOWTHREAD_STATIC_ONLY)
set(CMAKE_FIND_ROOT_PATH /usr/lib/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux-musl)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(LOWTHREAD_RUST_TARGET ${CMAKE_HOST_SYSTEM_PROCESSOR}-unknown-linux-musl
    CACHE STRING "Rust's name of the platform to build for")
