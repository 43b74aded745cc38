"""What a running Deuteron tells: events by name, codes, numbers, and things by pseudonym alone.

Three lines stand between a tenant's data and a log::

    typed references   a thing is handed over as ``Ref(kind, value)`` and becomes a pseudonym
    the redactor       whatever else is not a word of the catalogue becomes ``[redacted]``
    a lint             ``tools/check_logs.py``: only known events, known fields, no built strings
"""

from deuteron.logs.reference import KINDS, Ref, unit

__all__ = ["KINDS", "Ref", "unit"]
