"""A real browser for one page: Chromium without a window, driven over its debugging socket."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

# What keeps it from looking for anything beyond this machine, and from needing a sandbox as root.
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)
_DEADLINE = 30.0
AXE = Path(__file__).parents[2] / "out" / "axe" / "package" / "axe.min.js"  # put there by scripts/ensure-axe


def chromium() -> str | None:
    """The browser's path, if this machine has one."""
    return next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


@contextmanager
def browsing(program: str, folder: Path) -> Iterator[Browser]:
    """A browser with its profile in `folder`, ended with the block."""
    process = subprocess.Popen(
        [program, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        with connect(_address(process), max_size=None) as socket:
            yield Browser(socket)
    finally:
        process.terminate()
        process.communicate(timeout=_DEADLINE)


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr
    seen = []
    for line in process.stderr:
        seen.append(line)
        if match := re.search(r"DevTools listening on (ws://\S+)", line):
            return match.group(1)
    raise RuntimeError("the browser did not start: " + "".join(seen[-5:]))


class Browser:
    """One page. `problems` gathers what the page wrote to its console as an error, and its uncaught exceptions."""

    def __init__(self, socket: ClientConnection) -> None:
        self.problems: list[str] = []
        self._number = 0
        self._socket = socket
        self._session = ""
        target = self._call("Target.createTarget", url="about:blank", newWindow=True)["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        self.size(1280, 900)

    def open(self, path: Path, fragment: str = "") -> None:
        """Load the file and wait until its scripts have run."""
        # The number makes it a new page even where only the fragment differs. The answer comes with its document.
        self._call("Page.navigate", url=f"{path.as_uri()}?{self._number}{fragment}")
        self.run("new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))")
        self.until("!document.querySelector('.filters') || document.documentElement.dataset.ready")

    def run(self, script: str) -> Any:
        """The value of the JavaScript expression, awaited."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until the JavaScript condition holds; RuntimeError after ten seconds."""
        self.run(
            "new Promise((done, fail) => { const end = performance.now() + 10000; const look = () => "
            f"({condition}) ? done() : performance.now() > end ? fail(new Error('never so')) : setTimeout(look, 10);"
            "look() })"
        )

    def click(self, selector: str) -> None:
        """Click the middle of the first element that matches, with a real mouse event."""
        box = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});"
            "const b = e.getBoundingClientRect(); return {x: b.x + b.width / 2, y: b.y + b.height / 2} })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **box)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self._call("Input.insertText", text=text)

    def key(self, key: str) -> None:
        """Press a key: a character, `Tab` or `Enter`."""
        code, text = {"Tab": (9, ""), "Enter": (13, "\r")}.get(key, (0, key))
        for kind in ("keyDown", "keyUp"):
            said = {"text": text} if text and kind == "keyDown" else {}
            self._call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **said)

    def scheme(self, name: str) -> None:
        """`light` or `dark`."""
        self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def size(self, width: int, height: int) -> None:
        """The window's size in CSS pixels."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def screenshot(self, path: Path, *, width: int = 1280, height: int = 0) -> None:
        """The page as PNG; height 0: all of it."""
        full = height or self.run("Math.ceil(document.documentElement.scrollHeight)")
        self.size(width, full)
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def printed(self) -> bytes:
        """The page as PDF, as its own style says how to print it."""
        return base64.b64decode(self._call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"])

    def axe(self) -> list[str]:
        """What axe finds on the page, a line each: rule and element."""
        self.run(AXE.read_text(encoding="utf-8") + ";0")
        found = self.run(
            "axe.run(document).then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).slice(0, 3).join(' ')))"
        )
        return list(found)

    def medium(self, name: str) -> None:
        """`print`, or "" for the screen."""
        self._call("Emulation.setEmulatedMedia", media=name)

    def _call(self, method: str, **params: Any) -> Any:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def _receive(self) -> dict[str, Any]:
        row: dict[str, Any] = json.loads(self._socket.recv(_DEADLINE))
        if row.get("method") == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(row["params"]["exceptionDetails"].get("exception", {}).get("description")))
        if row.get("method") == "Log.entryAdded" and row["params"]["entry"]["level"] == "error":
            self.problems.append(row["params"]["entry"]["text"])
        return row
