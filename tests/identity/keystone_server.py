"""Run by the interpreter of a Keystone: serves it on a loopback port of the kernel's choice, and tells it."""

from __future__ import annotations

import sys
from importlib import import_module

sys.argv[1:] = []  # oslo.config would read them
application = import_module("keystone.wsgi.api").application
server = import_module("waitress").create_server(application, host="127.0.0.1", port=0, threads=4)
print(server.effective_port, flush=True)
server.run()
