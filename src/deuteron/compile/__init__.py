"""From the view of a host to the kernel objects it wants: pure, one file per feature."""

from deuteron.compile.host import compile_host

__all__ = ["compile_host"]
