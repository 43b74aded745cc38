"""The road of a change, from recovery to the record; repair while running; the doctor."""
