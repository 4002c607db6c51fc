// A shared library that hides what it does not export.
#include <lowthread.hpp>

__attribute__((visibility("default"))) void hidden_throw() { throw lt::closed(); }

__attribute__((visibility("default"))) std::error_code hidden_code() { return lt::status::closed; }
