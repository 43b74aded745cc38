"""Wanted against observed: what differs, and in which order to mend it.  Pure."""

from deuteron.reconcile.check import check
from deuteron.reconcile.invariant import InvariantError
from deuteron.reconcile.plan import Plan, Tally, UnitPlan, make_plan

__all__ = ["InvariantError", "Plan", "Tally", "UnitPlan", "check", "make_plan"]
