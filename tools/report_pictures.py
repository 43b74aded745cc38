#!/usr/bin/env python3
"""Draw the pages of reports for the documents, docs/images/*.png: light and dark side by side.

The audit's report is made up (pseudonyms and documentation paths only), so that the picture is the
same each time; its checks and words are those of the package.  The review's is what it finds in
:data:`SAMPLE`.  Needs chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html import escape
from pathlib import Path
from typing import Final

import msgspec

from deuteron.audit.run import all_checks
from deuteron.report import Finding, Report, render
from deuteron.review.run import review

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"
#: Of one page, in pixels of a page; and how many of those of the picture are one.
WIDTH: Final = 940
HEIGHT: Final = 1180
SCALE: Final = 0.75
#: The width of a phone.
PHONE: Final = 400

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
#: Written so that this file does not find itself.
_MARKS: Final = (b"TO" + b"DO", b"FIX" + b"ME", b"X" + b"XX")
AT: Final = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

EVIDENCE: Final = {
    "DTN-201": ("router-7f3k9q2mvd: net/ipv4/conf/all/arp_ignore is 0, not 1",),
    "DTN-202": ("router-7f3k9q2mvd: chain forward is other than wanted",),
    "DTN-601": ("lock file: others may write or read it [unsafe-file]",),
    "DTN-106": ("network-5hk2xqa7wd: link of somebody else: 1",),
}
MENDS: Final = {
    "DTN-201": "deuteron doctor --repair",
    "DTN-202": "deuteron doctor --repair",
    "DTN-601": "chmod 600 /var/lib/deuteron/lock",
}
ABSENT: Final = {
    "Check-Neutron-03": "there is no API here: nobody asks for anything over the network",
    "Check-Neutron-04": "there is no API here: nobody logs in over the network",
    "Check-Neutron-05": "there is no API here: no server of ours listens",
}


#: An agent's module with faults, as one finds them.
SAMPLE: Final = '''"""Gateways of an agent."""

import logging
import subprocess
import threading

LOG = logging.getLogger(__name__)


class Gateways:
    def __init__(self, file):
        self._lock = threading.Lock()
        self._ports = {}
        self._file = file

    def add(self, router, port):
        with self._lock:
            self._ports[router] = port
        LOG.info("router %s has gateway port %s", router, port)

    def remove(self, router):
        self._ports.pop(router, None)

    def forward(self, namespace):
        subprocess.run(["ip", "netns", "exec", namespace, "sysctl", "-w",
                        "net.ipv4.ip_forward=1"])

    def save(self, text):
        with open(self._file, "w") as stream:
            stream.write(text)
'''


def example_of_review() -> Report:
    """What a review of the sample finds."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        file = Path("agent/gateways.py")
        file.parent.mkdir()
        file.write_text(SAMPLE, "utf-8")
        return msgspec.structs.replace(review([file.parent], version="0.1.0", at=AT), seconds=0.1)


def example_of_audit() -> Report:
    """A host on which somebody was at work."""
    findings = []
    for check in all_checks():
        finding = Finding(
            check=check.id, title=check.title, status="pass", level=check.level, help=check.help
        )
        if check.id in MENDS:
            finding = Finding(
                check=check.id,
                title=check.broken,
                status="fail",
                level=check.level,
                help=check.help,
                evidence=EVIDENCE[check.id],
                mend=MENDS[check.id],
            )
        elif check.id == "DTN-106":
            finding = Finding(
                check=check.id,
                title=check.broken,
                status="accepted",
                level=check.level,
                evidence=EVIDENCE[check.id],
                reason="the monitoring's probe, until it has a namespace of its own",
                until=date(2027, 3, 31),
            )
        elif check.id in ABSENT:
            finding = Finding(
                check=check.id, title=check.title, status="not-applicable", reason=ABSENT[check.id]
            )
        findings.append(finding)
    return Report(
        tool="deuteron audit",
        version="0.1.0",
        at=AT,
        subject="host-4xq7mzd2kc",
        findings=tuple(findings),
        rules=tuple(check.rule for check in all_checks()),
        seconds=0.2,
        note="Things are called by their pseudonyms in the logs; deuteron reveal tells what they stand for.",
    )


def picture(html: str, chromium: str, folder: Path, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """The page as a browser shows it, on a light and on a dark screen of this size.

    What a frame takes for the colour scheme of the screen is that of the element that it is in.
    """
    frames = "".join(
        f'<iframe style="color-scheme: {scheme}" srcdoc="{escape(html)}"></iframe>'
        for scheme in ("light", "dark")
    )
    style = (
        f"body {{ margin: 0; display: flex }} iframe {{ border: 0; width: {width}px; height: {height}px }}"
    )
    page, image = folder / "page.html", folder / "page.png"
    page.write_text(f"<!doctype html><style>{style}</style><body>{frames}", "utf-8")
    subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--force-device-scale-factor={SCALE}",
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={2 * width},{height}",
            f"--screenshot={image}",
            page.as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return image.read_bytes()


def packed(image: bytes) -> bytes:
    """The same pixels, in bytes in which none of the marks of unfinished work happens to stand.

    A search of the whole tree for such marks is then a search that finds nothing.

    Raises:
        ValueError: no level of compression gives such bytes.
    """
    chunks = list(_chunks(image))
    pixels = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    before = [one for one in chunks[:-1] if one[0] != b"IDAT"]
    for level, memory in itertools.product(range(9, 0, -1), range(9, 0, -1)):
        squeeze = zlib.compressobj(level, memLevel=memory)
        squeezed = squeeze.compress(pixels) + squeeze.flush()
        made = _SIGNATURE + b"".join(map(_chunk, (*before, (b"IDAT", squeezed), chunks[-1])))
        if not any(mark in made for mark in _MARKS):
            return made
    raise ValueError("each way to pack these pixels has a mark of unfinished work in its bytes")


def _chunks(image: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each, W3C PNG (Third Edition) section 5.3."""
    at = len(_SIGNATURE)
    while at < len(image):
        size = int.from_bytes(image[at : at + 4], "big")
        yield image[at + 4 : at + 8], image[at + 8 : at + 8 + size]
        at += 12 + size


def _chunk(one: tuple[bytes, bytes]) -> bytes:
    kind, data = one
    check = zlib.crc32(kind + data)
    return len(data).to_bytes(4, "big") + kind + data + check.to_bytes(4, "big")


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chromium", default="chromium")
    parser.add_argument("--folder", type=Path, default=IMAGES, help="where the pictures go")
    parser.add_argument("--phone", action="store_true", help="as on a phone, to look at")
    chosen = parser.parse_args()
    size = (PHONE, 2 * HEIGHT) if chosen.phone else (WIDTH, HEIGHT)
    chosen.folder.mkdir(exist_ok=True)
    for name, report in (("audit", example_of_audit()), ("review", example_of_review())):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            drawn = picture(render(report, "html"), chosen.chromium, Path(folder), *size)
        (chosen.folder / f"{name}.png").write_bytes(packed(drawn))


if __name__ == "__main__":
    main()
