// The entry of libFuzzer, where Clang has one: `make fuzz`.
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    run_program(data, size);
    return 0;
}
