"""inventory.py URL OUT.json: the extensions that a server names, and the attributes that each of them brings.

Runs in the virtual environment of neutron, whose neutron-lib knows which attribute belongs to which
extension; the server is that of `AUTH=noauth PROFILE=full`.
"""

import importlib
import json
import pkgutil
import sys
import urllib.request

import neutron_lib.api.definitions as definitions

url, out = sys.argv[1].rstrip("/"), sys.argv[2]
CORE = ("network", "subnet", "port", "subnetpool")
with urllib.request.urlopen(url + "/v2.0/extensions", timeout=60) as answer:  # loopback
    live = {one["alias"]: one["name"] for one in json.load(answer)["extensions"]}
attributes: dict = {}
for module in sorted(pkgutil.iter_modules(definitions.__path__), key=lambda one: one.name):
    read = importlib.import_module("neutron_lib.api.definitions." + module.name)
    alias = getattr(read, "ALIAS", None)
    if alias not in live and module.name not in CORE:
        continue
    for resource, brought in (getattr(read, "RESOURCE_ATTRIBUTE_MAP", None) or {}).items():
        for name in brought:
            attributes.setdefault(resource, {}).setdefault(name, "" if module.name in CORE else alias)
    for resource, brought in (getattr(read, "SUB_RESOURCE_ATTRIBUTE_MAP", None) or {}).items():
        for name in brought.get("parameters", {}):
            attributes.setdefault(resource, {}).setdefault(name, alias)
with open(out, "w", encoding="utf-8") as file:
    json.dump({"extensions": live, "attributes": attributes}, file, indent=1, sort_keys=True)
    file.write("\n")
