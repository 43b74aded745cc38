#!/usr/bin/env python3
"""Draw the pages of reports for the documents: docs/images/audit.png, light and dark side by side.

The report is made up (pseudonyms and documentation paths only), so that the picture is the same
each time; its checks and words are those of the package.  Needs chromium.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from datetime import UTC, date, datetime
from html import escape
from pathlib import Path
from typing import Final

from deuteron.audit.run import all_checks
from deuteron.report import Finding, Report, render

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"
#: Of one page, in pixels of a page; and how many of those of the picture are one.
WIDTH: Final = 940
HEIGHT: Final = 1180
SCALE: Final = 0.75

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


def example() -> Report:
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
        at=datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
        subject="host-4xq7mzd2kc",
        findings=tuple(findings),
        rules=tuple(check.rule for check in all_checks()),
        seconds=0.2,
    )


def picture(html: str, chromium: str, folder: Path) -> bytes:
    """The page as a browser shows it, on a light and on a dark screen.

    What a frame takes for the colour scheme of the screen is that of the element that it is in.
    """
    frames = "".join(
        f'<iframe style="color-scheme: {scheme}" srcdoc="{escape(html)}"></iframe>'
        for scheme in ("light", "dark")
    )
    style = (
        f"body {{ margin: 0; display: flex }} iframe {{ border: 0; width: {WIDTH}px; height: {HEIGHT}px }}"
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
            f"--window-size={2 * WIDTH},{HEIGHT}",
            f"--screenshot={image}",
            page.as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return image.read_bytes()


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chromium", default="chromium")
    chosen = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        drawn = picture(render(example(), "html"), chosen.chromium, Path(name))
    (IMAGES / "audit.png").write_bytes(drawn)


if __name__ == "__main__":
    main()
