"""The exception of a queue that was shut down: the standard one, where there is one."""

try:
    from queue import ShutDown
except ImportError:  # Before 3.13.

    class ShutDown(Exception):  # type: ignore[no-redef]  # noqa: N818
        """Raised by put() and get() of a queue that was shut down."""


__all__ = ["ShutDown"]
