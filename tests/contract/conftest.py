"""The implementations that the contract is held against."""

from __future__ import annotations

import pytest

from deuteron.kernel.protocol import Kernel
from tests.contract.rigs import FakeRig, LinuxRig, Rig


@pytest.fixture(params=["fake", pytest.param("linux", marks=pytest.mark.kernel)])
def rig(request: pytest.FixtureRequest) -> Rig:
    """A kernel on a host of its own."""
    if request.param == "fake":
        return FakeRig()
    return LinuxRig(request.getfixturevalue("linux_kernel"), request.getfixturevalue("host"))


@pytest.fixture
def kernel(rig: Rig) -> Kernel:
    """The kernel alone."""
    return rig.kernel
