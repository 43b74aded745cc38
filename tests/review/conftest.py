"""Bandit is imported once here: its way of asking stevedore is deprecated, which is not our matter."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import bandit  # noqa: F401  # for those who import it after this
