// Looked at by zero_cost.sh: what a guard around a body comes to.
#include <lowthread/lock.hpp>

#include <mutex>

void body();

void guarded(lt::lock &lock) {
    std::lock_guard<lt::lock> guard(lock);
    body();
}
