#include <lowthread.hpp>

#include <cstdio>

int work_17();
int work_20();
int work_no_exceptions();
void hidden_throw();
std::error_code hidden_code();

int main() {
    int failed = work_17() + work_20() + work_no_exceptions();
    try {
        hidden_throw();
        failed++;
    } catch (const lt::closed &) {
    } catch (...) {
        failed++; // Another type of the same name.
    }
    failed += hidden_code() != lt::status::closed;
    std::printf("%d failed\n", failed);
    return failed;
}
