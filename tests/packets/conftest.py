"""The packet tests have the fixture of the tests in private hosts."""

from __future__ import annotations

from tests.netns.conftest import site

__all__ = ["site"]
