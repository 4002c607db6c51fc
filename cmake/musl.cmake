# To build for musl on Debian, with its musl-gcc: -DCMAKE_TOOLCHAIN_FILE=cmake/musl.cmake. Programs are static.
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
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(CMAKE_FIND_ROOT_PATH /usr/lib/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux-musl)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(LOWTHREAD_RUST_TARGET ${CMAKE_HOST_SYSTEM_PROCESSOR}-unknown-linux-musl
    CACHE STRING "Rust's name of the platform to build for")
