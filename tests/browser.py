"""Chromium without a window, for tests of pages: its DevTools protocol over one socket."""

import contextlib
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import websocket

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
               None)  # fmt: skip
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--no-first-run", "--remote-debugging-port=0", "--remote-allow-origins=*")  # fmt: skip


class Tab:
    """One page, and what it complained of."""

    def __init__(self, address: str):
        self._socket = websocket.create_connection(address, timeout=120)
        self._numbers = itertools.count()
        self.complaints: list[str] = []

    def ask(self, method: str, **parameters) -> dict:
        """Calls a method of the protocol and returns its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            said = json.loads(self._socket.recv())
            if said.get("id") == number:
                assert "error" not in said, said
                return said["result"]
            if said.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.complaints.append(json.dumps(said["params"]))

    def value(self, expression: str) -> object:
        """What an expression is in the page, as JSON has it."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 120) -> None:
        """Until an expression is true."""
        end = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < end, f"{expression} never came; {self.complaints}"
            time.sleep(0.1)

    def choose(self, selector: str, files: list[Path]) -> None:
        """Puts files into an input."""
        root = self.ask("DOM.getDocument")["root"]["nodeId"]
        node = self.ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.ask("DOM.setFileInputFiles", nodeId=node, files=[str(file) for file in files])


@contextlib.contextmanager
def opened(page: Path, profile: Path) -> Iterator[Tab]:
    """A tab that shows a file. `profile`: an empty folder for the browser's own files."""
    command = [PROGRAM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as browser:
        try:
            for line in browser.stderr:
                if line.startswith("DevTools listening on "):
                    break
            yield _tab(line.split()[-1], page.as_uri())
        finally:
            browser.kill()


def _tab(browser: str, address: str) -> Tab:
    whole = Tab(browser)
    target = whole.ask("Target.createTarget", url="about:blank")["targetId"]
    tab = Tab(f"{browser.partition('/devtools/')[0]}/devtools/page/{target}")
    for domain in ("Runtime", "Log", "Network", "Page"):
        tab.ask(f"{domain}.enable")
    tab.ask("Page.navigate", url=address)
    return tab
