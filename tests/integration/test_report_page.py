"""The report in a real browser: headless Chromium, driven over its debugging pipe, so that no port is opened."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from sagelens.evaluation.report import Material, render
from tests.unit.report.example import deployment, material, stopped_at_the_raw_gate, training
from tests.unit.report.rollouts import landed, rolled_back

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking",
    "--disable-component-update --disable-sync --hide-scrollbars --window-size=1400,1200 --remote-debugging-pipe",
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the report was NOT seen in a browser")


class Browser:
    """One tab. `events` are those of the page that is open: its requests, its log, its exceptions."""

    def __init__(self, writer: BinaryIO, reader: BinaryIO) -> None:
        self._writer, self._reader = writer, reader
        self._numbers = itertools.count(1)
        self._session: str | None = None
        self._unread = b""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        session = {"sessionId": self._session} if self._session else {}
        self._writer.write(json.dumps({"id": number, "method": method, "params": params, **session}).encode() + b"\0")
        self._writer.flush()
        while True:
            message = self._read()
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            part = os.read(self._reader.fileno(), 1 << 16)
            assert part, "Chromium ended"
            self._unread += part
        text, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return message

    def open(self, path: Path, *, scheme: str = "light", width: int = 1400) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=1200, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not self.named("Page.loadEventFired"):
            self._read()

    def named(self, *methods: str) -> list[dict[str, Any]]:
        return [event["params"] for event in self.events if event["method"] in methods]

    def value(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """A click of the mouse in the middle of an element, as a person's."""
        x, y = self.value(
            f"(() => {{ const found = document.querySelector({json.dumps(selector)});"
            " found.scrollIntoView({block: 'center', behavior: 'instant'}); const at = found.getBoundingClientRect();"
            " return [at.x + at.width / 2, at.y + at.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode={"Enter": 13}.get(key, 27), **text
            )

    def visible(self, selector: str) -> str:
        """The text of an element as it is shown; nothing when it is hidden."""
        return str(self.value(f"document.querySelector({json.dumps(selector)}).innerText") or "")

    def screenshot(self, path: Path) -> Path:
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(shot["data"]))
        return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    to_child, writer = os.pipe()
    reader, from_child = os.pipe()
    profile = tmp_path_factory.mktemp("chromium")
    command = " ".join([shlex.quote(str(CHROMIUM)), *FLAGS, f"--user-data-dir={shlex.quote(str(profile))}"])
    process = subprocess.Popen(
        ["/bin/bash", "-c", f"exec {command} 3<&{to_child} 4>&{from_child}"],
        pass_fds=(to_child, from_child),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_child)
    os.close(from_child)
    with os.fdopen(writer, "wb", buffering=0) as out, os.fdopen(reader, "rb", buffering=0) as answers:
        yield Browser(out, answers)
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(render(material(training(), deployment())), encoding="utf-8")
    return path


def test_the_page_opens_without_errors_and_asks_for_nothing(browser: Browser, page: Path) -> None:
    browser.open(page)

    assert browser.named("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded") == []
    asked = [sent["request"]["url"] for sent in browser.named("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [page.as_uri()]


def test_the_policy_stops_what_is_not_of_the_page(browser: Browser, page: Path) -> None:
    """So that the test above would notice: a page that asks for something is seen, and refused."""
    browser.open(page)

    browser.value("document.body.append(Object.assign(new Image(), {src: 'https://example.com/spy.png'}))")
    browser.call("Runtime.evaluate", expression="new Promise(done => setTimeout(done, 200))", awaitPromise=True)

    assert any("Content Security Policy" in entry["entry"]["text"] for entry in browser.named("Log.entryAdded"))


def test_every_step_is_a_node_of_the_graph(browser: Browser, page: Path) -> None:
    browser.open(page)

    nodes = browser.value("[...document.querySelectorAll('svg.graph .node')].map(n => n.dataset.step)")

    listed = [step["name"] for execution in (training(), deployment()) for step in execution.steps]
    assert sorted(nodes) == sorted(listed)
    edges = browser.value("[...document.querySelectorAll('svg.graph .edge')].every(e => e.getTotalLength() > 5)")
    assert edges is True


def test_a_click_on_a_node_shows_its_details(browser: Browser, page: Path, tmp_path: Path) -> None:
    browser.open(page)
    assert "no earlier run" not in browser.visible("#steps")

    browser.click(".node[data-step=evaluate] .shape")

    shown = browser.visible("[data-panel]")
    assert shown.split()[:2] == ["✓", "evaluate"]
    for said in ("no earlier run", "/aws/sagemaker/ProcessingJobs / evaluate/algo-1", "0.5169"):
        assert said in shown
    assert browser.value("document.querySelectorAll('article.step:not([hidden])').length") == 1
    assert browser.screenshot(tmp_path / "details.png").stat().st_size > 20_000


def test_the_keyboard_opens_and_closes_a_step(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.value("document.querySelector('.node[data-step=train]').focus()")

    browser.press("Enter")
    assert "The test range lies outside the training range." in browser.visible("[data-panel]")

    browser.press("Escape")
    assert "Choose a step" in browser.visible("[data-panel]")
    assert browser.value("document.activeElement.dataset.step") == "train"


def test_the_page_is_light_or_dark_as_the_reader_prefers_and_can_be_switched(
    browser: Browser, page: Path, tmp_path: Path
) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    browser.open(page, scheme="light")
    light = browser.value(ground)
    browser.open(page, scheme="dark")
    dark = browser.value(ground)

    browser.screenshot(tmp_path / "dark.png")
    browser.click("#theme")

    assert light != dark
    assert browser.value(ground) == light
    assert browser.value("getComputedStyle(document.querySelector('.figures img')).filter") == "none"


@pytest.mark.parametrize("width", [390, 1400])
def test_nothing_is_wider_than_the_window(browser: Browser, page: Path, width: int, tmp_path: Path) -> None:
    browser.open(page, width=width)

    assert browser.value("document.documentElement.scrollWidth") <= width
    browser.screenshot(tmp_path / f"{width}.png")


def test_figures_are_drawn(browser: Browser, page: Path) -> None:
    browser.open(page)

    widths = browser.value(
        "[...document.querySelectorAll('.figures img')]"
        ".map(image => image.complete && image.naturalWidth ? image.getBoundingClientRect().width : 0)"
    )

    assert len(widths) == 3
    assert min(widths) > 200


def test_a_table_can_be_sorted(browser: Browser, page: Path) -> None:
    browser.open(page)
    rows = "[...document.querySelectorAll('#lineage table:last-of-type')].at(-1).tBodies[0].rows"
    first = browser.value(f"[...{rows}].map(r => r.cells[0].textContent)")

    browser.value("[...document.querySelectorAll('#lineage table')].at(-1).querySelector('thead button').click()")

    assert first != sorted(first, key=str.lower)
    assert browser.value(f"[...{rows}].map(r => r.cells[0].textContent)") == sorted(first, key=str.lower)


def test_a_failed_run_opens_on_the_step_that_failed(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "failed.html"
    path.write_text(render(material(stopped_at_the_raw_gate(carrier="<b>ZZ</b>"))), encoding="utf-8")

    browser.open(path)

    assert browser.visible("[data-panel]").split()[:2] == ["✕", "raw-gate"]
    assert "<b>ZZ</b>" in browser.visible("#gates")
    assert browser.visible("main").startswith("Stopped by a data gate")
    browser.screenshot(tmp_path / "failed.png")


@pytest.fixture
def rollout(tmp_path: Path) -> Path:
    """The page of a deployment that was undone."""
    path = tmp_path / "rollout.html"
    path.write_text(render(Material(project="delays", executions=(), deployments=(rolled_back(),))), encoding="utf-8")
    return path


def test_the_page_of_a_deployment_opens_without_errors_and_says_how_it_ended(browser: Browser, rollout: Path) -> None:
    browser.open(rollout)

    assert browser.named("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded") == []
    assert browser.visible("main .rollout h3").startswith("rolled back")
    assert "alarm errors rang" in browser.visible("main .rollout .said")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_lines_of_both_fleets_are_drawn_in_colours_that_can_be_told_apart(
    browser: Browser, rollout: Path, scheme: str, tmp_path: Path
) -> None:
    browser.open(rollout, scheme=scheme)

    drawn = browser.value(
        "[...document.querySelectorAll('.course .line.strong')]"
        ".map(line => [getComputedStyle(line).stroke, line.getTotalLength()])"
    )

    assert len(drawn) == 5
    assert min(length for _, length in drawn) > 100
    assert len({stroke for stroke, _ in drawn}) == 2
    assert "none" not in {stroke for stroke, _ in drawn}
    assert browser.screenshot(tmp_path / f"rollout-{scheme}.png").stat().st_size > 20_000


def test_what_happened_at_one_time_stands_at_one_place(browser: Browser, rollout: Path) -> None:
    """The end of the bake, the shift of the traffic and the alarm, each in a drawing of its own."""
    browser.open(rollout)

    left = browser.value(
        "(() => { const at = found => Math.round(found.getBoundingClientRect().left);"
        " return {alarm: at(document.querySelector('.watch.alarm rect')),"
        " shifts: [...document.querySelectorAll('.course .shift')].map(at)}; })()"
    )

    assert left["alarm"] in left["shifts"]


@pytest.mark.parametrize("width", [390, 1400])
def test_the_page_of_a_deployment_is_not_wider_than_the_window(
    browser: Browser, rollout: Path, width: int, tmp_path: Path
) -> None:
    browser.open(rollout, width=width)

    assert browser.value("document.documentElement.scrollWidth") <= width
    browser.screenshot(tmp_path / f"rollout-{width}.png")


def test_a_deployment_beside_its_training_run_leaves_the_rest_as_it_was(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "both.html"
    executions = (training(), deployment())
    path.write_text(render(Material(project="delays", executions=executions, deployments=(landed(),))), encoding="utf-8")

    browser.open(path)
    browser.click(".node[data-step=evaluate] .shape")

    assert browser.visible("[data-panel]").split()[:2] == ["✓", "evaluate"]
    assert browser.visible("#deployment .rollout h3").startswith("landed")
