"""Findings of a check, and how they are handed on: text, JSON, SARIF 2.1.0, one HTML page."""

from deuteron.report.finding import Finding, Level, Place, Report, Rule, Status, tally
from deuteron.report.form import FORMS, Form, render

__all__ = ["FORMS", "Finding", "Form", "Level", "Place", "Report", "Rule", "Status", "render", "tally"]
