"""The OpenStack Networking API v2.0 over HTTP: paths, queries, bodies, errors and limits."""
