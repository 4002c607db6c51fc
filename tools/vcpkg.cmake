# Runs the port of packages/vcpkg where there is no vcpkg. What the port calls is done here as vcpkg does it, so far as
# this port can tell the difference; then what vcpkg would complain of is looked for.
#
#     cmake -D WORK=FOLDER -P tools/vcpkg.cmake     into FOLDER/packages

cmake_minimum_required(VERSION 3.20)
set(PORT lowthread)
set(CURRENT_PACKAGES_DIR "${WORK}/packages")
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}")

function(run)
    execute_process(COMMAND ${ARGN} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(vcpkg_cmake_configure)
    cmake_parse_arguments(PARSE_ARGV 0 given "" "SOURCE_PATH" "OPTIONS")
    run(${CMAKE_COMMAND} -S "${given_SOURCE_PATH}" -B "${WORK}/rel" -DCMAKE_BUILD_TYPE=Release
        "-DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}" -DCMAKE_INSTALL_LIBDIR=lib ${given_OPTIONS})
    run(${CMAKE_COMMAND} -S "${given_SOURCE_PATH}" -B "${WORK}/dbg" -DCMAKE_BUILD_TYPE=Debug
        "-DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}/debug" -DCMAKE_INSTALL_LIBDIR=lib ${given_OPTIONS})
endfunction()

function(vcpkg_cmake_install)
    foreach(build IN ITEMS rel dbg)
        run(${CMAKE_COMMAND} --build "${WORK}/${build}")
        run(${CMAKE_COMMAND} --install "${WORK}/${build}")
    endforeach()
endfunction()

# The files for CMake go to share/PORT, where they find the prefix two folders above them.
function(vcpkg_cmake_config_fixup)
    cmake_parse_arguments(PARSE_ARGV 0 given "" "CONFIG_PATH" "")
    file(GLOB files "${CURRENT_PACKAGES_DIR}/${given_CONFIG_PATH}/*")
    foreach(file IN LISTS files)
        get_filename_component(name "${file}" NAME)
        file(READ "${file}" text)
        string(REGEX REPLACE "(PACKAGE_PREFIX_DIR \"[^/]*)(/\\.\\.)+" "\\1/../.." text "${text}")
        file(WRITE "${CURRENT_PACKAGES_DIR}/share/${PORT}/${name}" "${text}")
    endforeach()
    file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/lib/cmake" "${CURRENT_PACKAGES_DIR}/debug/lib/cmake")
endfunction()

# It makes absolute paths relative: ours are.
function(vcpkg_fixup_pkgconfig)
endfunction()

function(vcpkg_install_copyright)
    cmake_parse_arguments(PARSE_ARGV 0 given "" "" "FILE_LIST")
    foreach(file IN LISTS given_FILE_LIST)
        file(READ "${file}" text)
        file(APPEND "${CURRENT_PACKAGES_DIR}/share/${PORT}/copyright" "${text}")
    endforeach()
endfunction()

include("${CMAKE_CURRENT_LIST_DIR}/../packages/vcpkg/portfile.cmake")

file(GLOB rest RELATIVE "${CURRENT_PACKAGES_DIR}" "${CURRENT_PACKAGES_DIR}/*" "${CURRENT_PACKAGES_DIR}/debug/*")
if(NOT rest STREQUAL "debug;debug/lib;include;lib;share;tools")
    message(FATAL_ERROR "vcpkg wants nothing else: ${rest}")
endif()
file(GLOB_RECURSE files "${CURRENT_PACKAGES_DIR}/*.cmake" "${CURRENT_PACKAGES_DIR}/*.pc" "${CURRENT_PACKAGES_DIR}/tools/*")
foreach(file IN LISTS files)
    file(READ "${file}" text)
    if(text MATCHES "${WORK}")
        message(FATAL_ERROR "${file} has an absolute path")
    endif()
endforeach()
