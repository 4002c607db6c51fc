# To build for aarch64 with Debian's cross compiler: -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake. QEMU runs it.
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(triple aarch64-linux-gnu)
set(emulator qemu-aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
set(LOWTHREAD_RUST_TARGET aarch64-unknown-linux-gnu CACHE STRING "Rust's name of the platform to build for")
