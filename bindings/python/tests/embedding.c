/* A program with an interpreter in it: the first argument is run, the interpreter ends, and so for each. */
#include <Python.h>

int main(int count, char **codes) {
    for (int i = 1; i < count; i++) {
        Py_InitializeEx(1);
        if (PyRun_SimpleString(codes[i]) != 0 || Py_FinalizeEx() != 0) {
            return 1;
        }
    }
    puts("end");
    return 0;
}
