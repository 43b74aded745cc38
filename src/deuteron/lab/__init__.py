"""Little worlds of real namespaces, and probes that send packets: for the demo, the tests, the bench."""
