"""The fixture of all packet tests: a host, its kernel, and at the end nothing left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deuteron.kernel.linux import LinuxKernel
from tests.netns.site import Site
from tests.support.sandbox import Host


@pytest.fixture
def site(host: Host, linux_kernel: LinuxKernel, tmp_path: Path) -> Iterator[Site]:
    made = Site(linux_kernel, tmp_path)
    try:
        yield made
        made.destroy()
        assert host.leaks() == []
    finally:
        made.ground.close()
