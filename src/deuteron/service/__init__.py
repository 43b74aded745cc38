"""What the OpenStack Networking API does, free of HTTP: one file per resource, and the generic road."""
