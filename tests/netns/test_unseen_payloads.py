"""Recordings that nobody made: whatever a server may answer applies, passes packets and vanishes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from deuteron.kernel.linux import LinuxKernel
from tests.netns.site import Site
from tests.strategies import HOSTS, sync_routers
from tests.support.sandbox import private_host

pytestmark = pytest.mark.kernel

EXAMPLES = int(os.environ.get("DEUTERON_EXAMPLES", "12"))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.generate],  # an example takes a third of a second, too long to shrink
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(recording=sync_routers(), name=st.sampled_from(sorted(HOSTS)))
def test_applies_verifies_passes_packets_and_vanishes(recording: dict[str, Any], name: str) -> None:
    with private_host() as host, TemporaryDirectory() as directory:
        kernel = LinuxKernel(host.netns_dir)
        site = Site(kernel, Path(directory))
        try:
            file = Path(directory, "recording.json")
            file.write_text(json.dumps(recording))
            site.apply_file(file, name)
            assert site.around is not None
            proofs = list(site.around.prove())
            note(f"{len(proofs)} proofs on {name}")
            assert [f"{each.what}: {each.detail}" for each in proofs if not each.ok] == []
            site.destroy()
            assert host.leaks() == []
        finally:
            site.ground.close()
            kernel.close()
