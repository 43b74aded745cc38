"""The Networking API under load, ours beside a real neutron-server: ``python -m bench --only api``."""
