"""A browser that a test drives as a person would: real keys and touches, any width, either theme. By chromedriver."""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import browser

DRIVER = shutil.which("chromedriver")
PATIENCE = 120  # seconds, which a busy machine may need
VISITS = 10  # of a page before it is opened anew: in a while it writes only so many addresses
MISSING = browser.MISSING if browser.BROWSER is None else "no chromedriver on the PATH"
KEYS = {
    "ArrowLeft": "\ue012",
    "ArrowUp": "\ue013",
    "ArrowRight": "\ue014",
    "ArrowDown": "\ue015",
    "Home": "\ue011",
    "End": "\ue010",
    "Tab": "\ue004",
    "Enter": "\ue007",
    "Backspace": "\ue003",
}


VISIT = """
document.activeElement.blur();
scrollTo(0, 0);
history.replaceState(null, "", `#${arguments[0]}`);
dispatchEvent(new Event("hashchange"));
"""

# What a bar that stays at the top hides while it has the focus: of all that Tab reaches, from the last one back.
HIDDEN = """
const all = [...document.querySelectorAll("button, select, input, [tabindex]")];
return all.filter((one) => one.tabIndex >= 0 && one.offsetParent).reverse().filter((one) => {
  one.focus();
  const {left, top, height} = one.getBoundingClientRect(), seen = document.elementFromPoint(left + 4, top + height / 2);
  return !one.contains(seen) && !seen?.contains(one);
}).map((one) => one.ariaLabel ?? one.textContent);
"""


class Driver:
    """One browser without a window; `close` ends it."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._process = subprocess.Popen(
            [DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._address = f"http://127.0.0.1:{port}"
        self._wait()
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu"], "binary": browser.BROWSER}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        session = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
        self._session, self._visits = f"/session/{session}", 0
        self._ask("POST", f"{self._session}/timeouts", {"script": 1000 * PATIENCE, "pageLoad": 1000 * PATIENCE})
        self.command("Emulation.setFocusEmulationEnabled", enabled=True)  # a page without a window may have no focus

    def _wait(self):
        for _ in range(20 * PATIENCE):
            try:
                self._ask("GET", "/status")
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("chromedriver did not start")

    def _ask(self, method, path, body=None):
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(
            self._address + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(json.load(error)["value"]["message"]) from None

    def close(self):
        try:
            self._ask("DELETE", self._session)
        finally:
            self._process.terminate()
            self._process.wait(10)

    def open(self, url):
        """Show a page, and wait until it is drawn: keys and touches that come before go nowhere."""
        self._ask("POST", f"{self._session}/url", {"url": "about:blank"})  # or a new # would not be a new page
        self._ask("POST", f"{self._session}/url", {"url": url})
        self.drawn()
        self._visits = 0

    def visit(self, address, state):
        """Show a page that follows its address at one of its states, as if the address had been changed by hand.

        A fifth of the time that it takes to open it, which happens where it is not there yet.
        """
        if self._visits % VISITS and self.run("return location.href.split('#')[0]") == address:
            self.run(VISIT, state)
            self.drawn()
        else:
            self.open(f"{address}#{state}")
        self._visits += 1

    def drawn(self):
        """Wait until the page has shown what was changed."""
        self.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def run(self, script, *arguments):
        """Run the body of a function in the page, and give what it returns."""
        return self._ask("POST", f"{self._session}/execute/sync", {"script": script, "args": list(arguments)})

    def command(self, name, **parameters):
        """Give the browser a command of its own protocol."""
        return self._ask("POST", f"{self._session}/goog/cdp/execute", {"cmd": name, "params": parameters})

    def width(self, width, height=900):
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def theme(self, name):
        """Ask for a theme, and wait until its colours are there: a page may fade from one to the other."""
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])
        self.drawn()
        self.run("return Promise.all(document.getAnimations().map((one) => one.finished)).then(() => {})")

    def press(self, *keys):
        """Press keys one after the other, by name or as the text that is typed, wherever the focus is."""
        strokes = [KEYS.get(key, key) for key in keys]
        singles = [stroke for key in strokes for stroke in (key if len(key) > 1 else [key])]
        actions = [{"type": kind, "value": key} for key in singles for kind in ("keyDown", "keyUp")]
        self._ask("POST", f"{self._session}/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def touch(self, selector):
        """Touch the first element of a selector with a finger, and wait for the click that comes of it."""
        where = "const node = document.querySelector(arguments[0]); node.scrollIntoView({block: 'center'}); "
        box = self.run(
            where + "const b = node.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]", selector
        )
        move = {"type": "pointerMove", "duration": 0, "x": round(box[0]), "y": round(box[1])}
        actions = [move, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self.run("window.clicked = new Promise((done) => addEventListener('click', done, {capture: true, once: true}))")
        finger = {"type": "pointer", "id": "finger", "parameters": {"pointerType": "touch"}, "actions": actions}
        self._ask("POST", f"{self._session}/actions", {"actions": [finger]})
        self.run("return window.clicked.then(() => {})")

    def log(self, kind):
        return self._ask("POST", f"{self._session}/se/log", {"type": kind})

    def picture(self, path):
        """Save the whole page as it looks."""
        data = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))
