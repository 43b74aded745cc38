"""Deuteron: the networking of an OpenStack cloud for a Linux host, every change a transaction."""
