"""All known bugs."""

from __future__ import annotations

from tests.known_bugs.left_behind import LEFT_BEHIND
from tests.known_bugs.races import RACES
from tests.known_bugs.silence import SILENCE

BUGS = (*LEFT_BEHIND, *RACES, *SILENCE)
