# consume NAME OPTION...: configures, builds and runs the consumer. For the scripts beside it.
consume() {
    how=$1
    shift
    build="$LT_WORK/$how"
    rm -rf "$build"
    "$CMAKE" -S "$LT_SOURCE/c-tests/package/consumer" -B "$build" -DHOW="$how" \
        -DHELLO_CXX="$LT_SOURCE/examples/cpp/hello.cpp" \
        -DCMAKE_C_COMPILER="$CC" -DCMAKE_BUILD_TYPE="$LT_CONFIG" "$@"
    "$CMAKE" --build "$build" --config "$LT_CONFIG"
    # ctest lies beside cmake, also where neither is in the PATH.
    "${CMAKE%cmake}ctest" --test-dir "$build" --build-config "$LT_CONFIG" --output-on-failure
}
