"""The page in a real browser, before a made-up camera and microphone that play the demo clip."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, fake_camera, page_of, server

ROOT = Path(__file__).parents[2]
FILM = ROOT / "examples/six_emotions.mp4"
WIDE = {"width": 1280, "height": 860}

pytest.importorskip("playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (on Debian: apt install chromium)")


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return fake_camera(FILM, tmp_path_factory.mktemp("devices"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("served")
    with server(cwd=folder) as address:
        yield address, folder


def told(page: Any) -> dict[str, Any]:
    """What the page says of itself."""
    return page.evaluate("JSON.parse(JSON.stringify(window.affectstream))")


def until(page: Any, wanted: str, seconds: float = 40) -> dict[str, Any]:
    """Wait until the expression ``wanted`` of the page's ``a`` holds; its policy lets nobody else evaluate text."""
    end = time.monotonic() + seconds
    while not page.evaluate(f"(a => Boolean({wanted}))(window.affectstream)"):
        assert time.monotonic() < end, f"{wanted} never held; the last was {told(page)}"
        page.wait_for_timeout(50)
    return told(page)


def test_the_point_moves_with_the_smile_and_a_recording_can_be_read(
    served: tuple[str, Path], devices: tuple[Path, Path]
) -> None:
    import pyarrow.parquet as pq

    address, folder = served
    wrong: list[str] = []
    with page_of(address, *devices, viewport=WIDE) as page:
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        until(page, "a.connected")
        time.sleep(1)
        before = told(page)
        assert not before["consent"] and (before["last"] or {}).get("frame") is None  # nothing is sent before
        assert page.evaluate("document.querySelector('video').srcObject") is None
        page.click("#gate-start")
        neutral = until(page, "a.last && a.last.frame !== null && a.last.faces.length && a.rate > 0")
        page.keyboard.press("r")
        smile = until(page, "a.last.state.vad.valence > 0.5 && a.last.state.label === 'happiness' && a.point.x > 300")
        if "AFFECTSTREAM_SCREENSHOT" in os.environ:
            page.screenshot(path=os.environ["AFFECTSTREAM_SCREENSHOT"])
        assert smile["point"]["x"] > neutral["point"]["x"] + 30  # to the right is pleasant
        assert smile["point"]["y"] < page.viewport_size["height"] and smile["last"]["faces"][0]["main"]
        heard = until(page, "'speech' in a.last.state.modalities && a.latency.n >= 20")
        assert 0 < heard["latency"]["median"] < 1000 and heard["rate"] > 3
        page.fill("#say", "Kids are talking by the door.")
        page.keyboard.press("Enter")
        until(page, "'text' in a.last.state.modalities")
        assert "Kids are talking" in page.inner_text("#words")
        assert page.inner_text("#events").strip()
        page.locator("#record").click()
        until(page, "document.querySelector('#recording').hidden")
    assert not wrong
    (recording,) = (folder / "recordings").glob("live-*")
    table = pq.read_table(recording / "live.parquet").to_pydict()
    assert {"face/0", "speech", "text", "fused", "state"} <= set(table["source"])
    smiled = [v for v, s in zip(table["valence"], table["source"], strict=True) if s == "state"]
    assert max(smiled) > 0.5


def test_without_devices_it_says_so_and_goes_on(served: tuple[str, Path]) -> None:
    with page_of(
        served[0], Path("/nowhere.mjpeg"), Path("/nowhere.wav"), viewport={"width": 390, "height": 844}
    ) as page:
        page.add_init_script(
            "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))"
        )
        page.reload()
        until(page, "a.connected")
        page.click("#gate-start")
        page.wait_for_selector("#notices >> text=not allowed to use the camera")
        page.wait_for_selector("#notices >> text=not allowed to use the microphone")
        until(page, "a.consent && a.last && a.last.frame === null")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_camera_that_is_unplugged_leaves_the_voice(served: tuple[str, Path], devices: tuple[Path, Path]) -> None:
    with page_of(served[0], *devices, viewport=WIDE) as page:
        page.click("#gate-start")
        until(page, "a.last && a.last.frame !== null")
        # What a browser does when the device is gone.
        page.evaluate(
            "(track => { track.stop(); track.dispatchEvent(new Event('ended')); })"
            "(document.querySelector('video').srcObject.getVideoTracks()[0])"
        )
        page.wait_for_selector("#notices >> text=The camera is gone. It goes on without your face.")
        heard = until(page, "a.last.frame === null && 'speech' in a.last.state.modalities")
        until(page, f"a.connected && a.last.time > {heard['last']['time'] + 1}")


def test_two_tabs_and_one_that_comes_back(served: tuple[str, Path], devices: tuple[Path, Path]) -> None:
    with page_of(served[0], *devices, viewport=WIDE) as page:
        other = page.context.new_page()
        for tab in (page, other):
            tab.goto(served[0])
            tab.click("#gate-start")
            until(tab, "a.last && a.last.frame !== null")
        page.reload()
        page.click("#gate-start")
        until(page, "a.last && a.last.frame !== null")
        until(other, "a.connected && a.last.frame !== null")
