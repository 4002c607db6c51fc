# Every file in examples/c and examples/cpp is a program of its own. ctest runs those that end by
# themselves: a comment "// not a test: why" at the start of a line keeps one out.

file(GLOB sources CONFIGURE_DEPENDS examples/c/*.c)
if(CMAKE_CXX_COMPILER)
    file(GLOB cpp_sources CONFIGURE_DEPENDS examples/cpp/*.cpp)
    list(APPEND sources ${cpp_sources})
endif()
foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    get_filename_component(language "${source}" DIRECTORY)
    get_filename_component(language "${language}" NAME)
    set(target example_${language}_${name})
    add_executable(${target} "${source}")
    set_target_properties(${target} PROPERTIES
        C_STANDARD 11
        CXX_STANDARD 17
        RUNTIME_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/examples/${language}"
        OUTPUT_NAME ${name}
    )
    target_compile_options(${target} PRIVATE -Wall -Wextra)
    target_link_libraries(${target} PRIVATE lowthread::lowthread)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
    file(STRINGS "${source}" kept_out REGEX "^// not a test:")
    if(LOWTHREAD_BUILD_TESTS AND NOT kept_out)
        add_test(NAME example.${language}.${name} COMMAND ${target})
        set_tests_properties(example.${language}.${name} PROPERTIES TIMEOUT 60)
    endif()
endforeach()
