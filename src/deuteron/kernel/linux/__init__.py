"""The real kernel: netlink, libnftables, namespace files, sysctl files."""

from deuteron.kernel.linux.kernel import LinuxKernel

__all__ = ["LinuxKernel"]
