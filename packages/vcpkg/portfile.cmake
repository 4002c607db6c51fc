# An overlay port in the source tree: vcpkg install lowthread --overlay-ports=packages/vcpkg. It wants Rust on the
# machine: vcpkg has none.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
find_program(CARGO cargo HINTS ENV CARGO_HOME "$ENV{HOME}/.cargo" PATH_SUFFIXES bin)
if(NOT CARGO)
    message(FATAL_ERROR "lowthread needs Rust 1.85 or newer: https://rustup.rs")
endif()

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS -DLOWTHREAD_BUILD_TESTS=OFF -DLOWTHREAD_BUILD_EXAMPLES=OFF
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/lowthread)
vcpkg_fixup_pkgconfig()
# What both have is there once: vcpkg refuses headers and share, which is man pages and the interface as data, in debug.
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share")
if(NOT VCPKG_TARGET_IS_WINDOWS)
    # Programs have a folder of their own there.
    file(INSTALL "${CURRENT_PACKAGES_DIR}/bin/lowthread-top" DESTINATION "${CURRENT_PACKAGES_DIR}/tools/${PORT}"
        USE_SOURCE_PERMISSIONS)
    file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/bin" "${CURRENT_PACKAGES_DIR}/debug/bin")
endif()
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE-MIT" "${SOURCE_PATH}/LICENSE-APACHE")
