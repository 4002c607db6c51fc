"""Statuses that were seen, beside those that are listed.

statuses.py shim JSON           writes a library in C that stands before each function that returns a status, and
                                writes each pair of function and status to $LT_SEEN once
statuses.py check JSON SEEN     fails for a pair that is not listed; says how many of the listed ones were seen
"""

import json
import sys

HEAD = """
#define _GNU_SOURCE
#include <lowthread.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int file = -1;

static lt_status seen(const char *name, lt_status status, unsigned *before) {
    unsigned bit = 1u << (status + 16);
    if (__atomic_fetch_or(before, bit, __ATOMIC_RELAXED) & bit) return status;
    int error = errno;
    char line[80];
    int length = snprintf(line, sizeof line, "%s %d\\n", name, (int)status);
    if (write(file, line, (size_t)length) != length) abort();
    errno = error;
    return status;
}
"""

ONE = """
static lt_status (*real_{name})({types});
static unsigned seen_{name};
LT_NODISCARD lt_status {name}({declared}) {{
    return seen("{name}", real_{name}({names}), &seen_{name});
}}
"""


def shim(functions):
    print(HEAD)
    for name, function in functions.items():
        parameters = function["parameters"]
        print(
            ONE.format(
                name=name,
                types=", ".join(p["type"] for p in parameters) or "void",
                declared=", ".join(f"{p['type']} {p['name']}" for p in parameters) or "void",
                names=", ".join(p["name"] for p in parameters),
            )
        )
    print("__attribute__((constructor)) static void find(void) {")
    # Behind what a test closes or opens.
    print('    int low = open(getenv("LT_SEEN"), O_WRONLY | O_CREAT | O_APPEND, 0644);')
    print("    file = fcntl(low, F_DUPFD_CLOEXEC, 700);")
    print("    close(low);")
    for name in functions:
        print(f'    *(void **)&real_{name} = dlsym(RTLD_NEXT, "{name}");')
    print("}")


def check(api, functions, path):
    names = {c["value"]: c["name"] for c in api["constants"] if c["kind"] == "status"}
    listed = {(name, status) for name, function in functions.items() for status in function["statuses"]}
    with open(path) as lines:
        seen = {(name, names[int(value)]) for name, value in map(str.split, lines)}
    for name, status in sorted(seen - listed):
        print(f"{name} returned {status}, which is not listed: its comment does not name it")
    if "-v" in sys.argv:
        for name, status in sorted(listed - seen):
            print(f"not seen: {name} {status}")
    print(f"{len(listed & seen)} of {len(listed)} statuses were seen, of {len(functions)} functions")
    # Else nothing was looked at.
    return 0 if seen <= listed and len(seen) * 2 > len(listed) else 1


with open(sys.argv[2]) as text:
    api = json.load(text)
functions = {f["name"]: f for f in api["functions"] if f["statuses"]}
sys.exit(shim(functions) if sys.argv[1] == "shim" else check(api, functions, sys.argv[3]))
