# Every file in examples/c, examples/cpp and examples/python is a program of its own. ctest runs those
# that end by themselves: a comment "// not a test: why" at the start of a line keeps one out, in Python
# "# not a test: why". One with "// needs: signals of POSIX" is not built where there are none.

file(GLOB sources CONFIGURE_DEPENDS examples/c/*.c)
if(CMAKE_CXX_COMPILER)
    file(GLOB cpp_sources CONFIGURE_DEPENDS examples/cpp/*.cpp)
    list(APPEND sources ${cpp_sources})
endif()
foreach(source IN LISTS sources)
    file(STRINGS "${source}" needs REGEX "^// needs:")
    if(WIN32 AND needs)
        continue()
    endif()
    get_filename_component(name "${source}" NAME_WE)
    get_filename_component(language "${source}" DIRECTORY)
    get_filename_component(language "${language}" NAME)
    set(target example_${language}_${name})
    add_executable(${target} "${source}")
    set_target_properties(${target} PROPERTIES C_STANDARD 11 CXX_STANDARD 17)
    # On Windows in the library's folder, where they find it.
    if(NOT WIN32)
        set_target_properties(${target} PROPERTIES
            RUNTIME_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/examples/${language}"
            OUTPUT_NAME ${name}
        )
    endif()
    target_compile_options(${target} PRIVATE -Wall -Wextra)
    target_link_libraries(${target} PRIVATE lowthread::lowthread)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
    file(STRINGS "${source}" kept_out REGEX "^// not a test:")
    if(LOWTHREAD_BUILD_TESTS AND NOT kept_out)
        add_test(NAME example.${language}.${name} COMMAND ${target})
        set_tests_properties(example.${language}.${name} PROPERTIES TIMEOUT 60 ${running})
    endif()
endforeach()

# Event loops of others: each where pkg-config finds it.
find_package(PkgConfig QUIET)
foreach(pair IN ITEMS "glib:glib-2.0" "libuv:libuv")
    string(REPLACE ":" ";" pair "${pair}")
    list(GET pair 0 name)
    list(GET pair 1 module)
    set(found FALSE)
    if(PKG_CONFIG_FOUND AND NOT WIN32 AND NOT LOWTHREAD_RUST_TARGET)
        pkg_check_modules(loop_${name} QUIET IMPORTED_TARGET ${module})
        set(found ${loop_${name}_FOUND})
    endif()
    set(command ${CMAKE_COMMAND} -E echo "skipped: pkg-config does not find ${module}")
    if(found)
        set(target example_loops_watch_${name})
        add_executable(${target} examples/loops/watch_${name}.c)
        set_target_properties(${target} PROPERTIES C_STANDARD 11
            RUNTIME_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/examples/loops" OUTPUT_NAME watch_${name})
        target_compile_options(${target} PRIVATE -Wall -Wextra)
        target_link_libraries(${target} PRIVATE lowthread::lowthread PkgConfig::loop_${name})
        set(command ${target})
    endif()
    if(LOWTHREAD_BUILD_TESTS)
        add_test(NAME example.loops.watch_${name} COMMAND ${command})
        set_tests_properties(example.loops.watch_${name} PROPERTIES TIMEOUT 60 SKIP_REGULAR_EXPRESSION "^skipped: ")
    endif()
endforeach()

# Python loads the library when it runs, so there is nothing to build; this machine's can load what is for it.
find_program(LOWTHREAD_PYTHON NAMES python3 python)
mark_as_advanced(LOWTHREAD_PYTHON)
set(scripts "")
if(LOWTHREAD_SHARED AND NOT LOWTHREAD_RUST_TARGET)
    file(GLOB scripts CONFIGURE_DEPENDS examples/python/*.py)
endif()
foreach(script IN LISTS scripts)
    get_filename_component(name "${script}" NAME_WE)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${script}")
    file(STRINGS "${script}" kept_out REGEX "^# not a test:")
    if(LOWTHREAD_BUILD_TESTS AND NOT kept_out)
        if(LOWTHREAD_PYTHON)
            set(command ${LOWTHREAD_PYTHON} "${script}")
        else()
            set(command ${CMAKE_COMMAND} -E echo "skipped: there is no python3")
        endif()
        add_test(NAME example.python.${name} COMMAND ${command})
        set_tests_properties(example.python.${name} PROPERTIES
            TIMEOUT 60
            SKIP_REGULAR_EXPRESSION "^skipped: "
            ENVIRONMENT
            "LOWTHREAD_LIBRARY=$<TARGET_FILE:lowthread::lowthread>;PYTHONDONTWRITEBYTECODE=1"
        )
    endif()
endforeach()
