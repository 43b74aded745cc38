from __future__ import annotations

from tests.cli.conftest import bare, deuteron, site

__all__ = ("bare", "deuteron", "site")
