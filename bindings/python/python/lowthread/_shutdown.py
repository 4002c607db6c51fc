"""The exception of a queue that was shut down: the standard one, where there is one."""

try:
    from queue import ShutDown  # type: ignore[attr-defined,unused-ignore]
except ImportError:  # Before 3.13.

    class ShutDown(Exception):  # type: ignore[no-redef]
        """Raised by put() and get() of a queue that was shut down."""


__all__ = ["ShutDown"]
