"""The checks: each a module with a ``CHECK``, found by walking."""
