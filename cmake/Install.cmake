# Installs the header, both libraries, lowthread-top, and what CMake and pkg-config need to find them. All of it may
# be moved afterwards: nothing in it knows the prefix, unless the folders were given absolutely.

include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/lowthread")
set(pkgconfig_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

install(DIRECTORY include/ DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp" PATTERN "*.cppm"
)
if(NOT WIN32)
    install(DIRECTORY man/ DESTINATION "${CMAKE_INSTALL_MANDIR}" FILES_MATCHING PATTERN "*.[137]")
    install(PROGRAMS tools/lowthread-top TYPE BIN)
endif()
install(FILES abi/lowthread.json DESTINATION "${CMAKE_INSTALL_DATADIR}/lowthread")
set(LOWTHREAD_SHARED_DIR "${CMAKE_INSTALL_LIBDIR}")
if(WIN32)
    set(LOWTHREAD_SHARED_DIR "${CMAKE_INSTALL_BINDIR}")
    install(FILES "${lib_dir}/${import_file}" "${CMAKE_CURRENT_BINARY_DIR}/${def_file}"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}")
    if(msvc_import_file)
        install(FILES "${lib_dir}/${msvc_import_file}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
    endif()
endif()
foreach(file IN LISTS shared_file shared_links)
    install(FILES "${lib_dir}/stripped/${file}" DESTINATION "${LOWTHREAD_SHARED_DIR}")
endforeach()
install(FILES "${lib_dir}/stripped/${static_file}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")

configure_package_config_file(cmake/lowthreadConfig.cmake.in
    "${CMAKE_CURRENT_BINARY_DIR}/lowthreadConfig.cmake"
    INSTALL_DESTINATION "${package_dir}"
    PATH_VARS CMAKE_INSTALL_LIBDIR LOWTHREAD_SHARED_DIR CMAKE_INSTALL_INCLUDEDIR
    NO_CHECK_REQUIRED_COMPONENTS_MACRO
)
# What an incompatible change raises: before 1.0.0 it is the minor version.
set(compatibility SameMajorVersion)
if(PROJECT_VERSION VERSION_LESS 1)
    set(compatibility SameMinorVersion)
endif()
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/lowthreadConfigVersion.cmake"
    COMPATIBILITY ${compatibility}
)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/lowthreadConfig.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/lowthreadConfigVersion.cmake"
    DESTINATION "${package_dir}"
)

# The folders as the .pc file writes them.
foreach(kind IN ITEMS LIBDIR INCLUDEDIR)
    if(IS_ABSOLUTE "${CMAKE_INSTALL_${kind}}")
        set(pc_${kind} "${CMAKE_INSTALL_${kind}}")
    else()
        set(pc_${kind} "\${prefix}/${CMAKE_INSTALL_${kind}}")
    endif()
endforeach()
if(IS_ABSOLUTE "${pkgconfig_dir}")
    set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
    file(RELATIVE_PATH up "/${pkgconfig_dir}" "/")
    string(REGEX REPLACE "/$" "" up "${up}")
    set(pc_prefix "\${pcfiledir}/${up}")
endif()
list(JOIN LOWTHREAD_SYSTEM_LIBS " " pc_libs_private)
configure_file(cmake/lowthread.pc.in "${CMAKE_CURRENT_BINARY_DIR}/lowthread.pc" @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/lowthread.pc" DESTINATION "${pkgconfig_dir}")
