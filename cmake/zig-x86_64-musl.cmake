# To build for musl on x86_64 with zig: -DCMAKE_TOOLCHAIN_FILE=cmake/zig-x86_64-musl.cmake.
set(processor x86_64)
include(${CMAKE_CURRENT_LIST_DIR}/zig-musl.cmake)
