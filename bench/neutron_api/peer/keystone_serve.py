"""keystone_serve.py HOST PORT: keystone's WSGI application under waitress (keystone parses sys.argv itself)."""

import sys

host, port = sys.argv[1], int(sys.argv[2])
sys.argv[1:] = []
import waitress  # noqa: E402
from keystone.wsgi.api import application  # noqa: E402

waitress.serve(application, host=host, port=port, threads=4, channel_timeout=300)
