"""Plans become kernel state, unit by unit, each all or nothing."""

from deuteron.apply.engine import Prepared, apply_plan, prepare, verify
from deuteron.apply.isolate import Refusal
from deuteron.apply.look import look_for
from deuteron.apply.read_back import Mismatch, read_back
from deuteron.apply.result import Reporter, Result, UnitResult

__all__ = [
    "Mismatch",
    "Prepared",
    "Refusal",
    "Reporter",
    "Result",
    "UnitResult",
    "apply_plan",
    "look_for",
    "prepare",
    "read_back",
    "verify",
]
