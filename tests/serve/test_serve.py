"""``deuteron serve`` as people use it: a client of OpenStack, a floating IP, real packets."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from pwd import getpwnam
from typing import Any, Final

import httpx
import pytest

from deuteron.kernel.linux.netlink import address
from deuteron.lab.probe import ping
from tests.cli.command import Deuteron, Site
from tests.serve.running import Serving, serving
from tests.support.reach import python_within_reach
from tests.support.sandbox import Host
from tests.support.users import needs_every_user

pytestmark = pytest.mark.kernel

_OPTIONS: Final = ("--bridge-mapping", "physnet1:br-ex")


@pytest.fixture
def site(host: Host) -> Iterator[Site]:
    """A host with a provider bridge, on which it is itself somebody outside; an instance's namespace."""
    host.make_bridge("br-ex")
    with host.netlink() as rt:
        (ack,) = rt.batch([address.new_address(host.links()["br-ex"].index, "203.0.113.1/24")])
    assert ack.errno == 0
    host.make_netns("vm1")
    place = Path("/run/t")
    place.mkdir(mode=0o755)
    with python_within_reach():
        yield Site(host, Deuteron(place / "state"), place)


def make_world(cloud: Any) -> tuple[Any, Any]:
    """An external and a tenant's network with a distributed router between them; a port."""
    network = cloud.network
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


def attached(serve: Serving, port: str = "web") -> None:
    done = serve("port", "attach", port, "--netns", "vm1")
    assert done.status == 0, done.err


def waited(serve: Serving) -> None:
    done = serve("wait", "--timeout", "30")
    assert done.status == 0, (done.out, done.err, serve.out)


def test_an_instance_answers_on_the_floating_ip_that_a_client_made(site: Site) -> None:
    with serving(site.run, site.folder, *_OPTIONS) as serve:
        with serve.cloud() as cloud:
            public, port = make_world(cloud)
            attached(serve)
            floating = cloud.network.create_ip(floating_network_id=public.id, port_id=port.id)
            waited(serve)
            assert cloud.network.get_port(port.id).status == "ACTIVE"
            assert cloud.network.get_ip(floating.id).status == "ACTIVE"
            assert [one.status for one in cloud.network.routers()] == ["ACTIVE"]
            of_the_network = {
                one.device_owner: one.status
                for one in cloud.network.ports()
                if one.device_owner.startswith("network:") and one.device_owner != "network:floatingip"
            }
            assert of_the_network == {
                "network:router_interface_distributed": "ACTIVE",
                "network:router_centralized_snat": "ACTIVE",
                "network:router_gateway": "ACTIVE",
                "network:floatingip_agent_gateway": "ACTIVE",
            }
        there = floating.floating_ip_address
        assert ping("", there, tries=3).ok
        assert serve.end() == 0, (serve.out, serve.err)
    made = site.picture()
    assert ping("", there).ok, "what was applied stays"

    with serving(site.run, site.folder, *_OPTIONS) as serve:
        waited(serve)
        assert serve.records("change-finished") == [], "nothing differs: not even a change is begun"
        assert len(serve.records("serve-looked")) == 1, serve.out
        assert site.picture() == made
        with serve.cloud() as cloud:
            assert cloud.network.get_ip(floating.id).status == "ACTIVE"
            cloud.network.delete_ip(floating.id)
        waited(serve)
        assert not ping("", there, patience=0.5).ok
        assert serve("port", "detach", "web").status == 0
        waited(serve)
        with serve.cloud() as cloud:
            assert cloud.network.get_port(port.id).status == "DOWN"
        assert "eth0" not in site.host.links("vm1")
        assert serve.end() == 0, (serve.out, serve.err)


def test_what_somebody_takes_away_is_put_back_at_the_interval(site: Site) -> None:
    run = Deuteron(site.run.state)
    with serving(run, site.folder, *_OPTIONS, DEUTERON_INTERVAL="1") as serve:
        with serve.cloud() as cloud:
            make_world(cloud)
            attached(serve)
            waited(serve)
        site.remove_address("vm1", "10.0.0.")
        serve.until(lambda: "10.0.0." in "".join(site.picture()["vm1"]))


@needs_every_user
def test_the_two_halves_are_confined_and_the_api_has_nothing_of_the_agents(site: Site) -> None:
    with serving(site.run, site.folder, *_OPTIONS) as serve:
        api, agent = serve.posture("api"), serve.posture("watch")
        assert api.capabilities == ()
        assert api.confined
        assert agent.confined
        owner = (site.run.state / "api").stat().st_uid
        assert owner == (site.run.state / "api" / "api.sqlite").stat().st_uid
        assert owner != os.geteuid()
        modes = {
            name: stat.S_IMODE((site.run.state / name).stat().st_mode)
            for name in (".", "api", "run", "run/feed", "clouds.yaml", "api/api.sqlite")
        }
        assert modes == {
            ".": 0o710,
            "api": 0o700,
            "run": 0o700,
            "run/feed": 0o600,
            "clouds.yaml": 0o600,
            "api/api.sqlite": 0o600,
        }
        assert serve.end() == 0


def test_when_the_api_ends_the_agent_says_so_and_ends(site: Site) -> None:
    with serving(site.run, site.folder, *_OPTIONS) as serve:
        os.kill(serve.posture("api").pid, signal.SIGKILL)
        assert serve.process.wait(20) == 1
        assert serve.records("watch-ended")[-1]["code"] == "api-gone"


def test_when_the_agent_is_killed_the_api_ends_and_the_next_one_begins(site: Site) -> None:
    with serving(site.run, site.folder, *_OPTIONS) as serve:
        with serve.cloud() as cloud:
            kept = cloud.network.create_network(name="kept")
        serve.process.kill()
        serve.process.wait(20)
    with serving(site.run, site.folder, *_OPTIONS) as serve:
        serve.posture("api")  # and no other
        with serve.cloud() as cloud:
            assert cloud.network.get_network(kept.id).name == "kept"
        assert serve.end() == 0


@needs_every_user
def test_with_a_file_of_tokens_nobody_else_is_let_in(site: Site) -> None:
    file = site.file(
        f'[[token]]\nsha256 = "{sha256(b"open-sesame").hexdigest()}"\n'
        'user = "alice"\nproject = "p1"\nroles = ["member", "reader"]\n',
        "tokens.toml",
    )
    file.chmod(0o600)
    nobody = getpwnam("nobody")
    os.chown(file, nobody.pw_uid, nobody.pw_gid)
    with serving(
        site.run,
        site.folder,
        *_OPTIONS,
        DEUTERON_API_AUTH="tokens",
        DEUTERON_API_TOKENS_FILE=str(file),
    ) as serve:
        url = f"{serve.said['listen']}/v2.0/networks"
        with httpx.Client(trust_env=False) as client:
            assert client.get(url).status_code == 401
            assert client.get(url, headers={"X-Auth-Token": "open-barley"}).status_code == 401
            made = client.post(url, headers={"X-Auth-Token": "open-sesame"}, json={"network": {}})
        assert made.status_code == 201
        assert made.json()["network"]["project_id"] == "p1"
        assert "open-sesame" not in serve.out + serve.err


def test_tokens_without_a_file_of_them_are_refused(site: Site) -> None:
    ended = site.run("serve", "--listen", "127.0.0.1:0", "-o", "json", DEUTERON_API_AUTH="tokens")
    assert (ended.status, "incomplete-auth" in ended.out) == (2, True), (ended.out, ended.err)


def test_what_is_missing_is_said_with_its_mend(site: Site) -> None:
    with serving(site.run, site.folder, "--bridge-mapping", "physnet2:br-none") as serve:
        (said,) = [one for one in serve.said["missing"] if "br-none" in one]
        assert said.startswith("there is no bridge br-none on this host")
        assert "ip link add br-none" in said
        assert serve.said["auth"] == "noauth"
        assert serve.said["listen"].startswith("http://127.0.0.1:")


def test_a_port_that_cannot_be_attached_is_refused_in_a_sentence(site: Site) -> None:
    with serving(site.run, site.folder, *_OPTIONS) as serve:
        serve("port", "attach", "ghost", "--netns", "vm1").refused("no-such-port", 1)
        with serve.cloud() as cloud:
            public, _ = make_world(cloud)
            cloud.network.create_port(name="second", network_id=cloud.network.find_network("private").id)
            gateway = next(iter(cloud.network.ports(device_owner="network:router_gateway")))
        attached(serve)
        serve("port", "attach", "second", "--netns", "vm1").refused("place-taken", 1)
        serve("port", "attach", gateway.id, "--netns", "vm1").refused("not-an-instance", 1)
        serve("port", "attach", "second").refused("bad-usage", 2)
        del public


@pytest.mark.parametrize(
    ("listen", "code", "status"),
    [("nowhere", "bad-listen", 2), ("0.0.0.0:0", "noauth-exposed", 2), ("192.0.2.77:1", "cannot-listen", 1)],
)
def test_a_place_that_it_cannot_or_must_not_listen_on_is_refused(
    site: Site, listen: str, code: str, status: int
) -> None:
    ended = site.run("serve", "--listen", listen, "-o", "json")
    assert (ended.status, code in ended.out) == (status, True), (ended.out, ended.err)


def test_without_a_service_the_verbs_say_how_to_start_one(site: Site) -> None:
    assert "start it" in site.run("port", "attach", "a", "--netns", "vm1").refused("feed-unreachable", 1)
    assert "start it" in site.run("wait").refused("feed-unreachable", 1)
