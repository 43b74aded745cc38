"""What stands beside the networks: discovery, quotas, RBAC, tags, agents, and who may do what."""

from __future__ import annotations

from typing import Any

from tests.api_parity.asking import NOBODY, Ask
from tests.api_parity.record import ADMIN, Recorder

#: Projects that something is shared with: those must be UUIDs.
BETA = "00000000000040008000000000be7a00"
GAMMA = "000000000000400080000000000ca000"


def discovery(recorder: Recorder) -> None:
    for path in ("/", "/v2.0/", "/v2.0", "/v3", "/healthcheck", "/nonsense"):
        recorder.ask("GET", path, headers=dict(ADMIN))
    ask = Ask(recorder)
    ask.get("extensions")
    for alias in ("router", "dvr", "external-net", "standard-attr-revisions", "nonsense"):
        ask.get(f"extensions/{alias}")
    ask.get("extensions?alias=router&fields=alias")
    ask.get("availability_zones")
    ask.get("availability_zones?resource=router")
    ask.get("availability_zones?name=nova&state=available")
    ask.get("availability_zones?nonsense=1")


def quotas(recorder: Recorder) -> None:
    given: dict[str, Any]
    admin, alpha = Ask(recorder), Ask(recorder, "alpha")
    for path in (
        "quotas",
        "quotas/alpha",
        "quotas/alpha/default",
        "quotas/alpha/details.json",
        "quotas/tenant",
        "quotas/project",
        "quotas/default",
    ):
        admin.get(path)
        alpha.get(path)
    alpha.get("quotas/beta")
    admin.put("quotas", "alpha", network=1, port=5)
    admin.get("quotas/alpha")
    admin.get("quotas")
    one = alpha.make("networks", name="first")["id"]
    alpha.post("networks", name="second")
    alpha.to("POST", "networks", {"networks": [{}, {}]})
    admin.get("quotas/alpha/details.json")
    for given in (
        {"network": -2},
        {"network": "x"},
        {"network": None},
        {"nonsense": 1},
        {},
        {"network": 0},
        {"network": 2**40},
        {"network": -1},
    ):
        admin.put("quotas", "alpha", **given)
    alpha.put("quotas", "alpha", network=9)
    alpha.delete("quotas", "alpha")
    admin.to("PUT", "quotas/alpha", {"nonsense": {}})
    admin.delete("quotas", "alpha", "alpha")
    admin.get("quotas/alpha")
    admin.delete("networks", one)


def rbac(recorder: Recorder) -> None:
    given: dict[str, Any]
    admin, alpha, beta = Ask(recorder), Ask(recorder, "alpha"), Ask(recorder, BETA)
    net = alpha.make("networks", name="n")["id"]
    alpha.subnet(net, "10.0.0.0/24")
    beta.get("networks")
    beta.get(f"networks/{net}")
    base = {"object_type": "network", "object_id": net, "action": "access_as_shared", "target_tenant": BETA}
    policy = alpha.make("rbac-policies", **base)["id"]
    beta.get(f"networks/{net}")
    beta.get("networks")
    beta.get("subnets?fields=cidr")
    for path in (
        "",
        "?action=access_as_shared&fields=action",
        f"?object_id={net}&fields=action",
        f"?target_tenant={BETA}&fields=action",
        "?nonsense=1",
        f"/{policy}",
    ):
        alpha.get(f"rbac-policies{path}")
    beta.get("rbac-policies")
    alpha.post("rbac-policies", **base)
    for given in (
        {"action": "nonsense"},
        {"object_type": "nonsense"},
        {"object_id": NOBODY},
        {"target_tenant": "*"},
        {"target_tenant": "beta"},
        {"action": "access_as_external"},
        {"nonsense": 1},
        {"object_id": "nonsense"},
    ):
        alpha.post("rbac-policies", **(base | given))
    alpha.post("rbac-policies", object_type="network")
    every = admin.make("rbac-policies", **(base | {"target_tenant": "*"}))["id"]
    outside = admin.make(
        "rbac-policies", **(base | {"target_tenant": GAMMA, "action": "access_as_external"})
    )["id"]
    admin.get(f"networks/{net}")
    port = beta.make("ports", network_id=net, name="guest")["id"]
    alpha.get("ports?fields=name")
    beta.get(f"ports/{port}")
    admin.delete("rbac-policies", every)
    alpha.delete("rbac-policies", policy)
    beta.delete("ports", port)
    alpha.put("rbac-policies", policy, target_tenant=GAMMA)
    alpha.put("rbac-policies", policy, action="x")
    beta.delete("rbac-policies", policy)
    alpha.delete("rbac-policies", policy, policy)
    admin.delete("rbac-policies", outside, NOBODY)
    beta.get(f"networks/{net}")
    alpha.delete("networks", net)


def tags(recorder: Recorder) -> None:
    body: Any
    admin, alpha = Ask(recorder), Ask(recorder, "alpha")
    net = admin.make("networks", name="n")["id"]
    subnet = admin.subnet(net, "10.0.0.0/24")["id"]
    port = admin.make("ports", network_id=net)["id"]
    router = admin.make("routers", name="r")["id"]
    pool = admin.make("subnetpools", name="p", prefixes=["10.0.0.0/8"])["id"]
    for path in (
        f"networks/{net}",
        f"subnets/{subnet}",
        f"ports/{port}",
        f"routers/{router}",
        f"subnetpools/{pool}",
    ):
        admin.get(f"{path}/tags")
        admin.to("PUT", f"{path}/tags", {"tags": ["red", "blue"]})
        admin.to("PUT", f"{path}/tags/green")
        admin.to("PUT", f"{path}/tags/green")
        admin.get(f"{path}/tags/green")
        admin.get(f"{path}/tags/none")
        admin.to("DELETE", f"{path}/tags/green")
        admin.to("DELETE", f"{path}/tags/green")
        admin.to("POST", f"{path}/tags", {"tags": ["black"]})
        admin.get(f"{path}/tags")
        admin.get(path)
    for query in (
        "tags=red",
        "tags=red,blue",
        "tags=red,none",
        "tags-any=red,none",
        "not-tags=red",
        "not-tags-any=none",
        "tags=red&tags=blue",
    ):
        admin.get(f"networks?{query}&fields=name")
    for body in (
        {"tags": "red"},
        {"tags": [5]},
        {"tags": ["x" * 300]},
        {"tags": ["a", "a"]},
        {"nonsense": []},
        {},
        [],
        {"tags": [""]},
        {"tags": [f"t{n}" for n in range(51)]},
    ):
        admin.to("PUT", f"networks/{net}/tags", body)
    admin.to("PUT", f"networks/{net}/tags/{'x' * 256}")
    admin.get(f"networks/{NOBODY}/tags")
    admin.to("PUT", f"networks/{NOBODY}/tags", {"tags": []})
    admin.get(f"nonsense/{NOBODY}/tags")
    alpha.get(f"networks/{net}/tags")
    alpha.to("PUT", f"networks/{net}/tags/mine")
    admin.to("DELETE", f"networks/{net}/tags")
    admin.get(f"networks/{net}/tags")
    admin.delete("ports", port)
    admin.delete("routers", router)
    admin.delete("subnetpools", pool)
    admin.delete("networks", net)


def agents(recorder: Recorder) -> None:
    admin, alpha = Ask(recorder), Ask(recorder, "alpha")
    found = admin.get("agents?agent_type=L3+agent")["agents"]
    admin.get("agents?alive=True&fields=alive&agent_type=L3+agent")
    admin.get("agents?agent_type=nonsense")
    admin.get("agents?nonsense=1")
    alpha.get("agents")
    one = found[0]["id"]
    admin.get(f"agents/{one}")
    alpha.get(f"agents/{one}")
    admin.put("agents", one, description="seen", admin_state_up=True)
    admin.put("agents", one, description=None)
    admin.put("agents", one, host="x")
    admin.put("agents", one, nonsense=1)
    alpha.put("agents", one, description="x")
    admin.get(f"agents/{NOBODY}")
    admin.put("agents", NOBODY, description="x")
    admin.delete("agents", NOBODY)
    admin.post("agents", host="x")


def access(recorder: Recorder) -> None:
    """Roles: who only reads, who has none."""
    admin, alpha = Ask(recorder), Ask(recorder, "alpha")
    reader, nobody = Ask(recorder, "alpha", "reader"), Ask(recorder, "alpha", "nonsense")
    net = alpha.make("networks", name="n")["id"]
    for who in (reader, nobody):
        who.get("networks")
        who.get(f"networks/{net}")
        who.post("networks", name="x")
        who.put("networks", net, name="x")
        who.delete("networks", net)
        who.post("routers", name="x")
        who.post("subnets", network_id=net, ip_version=4, cidr="10.0.0.0/24")
        who.post("ports", network_id=net)
        who.get("agents")
        who.get("quotas/alpha")
        who.get("extensions/router")
    other = Ask(recorder, "beta", "admin")
    other.get(f"networks/{net}")
    other.put("networks", net, name="by an administrator")
    alpha.get("networks?fields=name")
    admin.delete("networks", net)
