"""Plans become kernel state, unit by unit, each all or nothing; and what is remembered of it."""

from deuteron.apply.engine import Reporter, Result, UnitResult, apply_plan, verify
from deuteron.apply.look import look_for
from deuteron.apply.read_back import Mismatch, read_back
from deuteron.apply.state import State, default_state_dir

__all__ = [
    "Mismatch",
    "Reporter",
    "Result",
    "State",
    "UnitResult",
    "apply_plan",
    "default_state_dir",
    "look_for",
    "read_back",
    "verify",
]
