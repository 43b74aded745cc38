"""A process that gives away what it does not need: capabilities, system calls, the file system.

See :mod:`deuteron.kernel.linux.confine.process` for the order in which that is done, and
``docs/confinement.md`` for what holds then.
"""
