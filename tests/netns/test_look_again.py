"""What a look costs that comes after another one: of many links only those that changed are read."""

from __future__ import annotations

import pytest

from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.linux.netlink import link
from deuteron.objects import HOST, Look
from tests.support.sandbox import Host
from tests.support.waiting import wait_until

pytestmark = pytest.mark.kernel

MAC = "02:00:00:00:02:01"
ONLY_HOST = Look(only=frozenset({HOST}))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the links that are read from the kernel's answers."""
    names: list[str] = []
    plain = link.parse_link

    def noted(payload: bytes) -> link.LinkRecord:
        record = plain(payload)
        names.append(record.name)
        return record

    monkeypatch.setattr(link, "parse_link", noted)
    return names


def _reads_nothing(kernel: LinuxKernel, read: list[str]) -> bool:
    """Whether another look reads no link: IPv6 changes new ones for a moment."""
    read.clear()
    kernel.observe(ONLY_HOST)
    return not read


def test_of_many_links_only_what_changed_is_read_again(
    host: Host, linux_kernel: LinuxKernel, read: list[str]
) -> None:
    names = [f"end{number}" for number in range(70)]
    with host.netlink() as rt:
        rt.batch(
            [
                link.new_veth(f"end{number}", f"02:00:00:00:01:{number:02x}", 1500, f"peer{number}", MAC)
                for number in range(70)
            ]
        )
    linux_kernel.observe(ONLY_HOST)
    assert set(names) <= set(read)
    for name, change in (
        ("end7", link.set_link("end7", mtu=1400)),
        ("end8", link.set_link("end8", up=True)),
    ):
        wait_until(lambda: _reads_nothing(linux_kernel, read), lambda: read)
        with host.netlink() as rt:
            rt.batch([change])
        seen = linux_kernel.observe(ONLY_HOST)
        assert len(read) <= 2, read
        assert name in read
        assert set(names) <= seen.links[HOST].keys()
    with host.netlink() as rt:
        rt.batch([link.delete_link("end9")])
    read.clear()
    assert "end9" not in linux_kernel.observe(ONLY_HOST).links[HOST]
    assert len(read) <= 2, read


def test_of_few_links_nothing_is_kept(host: Host, linux_kernel: LinuxKernel, read: list[str]) -> None:
    host.make_bridge("bridge1")
    for _ in range(2):
        read.clear()
        linux_kernel.observe(ONLY_HOST)
        assert "bridge1" in read
