"""All rows of the matrix."""

from __future__ import annotations

from tests.packets import rows_control, rows_reach, rows_services, rows_shapes, rows_spoofed

ROWS = (*rows_spoofed.ROWS, *rows_reach.ROWS, *rows_services.ROWS, *rows_control.ROWS, *rows_shapes.ROWS)
