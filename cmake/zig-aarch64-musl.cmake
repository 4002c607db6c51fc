# To build for musl on aarch64 with zig: -DCMAKE_TOOLCHAIN_FILE=cmake/zig-aarch64-musl.cmake.
set(processor aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/zig-musl.cmake)
