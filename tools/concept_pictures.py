#!/usr/bin/env python3
"""Draw the pictures of the pages about `serve`, docs/images/*.svg; the same each time, for light and dark.

``--check`` draws nothing: status 1 where a picture is not as this draws it.
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path
from typing import Final, Literal, NamedTuple

IMAGES: Final = Path(__file__).resolve().parent.parent / "docs" / "images"
Kind = Literal["plain", "outside", "fip", "router", "net", "guest", "api", "agent"]
#: Fill and edge of each kind of box, light and dark.
COLOURS: Final[dict[Kind, tuple[str, str, str, str]]] = {
    "plain": ("#f3f5f8", "#9aa5b1", "#1d2530", "#5b6877"),
    "outside": ("#fdf0e6", "#c2601c", "#33231a", "#e08a4a"),
    "fip": ("#fdf6dd", "#a87c10", "#302a16", "#d9b04a"),
    "router": ("#e6f0fd", "#2f6fbf", "#172639", "#6ba5ec"),
    "net": ("#e6f6ec", "#2b8553", "#162c21", "#5fbf8a"),
    "guest": ("#f0ebfd", "#6d4bc0", "#241d39", "#a98df0"),
    "api": ("#e6f0fd", "#2f6fbf", "#172639", "#6ba5ec"),
    "agent": ("#e6f6ec", "#2b8553", "#162c21", "#5fbf8a"),
}
SANS: Final = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
MONO: Final = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
#: What is the same for light and dark.
SHAPES: Final = (
    f"text{{font:13px {SANS}}} .code{{font:12px {MONO}}} .name{{font-weight:600}} .note{{font-size:12px}}"
    ".middle{text-anchor:middle} .right{text-anchor:end} .big{font-size:15px;font-weight:600}"
    ".count{font-weight:700;font-size:12px} rect{stroke-width:1.3} .wire,.flow,.both{fill:none}"
    ".wire{stroke-width:1.6} .flow,.both{stroke-width:2.2}"
    ".dash{fill:none;stroke-dasharray:5 4;stroke-width:1.4}"
)


class At(NamedTuple):
    """A point, in pixels from the upper left corner."""

    x: float
    y: float


class Picture:
    """Pieces of SVG on a panel of its own, so that it is legible on any page."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.size = (width, height)
        self.title = title
        self._boxes: list[str] = []
        self._lines: list[str] = []
        self._texts: list[str] = []

    def box(
        self, x: float, y: float, w: float, h: float, kind: Kind, title: str = "", note: str = ""
    ) -> None:
        """A box with a name at its upper left, and what it is beside that."""
        self._boxes.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{w}" height="{h}" rx="8"/>')
        if title:
            self.text(x + 12, y + 22, title, "name")
        if note:
            self.text(x + 12, y + 39, note, "note")

    def chip(self, x: float, y: float, w: float, text: str, kind: Kind = "plain") -> None:
        """A small box around one word: a device, a table, an address."""
        self._lines.append(f'<rect class="{kind} chip" x="{x}" y="{y}" width="{w}" height="24" rx="5"/>')
        self.text(x + w / 2, y + 16.5, text, "code middle")

    def text(self, x: float, y: float, text: str, kind: str = "note") -> None:
        """A line of text; ``kind`` is its classes."""
        self._texts.append(f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>')

    def line(self, *points: At, kind: str = "wire") -> None:
        """A line; of kind ``flow`` one with an arrow at its end, ``both`` with two."""
        path = " ".join(f"{'ML'[number > 0]}{x},{y}" for number, (x, y) in enumerate(points))
        ends = {"flow": ' marker-end="url(#tip)"', "both": ' marker-start="url(#tip)" marker-end="url(#tip)"'}
        self._lines.append(f'<path class="{kind}" d="{path}"{ends.get(kind, "")}/>')

    def number(self, x: float, y: float, number: int) -> None:
        """A number in a circle, for the steps of a path."""
        self._texts.append(f'<circle class="step" cx="{x}" cy="{y}" r="10"/>')
        self.text(x, y + 4.5, str(number), "count middle")

    def svg(self) -> str:
        """The whole file."""
        width, height = self.size
        pieces = "\n".join([*self._boxes, *self._lines, *self._texts])
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
            f' viewBox="0 0 {width} {height}" role="img">\n<title>{escape(self.title)}</title>\n'
            f"<style>{_style()}</style>\n"
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" markerHeight="7"'
            ' orient="auto-start-reverse"><path class="tip" d="M0,0 L10,5 L0,10 z"/></marker></defs>\n'
            f'<rect class="panel" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="12"/>\n'
            f"{pieces}\n</svg>\n"
        )


def _style() -> str:
    light = {"panel": "#ffffff", "rim": "#d8dee6", "ink": "#1c2733", "soft": "#566371", "flow": "#d1410c"}
    dark = {"panel": "#0f151d", "rim": "#2c3744", "ink": "#e6ebf1", "soft": "#a4b0bd", "flow": "#ff8a57"}
    rules = [SHAPES]
    for number, words in enumerate((light, dark)):
        head = (
            f".panel{{fill:{words['panel']};stroke:{words['rim']}}} text{{fill:{words['ink']}}}"
            f".note{{fill:{words['soft']}}} .wire,.dash{{stroke:{words['soft']}}}"
            f".flow,.both{{stroke:{words['flow']}}} .tip,.step{{fill:{words['flow']}}}"
            f".count{{fill:{words['panel']}}} .hot{{fill:{words['flow']};font-weight:600}}"
        )
        block = [head]
        for kind, (fill, edge, dark_fill, dark_edge) in COLOURS.items():
            used = (dark_fill, dark_edge) if number else (fill, edge)
            block.append(f".{kind}{{fill:{used[0]};stroke:{used[1]}}}")
        block.append(f".chip{{fill:{words['panel']}}}")
        text = "".join(block)
        rules.append(f"@media (prefers-color-scheme: dark){{{text}}}" if number else text)
    return "".join(rules)


def serve() -> Picture:
    """Two processes, what each owns, and what goes between them."""
    p = Picture(880, 350, "deuteron serve: the API's process and the agent's process")
    p.box(24, 40, 150, 120, "plain", "clients", "on this host, or any")
    for number, name in enumerate(("openstack", "openstacksdk", "Terraform")):
        p.text(40, 102 + 19 * number, name, "code")
    p.box(286, 24, 250, 190, "api", "API", "deuteron-api: no privilege")
    p.chip(304, 76, 214, "limits, tokens, policy")
    p.chip(304, 110, 214, "one declaration a resource")
    p.chip(304, 144, 214, "decide, write, answer")
    p.text(304, 194, "seccomp, Landlock, 0 capabilities")
    p.box(608, 24, 248, 190, "agent", "agent", "confined: 3 capabilities")
    p.chip(626, 76, 212, "what differs, and only that")
    p.chip(626, 110, 212, "a transaction")
    p.chip(626, 144, 212, "look, repair, report")
    p.text(626, 194, "never sees a request")
    p.line(At(174, 100), At(284, 100), kind="both")
    p.text(229, 88, "HTTP", "hot middle")
    p.line(At(536, 100), At(606, 100), kind="both")
    p.text(571, 88, "feed", "hot middle")
    p.text(571, 120, "unix", "note middle")
    p.text(571, 136, "socket", "note middle")
    p.box(286, 262, 250, 62, "plain", "api/api.sqlite", "all that the API was told")
    p.line(At(411, 214), At(411, 260), kind="both")
    p.text(422, 243, "one writer, group commit")
    p.box(608, 262, 116, 62, "plain", "state.sqlite", "the journal")
    p.box(740, 262, 116, 62, "plain", "kernel", "netlink, nft")
    p.line(At(666, 214), At(666, 260), kind="both")
    p.line(At(798, 214), At(798, 260), kind="both")
    return p


def networks() -> Picture:
    """Tenants' networks and an external one."""
    p = Picture(880, 350, "Networks on a host")
    for number, (name, port_a, port_b) in enumerate((("blue", "vm1", "vm2"), ("green", "vm3", "vm4"))):
        x = 24 + 290 * number
        p.box(x, 24, 266, 190, "net", f"net-<{name}>", "a namespace of its own")
        p.chip(x + 24, 84, 218, f"br-<{name}>   10.0.0.0/24")
        for side, guest in enumerate((port_a, port_b)):
            left = x + 24 + 122 * side
            p.chip(left, 146, 96, "tap<port>")
            p.line(At(left + 48, 146), At(left + 48, 108))
            p.box(left - 4, 246, 104, 60, "guest", guest, "eth0 .11" if side == 0 else "eth0 .12")
            p.line(At(left + 48, 170), At(left + 48, 246))
    p.text(302, 332, "the same addresses twice: nothing leads from one network to the other", "note middle")
    p.box(604, 24, 252, 190, "plain", "the host's namespace", "external and provider networks")
    p.chip(628, 84, 204, "br-ex   203.0.113.0/24")
    p.chip(628, 146, 92, "tap<fg>")
    p.chip(740, 146, 92, "tap<qg>")
    p.line(At(674, 146), At(674, 108))
    p.line(At(786, 146), At(786, 108))
    p.text(730, 196, "ports of routers and floating IPs", "note middle")
    p.box(604, 246, 252, 60, "outside", "physnet1", "the wire outside: --bridge-mapping")
    p.line(At(842, 96), At(848, 96), At(848, 246))
    p.line(At(832, 96), At(848, 96))
    return p


def port() -> Picture:
    """One port: inside and outside."""
    p = Picture(880, 220, "A port of an instance")
    p.box(24, 30, 250, 160, "guest", "the instance", "namespace NAME, or a guest's tap")
    p.chip(44, 88, 210, "eth0  fa:16:3e:c2:99:4f")
    p.text(44, 138, "10.0.0.5/24, MTU of the network", "note")
    p.text(44, 158, "default via 10.0.0.1", "note")
    p.box(366, 30, 290, 160, "net", "net-<network>", "a namespace that only switches")
    p.chip(386, 88, 110, "tap<port>")
    p.chip(540, 88, 96, "br-<network>")
    p.line(At(254, 100), At(386, 100))
    p.text(320, 90, "veth pair", "note middle")
    p.line(At(496, 100), At(540, 100))
    p.text(386, 138, "the MAC with fe as its first octet", "note")
    p.box(716, 30, 140, 66, "guest", "db", "another port")
    p.box(716, 124, 140, 66, "router", "r1", "qr-<port>")
    p.line(At(636, 96), At(676, 96), At(676, 63), At(716, 63))
    p.line(At(636, 104), At(676, 104), At(676, 157), At(716, 157))
    return p


def router_modes() -> Picture:
    """Centralised and distributed."""
    p = Picture(880, 420, "Centralised and distributed routers")
    p.text(24, 34, "centralised", "big")
    p.text(330, 34, "distributed", "big")
    p.box(24, 52, 832, 52, "outside", "br-ex   203.0.113.0/24", "")
    p.box(24, 150, 236, 140, "router", "", "")
    p.text(54, 174, "qrouter-<id>", "name")
    p.text(54, 191, "routes, translates", "note")
    p.chip(54, 202, 86, "qg-<port>")
    p.chip(156, 202, 86, "qr-<port>")
    p.text(44, 256, "floating IPs are on qg-", "note")
    p.line(At(54, 214), At(34, 214), At(34, 106), kind="flow")
    p.text(44, 134, "all traffic", "hot")
    p.box(330, 150, 160, 60, "fip", "fip-<network>", "on every host")
    p.box(330, 250, 250, 60, "router", "qrouter-<id>", "on every host")
    p.box(646, 150, 210, 60, "router", "snat-<id>", "on the network node")
    p.line(At(410, 250), At(410, 210), kind="flow")
    p.line(At(410, 150), At(410, 106), kind="flow")
    p.text(420, 234, "with a floating IP", "hot")
    p.line(At(580, 280), At(750, 280), At(750, 212), kind="flow")
    p.line(At(750, 150), At(750, 106), kind="flow")
    p.text(596, 300, "without one: the gateway's", "hot")
    p.box(24, 346, 236, 52, "net", "tenant's networks", "")
    p.box(330, 346, 526, 52, "net", "tenant's networks", "")
    p.line(At(199, 226), At(199, 346))
    p.line(At(455, 310), At(455, 346))
    return p


def floating_ip_path() -> Picture:
    """The path of a packet to a floating IP of a distributed router."""
    p = Picture(900, 344, "The path of a packet to a floating IP")
    p.box(24, 60, 130, 130, "outside", "outside", "203.0.113.1")
    p.chip(44, 130, 90, "br-ex")
    p.box(196, 60, 164, 130, "fip", "fip-<public>", "answers ARP for it")
    p.chip(208, 130, 62, "fg-")
    p.chip(286, 130, 62, "fpr-")
    p.box(402, 60, 178, 130, "router", "qrouter-<r1>", "translates, one look-up")
    p.chip(414, 130, 62, "rfp-")
    p.chip(506, 130, 62, "qr-")
    p.box(622, 60, 122, 130, "net", "net-<private>", "a switch")
    p.chip(638, 130, 90, "br-")
    p.box(786, 60, 90, 130, "guest", "vm1", "10.0.0.3")
    p.chip(798, 130, 66, "eth0")
    stops = ((134, 208), (270, 286), (348, 414), (476, 506), (568, 638), (728, 798))
    for start, end in stops:
        p.line(At(start, 142), At(end, 142), kind="flow")
    for number, x in enumerate((168, 380, 491, 604), 1):
        p.number(x, 214, number)
        p.line(At(x, 204), At(x, 148), kind="dash")
    rows = (
        (1, "to 203.0.113.50", "proxy ARP: fg- answers only for addresses with a route in fip-"),
        (2, "to 203.0.113.50", "the leg, 169.254.64.0/31; routes, never translates"),
        (3, "to 10.0.0.3", "one map, ten thousand floating IPs as quick as one"),
        (4, "to 10.0.0.3", "the network's own bridge; the answer leaves as 203.0.113.50"),
    )
    for number, where, what in rows:
        y = 234 + 22 * number
        p.number(44, y - 5, number)
        p.text(66, y, where, "code")
        p.text(210, y, what, "note")
    p.text(24, 38, "ping 203.0.113.50", "code name")
    return p


def sharing() -> Picture:
    """Whose is what on a shared network."""
    p = Picture(880, 240, "Sharing a network")
    p.box(24, 30, 270, 180, "net", "project A", "owns the network")
    p.chip(44, 86, 230, "network backbone")
    p.chip(44, 120, 230, "subnet 10.8.0.0/16")
    p.chip(44, 154, 230, "port of A")
    p.box(586, 30, 270, 180, "guest", "project B", "is let in")
    p.chip(606, 86, 230, "port of B, on backbone")
    p.text(606, 140, "may: make ports, get addresses", "note")
    p.text(606, 160, "may not: choose the MAC, change the", "note")
    p.text(606, 177, "network, see or touch A's ports", "note")
    p.box(346, 66, 188, 84, "plain", "RBAC policy", "access_as_shared")
    p.text(358, 132, "network -> project B", "code")
    p.line(At(274, 98), At(346, 98), kind="wire")
    p.line(At(534, 98), At(604, 98), kind="flow")
    return p


def request() -> Picture:
    """What a request passes."""
    p = Picture(880, 230, "The way of a request")
    steps: tuple[tuple[Kind, str, str, str], ...] = (
        ("plain", "limits", "size, time,", "request id"),
        ("plain", "who", "token ->", "caller"),
        ("api", "declaration", "decode, check,", "400"),
        ("api", "policy", "action, fields,", "404 or 403"),
        ("router", "decision", "one unit of work,", "409"),
        ("net", "commit", "a revision,", "2xx"),
    )
    for number, (kind, name, first, second) in enumerate(steps):
        x = 24 + 142 * number
        p.box(x, 40, 120, 84, kind, name, first)
        p.text(x + 12, 96, second, "note")
        if number:
            p.line(At(x - 22, 82), At(x - 2, 82), kind="flow")
    p.box(592, 164, 264, 44, "agent", "agent: the kernel follows, status", "")
    p.line(At(794, 124), At(794, 162), kind="flow")
    p.text(786, 148, "feed, by revision", "hot right")
    p.text(24, 164, "a 4xx has changed nothing; a 2xx is on the disk", "note")
    return p


PICTURES: Final = {
    "serve": serve,
    "networks": networks,
    "port": port,
    "router-modes": router_modes,
    "floating-ip-path": floating_ip_path,
    "sharing": sharing,
    "request": request,
}


def main() -> None:
    """Draw all of them, or see that they are as drawn."""
    old = []
    for name, draw in PICTURES.items():
        file, svg = IMAGES / f"{name}.svg", draw().svg()
        if not file.exists() or file.read_text("utf-8") != svg:
            old.append(file.name)
            if "--check" not in sys.argv:
                file.write_text(svg, "utf-8")
    if old and "--check" in sys.argv:
        sys.exit(f"not as drawn: {', '.join(old)}; run tools/concept_pictures.py")


if __name__ == "__main__":
    main()
