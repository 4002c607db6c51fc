# To build for ARM of 32 bits with Debian's cross compiler: -DCMAKE_TOOLCHAIN_FILE=cmake/armv7.cmake. QEMU runs it.
set(CMAKE_SYSTEM_PROCESSOR armv7)
set(triple arm-linux-gnueabihf)
set(emulator qemu-arm)
# As GCC does by itself for other processors: C that errors pass.
set(CMAKE_C_FLAGS_INIT "-funwind-tables")
# GCC tells of what older ones of it did.
set(CMAKE_CXX_FLAGS_INIT "-Wno-psabi")
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
set(LOWTHREAD_RUST_TARGET armv7-unknown-linux-gnueabihf CACHE STRING "Rust's name of the platform to build for")
