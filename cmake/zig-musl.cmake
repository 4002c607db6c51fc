# To build for musl with zig, which has musl for each processor: included with `processor` set. Programs are static.
option(LOWTHREAD_STATIC_ONLY "No shared library, for programs that are all static" ON)
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${processor})
if(processor STREQUAL CMAKE_HOST_SYSTEM_PROCESSOR)
    set(CMAKE_CROSSCOMPILING_EMULATOR "")
else()
    set(CMAKE_CROSSCOMPILING_EMULATOR qemu-${processor})
endif()
# As PyPI's package has it, or the official archive.
find_program(LOWTHREAD_ZIG NAMES zig python-zig REQUIRED)
set(compiler ${CMAKE_CURRENT_LIST_DIR}/../build-platforms/zig-cc-${processor})
file(WRITE ${compiler} "#!/bin/sh\nexec '${LOWTHREAD_ZIG}' cc --target=${processor}-linux-musl \"$@\"\n")
file(CHMOD ${compiler} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
set(CMAKE_C_COMPILER ${compiler})
# The tests in C++ ask for the runtime of GCC.
set(CMAKE_CXX_COMPILER NOTFOUND)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE NEVER)
# Not those of this machine.
set(CMOCKA_LIBRARY CMOCKA_LIBRARY-NOTFOUND)
set(LOWTHREAD_RUST_TARGET ${processor}-unknown-linux-musl CACHE STRING "Rust's name of the platform to build for")
