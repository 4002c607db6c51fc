# To build for 32 bits on an x86_64: -DCMAKE_TOOLCHAIN_FILE=cmake/i686.cmake. This machine runs what is built.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR i686)
set(CMAKE_CROSSCOMPILING_EMULATOR "")
set(CMAKE_C_COMPILER gcc)
set(CMAKE_CXX_COMPILER g++)
# The kernel's headers are those of both, and Debian has them in the folder of one. GCC tells of what older ones of it did.
set(CMAKE_C_FLAGS_INIT "-m32 -Wno-psabi -idirafter /usr/include/x86_64-linux-gnu")
set(CMAKE_CXX_FLAGS_INIT "${CMAKE_C_FLAGS_INIT}")
# What is found elsewhere is of 64 bits.
set(CMAKE_FIND_ROOT_PATH /usr/lib32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(LOWTHREAD_RUST_TARGET i686-unknown-linux-gnu CACHE STRING "Rust's name of the platform to build for")
