"""``deuteron serve``: two processes, the API that anybody may speak to and the agent that programs the host.

The agent's process is the parent.  It makes the sockets, forks the API before it has a thread, and the
API gives away all it does not need; see ``docs/confinement.md``.
"""
