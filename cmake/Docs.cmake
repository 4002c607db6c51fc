# What the documents and tables say is so: the tests of tools/docs, and others as cheap. Where there is no python3, they say so. Like those of packages
# they need not be run for each way to build the library.

find_program(LOWTHREAD_PYTHON NAMES python3 python)
mark_as_advanced(LOWTHREAD_PYTHON)

function(add_docs_test name)
    set(command "${LOWTHREAD_PYTHON}" "${PROJECT_SOURCE_DIR}/tools/${ARGV1}" ${ARGN})
    list(REMOVE_AT command 2)
    if(NOT LOWTHREAD_PYTHON)
        set(command ${CMAKE_COMMAND} -E echo "skipped: there is no python3")
    endif()
    add_test(NAME docs.${name} COMMAND ${command})
    set_tests_properties(docs.${name} PROPERTIES
        LABELS "docs;package"
        TIMEOUT 300
        SKIP_REGULAR_EXPRESSION "(^|\n)skipped: "
        ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1"
    )
endfunction()

set(cxx ${CMAKE_CXX_COMPILER})
if(NOT cxx)
    set(cxx none)
endif()
add_docs_test(man docs/check.py man)
add_docs_test(complete docs/check.py complete)
add_docs_test(states docs/check.py states)
# A file whose faults nothing would notice.
add_docs_test(mutants mutants/run.py --check)
add_docs_test(blocks docs/blocks.py --lib "${lib_dir}" --cc "${CMAKE_C_COMPILER}" --cxx "${cxx}")
