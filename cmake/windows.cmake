# To build for Windows with MinGW (Debian: g++-mingw-w64-x86-64, wine, wine64):
# -DCMAKE_TOOLCHAIN_FILE=cmake/windows.cmake. Programs are run with Wine.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
# Of Debian's two kinds, that whose C++ has threads.
find_program(LOWTHREAD_MINGW_CC NAMES x86_64-w64-mingw32-gcc-posix x86_64-w64-mingw32-gcc)
find_program(LOWTHREAD_MINGW_CXX NAMES x86_64-w64-mingw32-g++-posix x86_64-w64-mingw32-g++)
mark_as_advanced(LOWTHREAD_MINGW_CC LOWTHREAD_MINGW_CXX)
set(CMAKE_C_COMPILER ${LOWTHREAD_MINGW_CC})
set(CMAKE_CXX_COMPILER ${LOWTHREAD_MINGW_CXX})
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(CMAKE_CROSSCOMPILING_EMULATOR "${CMAKE_CURRENT_LIST_DIR}/../tools/wine")
set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(LOWTHREAD_RUST_TARGET x86_64-pc-windows-gnu CACHE STRING "Rust's name of the platform to build for")
