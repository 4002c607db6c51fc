# Cargo builds the library; CMake sees it as the imported targets lowthread::lowthread (shared) and
# lowthread::static.

find_program(LOWTHREAD_CARGO cargo HINTS ENV CARGO_HOME "$ENV{HOME}/.cargo" PATH_SUFFIXES bin)
find_program(LOWTHREAD_RUSTC rustc HINTS ENV CARGO_HOME "$ENV{HOME}/.cargo" PATH_SUFFIXES bin)
mark_as_advanced(LOWTHREAD_CARGO LOWTHREAD_RUSTC)
if(NOT LOWTHREAD_CARGO OR NOT LOWTHREAD_RUSTC)
    message(FATAL_ERROR "lowthread needs Rust: no cargo or rustc found. See https://rustup.rs")
endif()

set(cargo_options --lib --locked)
separate_arguments(rustc_flags UNIX_COMMAND "${LOWTHREAD_RUSTFLAGS}")
set(rustc_options ${rustc_flags})
if(LOWTHREAD_PARKING_WAIT)
    list(APPEND cargo_options --features parking-wait)
endif()
if(LOWTHREAD_RUST_TARGET)
    list(APPEND cargo_options --target ${LOWTHREAD_RUST_TARGET})
    list(APPEND rustc_options --target ${LOWTHREAD_RUST_TARGET})
endif()

# For another platform Rust links with the compiler that CMake was given, or with what its toolchain file says.
set(linker "")
if(CMAKE_CROSSCOMPILING AND LOWTHREAD_RUST_TARGET)
    string(TOUPPER "CARGO_TARGET_${LOWTHREAD_RUST_TARGET}_LINKER" linker)
    string(REPLACE "-" "_" linker ${linker})
    if(NOT LOWTHREAD_RUST_LINKER)
        set(LOWTHREAD_RUST_LINKER ${CMAKE_C_COMPILER})
    endif()
    set(linker "${linker}=${LOWTHREAD_RUST_LINKER}")
    list(APPEND rustc_options -C linker=${LOWTHREAD_RUST_LINKER})
endif()

# A program that is all static has no use for a shared library.
set(LOWTHREAD_SHARED ON)
set(crate_types cdylib,staticlib)
if(LOWTHREAD_STATIC_ONLY)
    set(LOWTHREAD_SHARED OFF)
    set(crate_types staticlib)
endif()

# Debug is Cargo's dev profile, every other configuration its release profile.
set(profile "$<IF:$<CONFIG:Debug>,dev,release>")
set(profile_dir "$<IF:$<CONFIG:Debug>,debug,release>")
set(cargo_out "${LOWTHREAD_CARGO_DIR}/${LOWTHREAD_RUST_TARGET}/${profile_dir}")

# A debugger finds the source of what was built to be debugged.
set(REMAP_FILE "${CMAKE_CURRENT_BINARY_DIR}/remap.toml")
include(cmake/Remap.cmake)
set(remap "$<$<NOT:$<CONFIG:Debug>>:--config;${REMAP_FILE}>")

# Where the finished files lie: with generators of many configurations, in one folder each.
set(lib_dir "${CMAKE_CURRENT_BINARY_DIR}/lib")
get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(multi_config)
    set(release_dir "${lib_dir}/release")
    set(debug_dir "${lib_dir}/debug")
    set(lib_dir "${lib_dir}/${profile_dir}")
else()
    set(release_dir "${lib_dir}")
    set(debug_dir "${lib_dir}")
endif()

# Where the library has a soname (build.rs gives it one on Linux), it has three names.
set(static_file ${CMAKE_STATIC_LIBRARY_PREFIX}lowthread${CMAKE_STATIC_LIBRARY_SUFFIX})
set(shared_name ${CMAKE_SHARED_LIBRARY_PREFIX}lowthread${CMAKE_SHARED_LIBRARY_SUFFIX})
set(shared_file ${shared_name})
set(shared_links "")
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    set(shared_file ${shared_name}.${PROJECT_VERSION})
    set(shared_links ${shared_name}.${PROJECT_VERSION_MAJOR} ${shared_name})
endif()

# On Windows programs are linked with another file: with MinGW one that Cargo makes, with MSVC one that is made of a
# list of the functions, here if there is a tool for that, else there.
set(import_file "")
set(def_file "")
set(msvc_import_file "")
if(WIN32)
    set(shared_name lowthread.dll)
    set(shared_file ${shared_name})
    set(import_file liblowthread.dll.a)
    set(def_file lowthread.def)
    file(STRINGS abi/symbols.txt symbols)
    list(JOIN symbols "\n    " symbols)
    file(CONFIGURE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/${def_file}"
        CONTENT "LIBRARY ${shared_file}\nEXPORTS\n    ${symbols}\n" @ONLY)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS abi/symbols.txt)
    find_program(LOWTHREAD_DLLTOOL NAMES llvm-dlltool)
    mark_as_advanced(LOWTHREAD_DLLTOOL)
    if(LOWTHREAD_DLLTOOL)
        set(msvc_import_file lowthread.lib)
    endif()
    # A program finds the library in its own folder, and there those of a compiler that came from elsewhere.
    set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${lib_dir}")
    if(CMAKE_CROSSCOMPILING)
        foreach(name IN ITEMS libstdc++-6.dll libgcc_s_seh-1.dll libwinpthread-1.dll)
            execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=${name}
                OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
            if(IS_ABSOLUTE "${path}")
                file(COPY "${path}" DESTINATION "${CMAKE_CURRENT_BINARY_DIR}/lib")
            endif()
        endforeach()
    endif()
endif()

# Cargo knows best whether there is something to do, so it always runs. The jobs that make offers are of no use to
# it: it would only warn that it cannot reach them.
set(link_commands "")
if(LOWTHREAD_SHARED)
    set(link_commands
        COMMAND ${CMAKE_COMMAND} -E copy_if_different "${cargo_out}/${shared_name}"
            "${lib_dir}/${shared_file}"
    )
    set(kinds shared static)
    if(import_file)
        list(APPEND link_commands
            COMMAND ${CMAKE_COMMAND} -E copy_if_different "${cargo_out}/${import_file}"
                "${lib_dir}/${import_file}"
        )
    endif()
else()
    set(shared_links "")
    set(kinds static)
endif()
foreach(link IN LISTS shared_links)
    list(APPEND link_commands
        COMMAND ${CMAKE_COMMAND} -E create_symlink ${shared_file} "${lib_dir}/${link}"
        COMMAND ${CMAKE_COMMAND} -E create_symlink ${shared_file} "${lib_dir}/stripped/${link}"
    )
endforeach()
set(built_files "")
set(stripped_files "")
foreach(kind IN LISTS kinds)
    list(APPEND built_files "${lib_dir}/${${kind}_file}")
    list(APPEND stripped_files "${lib_dir}/stripped/${${kind}_file}")
endforeach()
if(import_file)
    list(APPEND built_files "${lib_dir}/${import_file}")
endif()
add_custom_target(lowthread-cargo
    COMMAND ${CMAKE_COMMAND} -E env --unset=MAKEFLAGS --unset=MFLAGS --unset=CARGO_BUILD_TARGET ${linker}
        ${LOWTHREAD_CARGO} rustc --quiet ${cargo_options} "${remap}" --crate-type ${crate_types}
        --profile ${profile} --target-dir "${LOWTHREAD_CARGO_DIR}" -- ${rustc_flags}
    COMMAND ${CMAKE_COMMAND} -E make_directory "${lib_dir}/stripped"
    COMMAND ${CMAKE_COMMAND} -E copy_if_different "${cargo_out}/${static_file}"
        "${lib_dir}/${static_file}"
    ${link_commands}
    BYPRODUCTS ${built_files}
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    COMMENT "Building lowthread with Cargo"
    COMMAND_EXPAND_LISTS
    VERBATIM
)

# What gets installed has no debug information: of Rust's own library there is a lot.
set(strip_shared ${CMAKE_COMMAND} -E touch)
set(strip_static ${CMAKE_COMMAND} -E touch)
if(CMAKE_STRIP AND NOT APPLE)
    set(strip_shared ${CMAKE_STRIP} --strip-unneeded)
    # GNU's refuses what Rust makes for functions of Windows.
    if(NOT WIN32)
        set(strip_static ${CMAKE_STRIP} --strip-debug)
    endif()
endif()
foreach(kind IN LISTS kinds)
    set(from "${lib_dir}/${${kind}_file}")
    set(to "${lib_dir}/stripped/${${kind}_file}")
    add_custom_command(OUTPUT "${to}"
        COMMAND ${CMAKE_COMMAND} -E copy "${from}" "${to}"
        COMMAND ${strip_${kind}} "${to}"
        DEPENDS lowthread-cargo "${from}"
        COMMENT "Making ${${kind}_file} fit to be installed"
        VERBATIM
    )
endforeach()
if(msvc_import_file)
    add_custom_command(OUTPUT "${lib_dir}/${msvc_import_file}"
        COMMAND ${LOWTHREAD_DLLTOOL} -m i386:x86-64 -d "${CMAKE_CURRENT_BINARY_DIR}/${def_file}"
            -l "${lib_dir}/${msvc_import_file}"
        DEPENDS "${CMAKE_CURRENT_BINARY_DIR}/${def_file}" lowthread-cargo
        COMMENT "Making ${msvc_import_file}"
        VERBATIM
    )
    list(APPEND stripped_files "${lib_dir}/${msvc_import_file}")
endif()
add_custom_target(lowthread-build ALL DEPENDS ${stripped_files})

# What a C program has to link to besides the static library, asked of rustc. It names libgcc_s and
# libc too, but the C compiler adds these, and the right ones for a program that is all static.
if(NOT DEFINED LOWTHREAD_SYSTEM_LIBS)
    set(probe "${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/lowthread")
    file(WRITE "${probe}/empty.rs" "")
    execute_process(
        COMMAND ${LOWTHREAD_RUSTC} ${rustc_options} --crate-type staticlib
            --print native-static-libs=${probe}/libs.txt -o ${probe}/empty.a ${probe}/empty.rs
        WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
        RESULT_VARIABLE failed
        OUTPUT_QUIET
        ERROR_VARIABLE complaint
    )
    if(failed)
        message(FATAL_ERROR "lowthread: rustc cannot build a static library:\n${complaint}")
    endif()
    file(READ "${probe}/libs.txt" libs)
    file(REMOVE "${probe}/empty.a")
    separate_arguments(libs)
    list(REMOVE_DUPLICATES libs)
    list(REMOVE_ITEM libs -lgcc_s -lc)
    if(NOT LOWTHREAD_SHARED)
        # Rust's own unwinder: that of the C compiler may be made for another C library. It finds nothing in
        # a static program without a table of its tables, which GCC leaves out of one.
        execute_process(
            COMMAND ${LOWTHREAD_RUSTC} ${rustc_options} --print target-libdir
            OUTPUT_VARIABLE target_libdir OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY
        )
        list(TRANSFORM libs REPLACE "^-lunwind$" "${target_libdir}/self-contained/libunwind.a")
        list(APPEND libs -Wl,--eh-frame-hdr)
    endif()
    set(LOWTHREAD_SYSTEM_LIBS "${libs}" CACHE INTERNAL "What lowthread::static is linked with")
endif()

# Imported targets are those of one folder, unless they are global.
add_library(lowthread::static STATIC IMPORTED GLOBAL)
set(targets lowthread::static)
set_target_properties(lowthread::static PROPERTIES
    IMPORTED_LOCATION "${release_dir}/${static_file}"
    IMPORTED_LOCATION_DEBUG "${debug_dir}/${static_file}"
    IMPORTED_CONFIGURATIONS "DEBUG"
    INTERFACE_LINK_LIBRARIES "${LOWTHREAD_SYSTEM_LIBS}"
)
if(LOWTHREAD_SHARED)
    add_library(lowthread::lowthread SHARED IMPORTED GLOBAL)
    list(APPEND targets lowthread::lowthread)
    set_target_properties(lowthread::lowthread PROPERTIES
        IMPORTED_LOCATION "${release_dir}/${shared_file}"
        IMPORTED_LOCATION_DEBUG "${debug_dir}/${shared_file}"
        IMPORTED_CONFIGURATIONS "DEBUG"
    )
    if(shared_links)
        list(GET shared_links 0 soname)
        set_target_properties(lowthread::lowthread PROPERTIES
            IMPORTED_SONAME ${soname}
            IMPORTED_SONAME_DEBUG ${soname}
        )
    else()
        set_target_properties(lowthread::lowthread PROPERTIES IMPORTED_NO_SONAME TRUE)
    endif()
    if(import_file)
        set_target_properties(lowthread::lowthread PROPERTIES
            IMPORTED_IMPLIB "${release_dir}/${import_file}"
            IMPORTED_IMPLIB_DEBUG "${debug_dir}/${import_file}"
        )
    endif()
else()
    # Whoever asks for the library gets the one that there is.
    add_library(lowthread::lowthread INTERFACE IMPORTED GLOBAL)
    target_link_libraries(lowthread::lowthread INTERFACE lowthread::static)
endif()
foreach(target IN LISTS targets)
    target_include_directories(${target} INTERFACE "${CMAKE_CURRENT_SOURCE_DIR}/include")
    add_dependencies(${target} lowthread-build)
endforeach()
