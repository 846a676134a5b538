"""A real browser that opens pages, asked over a pipe: what is too wide, what overlaps, what is
loaded, what it complains of."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest

# Boxes of text that are seen, and elements that reach beyond the page.
_LOOK = """(() => {
    const wide = document.documentElement.clientWidth;
    const named = e => e.tagName + '.' + (e.getAttribute('class') || '') + ' ' + e.textContent.trim().slice(0, 60);
    const beyond = [...document.body.querySelectorAll('*')].filter(e => {
        const box = e.getBoundingClientRect();
        return box.width > 0 && (box.right > wide + 0.5 || box.left < -0.5);
    }).map(named);
    const boxes = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode());) {
        if (!node.textContent.trim() || node.parentElement.tagName === 'title') continue;
        if (!node.parentElement.checkVisibility({contentVisibilityAuto: true})) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        for (const box of range.getClientRects()) {
            if (box.width > 1) boxes.push([box, node.textContent.trim().slice(0, 60)]);
        }
    }
    boxes.sort((a, b) => a[0].top - b[0].top);
    const overlaps = [];
    boxes.forEach(([a, said], i) => {
        for (let j = i + 1; j < boxes.length && boxes[j][0].top < a.bottom; j++) {
            const b = boxes[j][0];
            const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (across > 1 && down > Math.min(a.height, b.height) / 3) overlaps.push([said, boxes[j][1]]);
        }
    });
    const split = [...document.querySelectorAll('td:not(.text):not(.drawn)')].filter(cell => {
        const range = document.createRange();
        range.selectNodeContents(cell);
        return range.getClientRects().length > 1;
    }).map(named);
    return {beyond, split, overlaps, texts: boxes.length, scrolls: document.documentElement.scrollWidth > wide};
})()"""

# What a checker of accessibility has against a page, with the first place of each.
_ACCUSED = """axe.run().then(found => found.violations.map(
    one => `${one.id} (${one.nodes.length}): ${one.nodes[0].html.slice(0, 200)} ${one.nodes[0].failureSummary}`
))"""


class Browser:
    """One tab of a headless Chromium."""

    def __init__(self, to: int, back: BinaryIO) -> None:
        self._to, self._back = to, back
        self._number, self._session = 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **given: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": given}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, page: str, width: int, dark: bool = False, printed: bool = False) -> None:
        """Show a page at this width, and forget what was seen of the one before."""
        self.events = []
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask(
            "Emulation.setEmulatedMedia", media="print" if printed else "screen", features=[scheme]
        )
        self.ask("Page.navigate", url=page)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def look(self) -> dict[str, Any]:
        return self.evaluate(_LOOK)

    def evaluate(self, script: str) -> Any:
        asked = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in asked, asked
        return asked["result"].get("value")

    def accused(self) -> list[str]:
        """What axe-core has against the page; skips the test where there is none."""
        axe = os.environ.get("HTTPCODES_AXE")
        if axe is None:
            pytest.skip("HTTPCODES_AXE names no axe.min.js; CI installs it")
        self.evaluate(Path(axe).read_text(encoding="utf-8"))
        return self.evaluate(_ACCUSED)

    def requests(self) -> list[str]:
        """What the page loaded, itself among it."""
        sent = (e["params"] for e in self.events if e["method"] == "Network.requestWillBeSent")
        return [each["request"]["url"] for each in sent]

    def complaints(self) -> list[str]:
        said = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return [json.dumps(e["params"]) for e in self.events if e["method"] in said]

    def picture(self, file: Path) -> None:
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        taken = self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        file.write_bytes(base64.b64decode(taken["data"]))

    def _next(self) -> dict[str, Any]:
        message = bytearray()
        while (byte := self._back.read(1)) != b"\0":
            assert byte, "the browser ended"
            message += byte
        return json.loads(message)


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser with a profile of its own; skips the test where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium here; CI installs it")
    from_us, to = os.pipe()
    back, to_us = os.pipe()
    # The browser reads descriptor 3 and writes 4.
    plumbed = f'exec "$0" "$@" 3<&{from_us} 4>&{to_us}'
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ]
    command = [
        "bash",
        "-c",
        plumbed,
        program,
        *flags,
        f"--user-data-dir={profile}",
        "--remote-debugging-pipe",
    ]
    process = subprocess.Popen(command, pass_fds=(from_us, to_us), stderr=subprocess.DEVNULL)
    os.close(from_us)
    os.close(to_us)
    try:
        with os.fdopen(back, "rb") as answers:
            yield Browser(to, answers)
    finally:
        os.close(to)
        process.terminate()
        process.wait()
