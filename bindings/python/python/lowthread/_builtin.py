"""The interpreter's own _thread, whatever its name stands for after install()."""

import _thread as thread

__all__ = ["thread"]
