# To build for riscv64 with Debian's cross compiler: -DCMAKE_TOOLCHAIN_FILE=cmake/riscv64.cmake. QEMU runs it.
set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(triple riscv64-linux-gnu)
set(emulator qemu-riscv64)
# As GCC does by itself for other processors: C that errors pass, and whose frames a trace tells.
set(CMAKE_C_FLAGS_INIT "-fasynchronous-unwind-tables")
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
set(LOWTHREAD_RUST_TARGET riscv64gc-unknown-linux-gnu CACHE STRING "Rust's name of the platform to build for")
