"""python -m lowthread [-c command | -m module | script] [argument ...]: run it on lowthread's threads."""

import os
import sys

import lowthread


def look_first_in(place: str) -> None:
    """Where the interpreter looks first, unless it was told to look there not at all."""
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = place


def main() -> None:
    usage = "usage: python -m lowthread [-c command | -m module | script] [argument ...]"
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage)
        sys.exit(0 if arguments else 2)
    lowthread.install()
    import runpy

    if arguments[0] in ("-c", "-m") and len(arguments) < 2:
        print(usage, file=sys.stderr)
        sys.exit(2)
    if arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        look_first_in("")
        namespace = {"__name__": "__main__", "__builtins__": __builtins__}
        exec(compile(arguments[1], "<string>", "exec"), namespace)
    elif arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        if not os.path.exists(arguments[0]):
            sys.exit(f"{sys.executable}: can't open file {arguments[0]!r}")
        if os.path.isfile(arguments[0]):
            look_first_in(os.path.dirname(os.path.realpath(arguments[0])))
        runpy.run_path(arguments[0], run_name="__main__")


main()
