"""The fake kernel: executes objects in memory and walks packets through them."""

from deuteron.kernel.fake.kernel import FakeKernel
from deuteron.kernel.fake.packet import Hop, Packet, Trace
from deuteron.kernel.fake.trace import reply, trace

__all__ = ["FakeKernel", "Hop", "Packet", "Trace", "reply", "trace"]
