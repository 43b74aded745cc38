"""keystone_seed.py KEYSTONE_V3_URL ADMIN_PASSWORD NETWORK_URL

Idempotent: service project and user, the network service and its endpoint.
"""

import sys
import requests

ks, pw, net = sys.argv[1:4]
s = requests.Session()
r = s.post(
    ks + "/auth/tokens",
    json={
        "auth": {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": "admin", "domain": {"id": "default"}, "password": pw}},
            },
            "scope": {"project": {"name": "admin", "domain": {"id": "default"}}},
        }
    },
)
r.raise_for_status()
s.headers["X-Auth-Token"] = r.headers["X-Subject-Token"]


def ensure(coll, key, body, **match):
    got = s.get(f"{ks}/{coll}", params=match).json()[coll]
    if got:
        return got[0]
    r = s.post(f"{ks}/{coll}", json={key: body})
    r.raise_for_status()
    return r.json()[key]


project = ensure(
    "projects", "project", {"name": "service", "domain_id": "default"}, name="service", domain_id="default"
)
user = ensure(
    "users",
    "user",
    {"name": "neutron", "domain_id": "default", "password": pw},
    name="neutron",
    domain_id="default",
)
roles = {
    n: ensure("roles", "role", {"name": n}, name=n)
    for n in ("admin", "member", "reader", "manager", "service")
}
for n in ("admin", "service"):
    s.put(f"{ks}/projects/{project['id']}/users/{user['id']}/roles/{roles[n]['id']}").raise_for_status()
svc = ensure("services", "service", {"type": "network", "name": "neutron"}, type="network")
eps = s.get(ks + "/endpoints", params={"service_id": svc["id"]}).json()["endpoints"]
for iface in ("public", "internal", "admin"):
    old = [e for e in eps if e["interface"] == iface]
    if old and old[0]["url"] != net:
        s.patch(f"{ks}/endpoints/{old[0]['id']}", json={"endpoint": {"url": net}}).raise_for_status()
    elif not old:
        s.post(
            ks + "/endpoints",
            json={
                "endpoint": {
                    "service_id": svc["id"],
                    "interface": iface,
                    "url": net,
                    "region_id": "RegionOne",
                }
            },
        ).raise_for_status()
print("keystone ready:", ks, "network ->", net)
