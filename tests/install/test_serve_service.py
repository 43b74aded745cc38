"""The API and the agent as their units run them: two users, each by itself, either started anew meanwhile."""

from __future__ import annotations

import os
import signal
import stat
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from deuteron.kernel.linux.confine import inspect
from deuteron.kernel.linux.libc import MS_BIND, mount, umount
from deuteron.kernel.linux.netlink import address
from deuteron.lab.probe import ping
from tests.cli.command import Deuteron, Site
from tests.hands.prober import Prober
from tests.install.service import API_UID, TREE, UID, Installed, Service, place
from tests.support.reach import python_within_reach
from tests.support.sandbox import Host
from tests.support.users import needs_every_user

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(300), needs_every_user]

_USERS: Final = (("deuteron", UID), ("deuteron-api", API_UID))
_FEED: Final = Path("/run/deuteron-api/feed")
_OUTSIDE: Final = "203.0.113.1"
#: Seconds in which who follows nobody has called four times more.
_CALLS: Final = 3.0


@contextmanager
def users(folder: Path) -> Iterator[None]:
    """What systemd-sysusers does: the two users are known."""
    known = folder / "passwd"
    lines = "".join(f"{name}:x:{uid}:{uid}::/:/usr/sbin/nologin\n" for name, uid in _USERS)
    known.write_text(Path("/etc/passwd").read_text() + lines)
    known.chmod(0o644)
    mount(str(known), Path("/etc/passwd"), "none", MS_BIND)
    try:
        yield
    finally:
        umount(Path("/etc/passwd"))


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Iterator[Site]:
    """A host with a provider bridge, an instance's namespace, and the two services installed."""
    host.make_bridge("br-ex")
    with host.netlink() as rt:
        (ack,) = rt.batch([address.new_address(host.links()["br-ex"].index, f"{_OUTSIDE}/24")])
    assert ack.errno == 0
    host.make_netns("vm1")
    with python_within_reach(), users(tmp_path):
        yield Site(host, Deuteron(place(Path("/var/lib/deuteron"))), tmp_path)


@pytest.fixture
def installed(site: Site) -> Installed:
    made = Installed("serve")
    text = made.config.read_text().replace("#bridge_mappings = []", 'bridge_mappings = ["physnet1:br-ex"]')
    made.config.write_text(text.replace('#listen = "127.0.0.1:9696"', 'listen = "127.0.0.1:0"'))
    return made


def api(installed: Installed) -> Service:
    return Service(installed, installed.units[0], API_UID)


def agent(installed: Installed) -> Service:
    return Service(installed, installed.units[1], UID)


@contextmanager
def cloud() -> Iterator[Any]:
    file = place(Path("/var/lib/deuteron-api/clouds.yaml"))
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")  # what the client's own libraries are told off for
        import openstack

        patch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
        connection = openstack.connect(cloud="deuteron")
        try:
            yield connection.network
        finally:
            connection.close()


def make_world(network: Any) -> tuple[Any, Any]:
    public = network.create_network(
        name="public",
        is_router_external=True,
        provider_network_type="flat",
        provider_physical_network="physnet1",
    )
    network.create_subnet(name="outside", network_id=public.id, ip_version=4, cidr="203.0.113.0/24")
    private = network.create_network(name="private")
    inside = network.create_subnet(network_id=private.id, ip_version=4, cidr="10.0.0.0/24")
    router = network.create_router(name="r1", is_distributed=True)
    network.add_interface_to_router(router, subnet_id=inside.id)
    network.update_router(router, external_gateway_info={"network_id": public.id})
    return public, network.create_port(name="web", network_id=private.id)


def done(installed: Installed, *arguments: str) -> None:
    ended = installed.root(*arguments)
    assert ended.status == 0, ended


def since_its_start(service: Service) -> str:
    return service.output().rpartition(" confined ")[2]


def steps(service: Service) -> list[int]:
    """Of each change that is on record since the last start."""
    lines = [line for line in since_its_start(service).splitlines() if " change-finished " in line]
    return [int(word.removeprefix("steps=")) for line in lines for word in line.split() if "steps=" in word]


def test_either_is_started_anew_while_the_other_serves_and_no_packet_is_lost(
    site: Site, installed: Installed
) -> None:
    with ExitStack() as last:
        first = last.enter_context(api(installed))
        follower = last.enter_context(agent(installed))
        with cloud() as network:
            public, port = make_world(network)
            done(installed, "port", "attach", "web", "--netns", "vm1")
            floating = network.create_ip(floating_network_id=public.id, port_id=port.id)
            done(installed, "wait")
            assert network.get_ip(floating.id).status == "ACTIVE"
        assert ping("", floating.floating_ip_address, tries=3).ok
        prober = last.enter_context(Prober("vm1", [_OUTSIDE]))
        prober.steady()
        begun, before = prober.mark(), site.picture()

        assert first.end() == 0, first.output()
        assert first.told[-1] == "STOPPING=1"
        with api(installed) as second:
            done(installed, "wait")  # the agent has found it, and told what the host has
            with cloud() as network:
                assert network.get_ip(floating.id).status == "ACTIVE"
                network.update_port(port.id, description="changed")
            done(installed, "wait")
            assert "code=api-away" in follower.output()
            second.process.send_signal(signal.SIGKILL)
            second.process.wait(30)

        with api(installed) as third:
            done(installed, "wait")
            assert third.process.poll() is None
            assert follower.end() == 0, follower.output()
            with cloud() as network:  # it serves on
                network.update_port(port.id, description="changed again")
            with agent(installed) as again:
                done(installed, "wait")
                assert " serve-looked " in since_its_start(again), again.output()
                assert " unit-repaired " not in since_its_start(again), again.output()
                assert steps(again) == [], again.output()
                with cloud() as network:
                    assert network.get_port(port.id).description == "changed again"
                assert site.picture() == before
                assert prober.lost(begun) == {}
                assert again.end() == 0
            assert third.end() == 0
    assert installed.not_the_services() == []


def test_each_has_what_its_unit_grants_and_the_other_s_places_are_shut(
    site: Site, installed: Installed
) -> None:
    with api(installed) as one, agent(installed) as other:
        served, followed = inspect.posture(one.process.pid), inspect.posture(other.process.pid)
        assert (served.role, served.confined, served.capabilities) == ("api", True, ())
        assert all(thread.bounding == 0 for thread in served.threads)
        assert (followed.role, followed.confined) == ("watch", True)
        (dialer,) = [found for found in inspect.processes() if found.role == "dialer"]
        assert (dialer.confined, dialer.capabilities) == (True, ())
        found = _FEED.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (API_UID, UID, 0o660)
        shut = [place(Path(name)).stat() for name in ("/var/lib/deuteron", "/var/lib/deuteron-api")]
        assert [(of.st_uid, stat.S_IMODE(of.st_mode)) for of in shut] == [(UID, 0o700), (API_UID, 0o700)]
        findings = installed.root("audit", "-o", "json").document()["findings"]
        failed = {of["check"] for of in findings if of["status"] == "fail"}
        # The command lines of this whole machine are looked at; and that nobody is asked who he is is true.
        assert failed <= {"DTN-405", "Check-Neutron-03"}, findings
        assert "runs or is enabled" in installed.root("uninstall", "--dry-run").err
        assert other.end() == 0
        assert one.end() == 0


def test_the_agent_does_not_follow_whoever_is_not_the_api(site: Site, installed: Installed) -> None:
    with api(installed) as imposter:
        os.chown(_FEED, API_UID, UID)
        text = installed.config.read_text()
        installed.config.write_text(text.replace('#user = "deuteron-api"', 'user = "nobody"'))
        with ExitStack() as last:
            follower = agent(installed)
            last.push(follower)
            follower.until(lambda: "code=feed-stranger" in follower.output(), "that it finds a stranger")
            over = time.monotonic() + _CALLS
            follower.until(lambda: time.monotonic() > over, "that it calls again and again")
            assert "READY=1" not in follower.told
        assert imposter.end() == 0


def test_the_log_of_the_api_is_opened_again(site: Site, installed: Installed) -> None:
    log = place(Path("/var/log/deuteron-api/api.log"))
    text = installed.config.read_text().replace("#log_file = ", "log_file = ")
    installed.config.write_text(text.replace('#form = "text"', 'form = "json"'))
    with api(installed) as service:
        with cloud() as network:
            network.create_network(name="canary-name")
        log.rename(log.with_suffix(".1"))
        service.process.send_signal(signal.SIGHUP)
        service.until(lambda: log.exists() and "config-read" in log.read_text(), "the new file")
        with cloud() as network:
            network.create_network(name="canary-name")
        service.until(lambda: "request-answered" in log.read_text(), "a record")
        assert service.end() == 0
    old = [msgspec.json.decode(line) for line in log.with_suffix(".1").read_text().splitlines()]
    assert [one["event"] for one in old][:2] == ["confined", "api-began"]
    (made,) = [one for one in old if one["event"] == "request-answered"]
    assert (made["method"], made["collection"], made["action"], made["status"]) == (
        "POST",
        "networks",
        "create",
        201,
    )
    assert made["request"].startswith("req-")
    assert made["project"].startswith("project-")
    assert "canary-name" not in log.read_text() + log.with_suffix(".1").read_text()
    assert TREE in log.parents
