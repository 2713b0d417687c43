import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from serving import Client, frames_of, jpeg, serving
from websockets.exceptions import ConnectionClosed, InvalidStatus

from affectstream.encoders.face.encoder import FaceEncoder
from affectstream.multimodal.agent.state import AffectState
from affectstream.multimodal.live.server import PAGES
from affectstream.multimodal.live.sources import Film
from affectstream.multimodal.live.stage import Stage
from affectstream.multimodal.live.wire import HEAD, LARGEST, PICTURE, SOUND
from affectstream.multimodal.score import Encoders, open_encoders

ROOT = Path(__file__).parents[2]
FILM, WORDS = ROOT / "examples/six_emotions.mp4", ROOT / "examples/six_emotions.srt"


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    return open_encoders(["face", "speech", "text"])


@pytest.fixture(scope="module")
def frames() -> list[tuple[float, np.ndarray]]:
    return frames_of(FILM)


@pytest.fixture
def stage(encoders: Encoders, tmp_path: Path) -> Stage:
    return Stage(encoders, tmp_path / "recordings")


@pytest.fixture
def host(stage: Stage) -> Iterator[str]:
    with serving(stage) as host:
        yield host


def test_pictures_in_state_out(host: str, frames: list[tuple[float, np.ndarray]]) -> None:
    with Client(host) as client:
        welcome = client.wait(lambda m: m["type"] == "welcome")
        assert welcome["source"]["kind"] == "browser" and welcome["eeg"] is None and "prohibited" in welcome["notice"]
        begin, told = client.now(), {}
        for _, image in frames[60:75]:
            at = client.now()
            client.picture(image, at)
            told = client.wait(lambda m, at=at: m["type"] == "state" and m["frame"] == pytest.approx(at))
    jsonschema.validate(told["state"], AffectState.schema_page())
    assert told["frame"] > begin and told["state"]["time"] >= told["frame"]
    (face,) = told["faces"]
    x, y, width, height = face["box"]
    assert face["main"] and 0 < x < x + width < 1 and 0 < y < y + height < 1 and width < 0.5
    assert [row[0] for row in told["rows"]] == ["face/0"] and abs(told["rows"][0][2][0]) <= 1
    assert told["state"]["vad"]["valence"] > 0.2  # he smiles


def test_without_a_camera_the_state_goes_on_five_times_a_second(host: str) -> None:
    with Client(host) as client:
        times = [client.wait(lambda m: m["type"] == "state")["time"] for _ in range(6)]
    assert np.diff(times).max() < 0.6 and np.diff(times).min() > 0.1


def test_words_and_sound_are_heard(host: str) -> None:
    with Client(host) as client:
        time.sleep(0.3)
        now = client.now()
        client.say({"type": "text", "start": max(now - 1, 0), "end": now, "text": "I am so happy!"})
        assert client.wait(lambda m: m["type"] == "words")["text"] == "I am so happy!"
        assert (
            client.wait(lambda m: m["type"] == "state" and "text" in m["state"]["modalities"])["state"]["vad"][
                "valence"
            ]
            > 0
        )
        rng = np.random.default_rng(0)
        begin = client.now()
        for k in range(10):
            time.sleep(0.05)
            client.sound(rng.normal(0, 0.01, 800).astype(np.float32), begin + k * 0.05)
        client.wait(lambda m: m["type"] == "state" and any(row[0] == "speech" for row in m["rows"]))


def test_a_recording_is_the_film_and_what_score_writes(
    host: str, stage: Stage, frames: list[tuple[float, np.ndarray]]
) -> None:
    import pyarrow.parquet as pq

    from affectstream.multimodal.score import score

    with Client(host) as client:
        client.say({"type": "record", "on": True})
        begun = client.wait(lambda m: m["type"] == "recording")
        assert begun["on"] and list(stage.folder.glob("[!.]*")) == []
        sent = 0
        for _, image in frames[40:110]:
            at = client.now()
            client.picture(image, at)
            client.sound(np.zeros(640, np.float32), at - 0.04)
            sent += client.wait(lambda m: m["type"] in ("state", "dropped") and m["frame"])["type"] == "state"
        now = client.now()
        client.say({"type": "text", "start": now - 0.5, "end": now, "text": "Don't forget a jacket."})
        client.wait(lambda m: m["type"] == "words")
        time.sleep(0.4)
        client.say({"type": "record", "on": False})
        done = client.wait(lambda m: m["type"] == "recording", timeout=30)
    folder = Path(done["folder"])
    assert set(done["files"]) == {
        "live.mkv",
        "live.srt",
        "live.parquet",
        "live.summary.json",
        "live.events.json",
        "live.png",
    }
    assert sorted(done["files"]) == sorted(path.name for path in folder.iterdir())
    table = pq.read_table(folder / "live.parquet").to_pydict()
    live = np.array(
        [
            [table[c][k] for c in ("time", "valence", "arousal", "dominance")]
            for k, s in enumerate(table["source"])
            if s == "face/0"
        ],
        float,
    )
    assert len(live) == sent and json.loads((folder / "live.summary.json").read_text())["causal"]
    again = score(folder / "live.mkv", causal=True, encoders=stage.encoders)
    face = again.traces["face/0"]
    np.testing.assert_allclose(face.time, live[:, 0], atol=2e-3)  # the film's clock has milliseconds
    first = face.time < 0.35  # then the whole picture is searched again, maybe on the next one, by those milliseconds
    assert first.sum() >= 5
    np.testing.assert_allclose(face.mean[first], live[first, 1:], atol=1e-5)
    assert np.median(abs(face.mean - live[:, 1:])) < 0.05
    state = again.traces["state"]
    at = {round(t, 1): k for k, t in enumerate(state.time.tolist())}
    own = [
        (round(t, 1), v)
        for t, v, s in zip(table["time"], table["valence"], table["source"], strict=True)
        if s == "state"
    ]
    apart = [abs(state.mean[at[t], 0] - v) for t, v in own if t in at]
    assert len(apart) >= 5 and np.median(apart) < 0.05
    assert list(stage.folder.iterdir()) == [folder]  # nothing else is left


def test_nothing_is_stored_unless_asked(host: str, stage: Stage, frames: list[tuple[float, np.ndarray]]) -> None:
    with Client(host) as client:
        client.picture(frames[0][1], client.now())
        client.wait(lambda m: m["type"] == "state" and m["frame"])
    assert not stage.folder.exists()


def test_a_recording_that_goes_on_when_the_page_leaves_is_finished(
    host: str, stage: Stage, frames: list[tuple[float, np.ndarray]]
) -> None:
    with Client(host) as client:
        client.say({"type": "record", "on": True})
        for _, image in frames[:12]:
            client.picture(image, client.now())
            client.wait(lambda m: m["type"] == "state" and m["frame"])
            time.sleep(0.02)
    end = time.monotonic() + 20
    while time.monotonic() < end and not list(stage.folder.glob("live-*/live.parquet")):
        time.sleep(0.05)
    assert list(stage.folder.glob("live-*/live.parquet")) and not list(stage.folder.glob(".*"))


def closed(client: Client) -> tuple[int, str]:
    """Code and reason with which the server ends the talk; 1006 where it hung up while it was being talked to."""
    try:
        while True:
            client.socket.recv(timeout=10)
    except ConnectionClosed as over:
        return (1006, "") if over.rcvd is None else (over.rcvd.code, over.rcvd.reason)


GARBAGE: list[tuple[Any, int, str]] = [
    ("garbage", 1003, "not JSON"),
    ("[1, 2]", 1003, "without a type"),
    ({"type": "dance"}, 1003, "'dance'"),
    ({"type": "text", "start": 0, "end": 1e9, "text": "x"}, 1003, "this session that is over"),
    ({"type": "text", "start": 0, "end": 0, "text": "x" * 3000}, 1003, "1 to 2000 characters"),
    ({"type": "calibrate", "do": "begin"}, 1003, "without EEG"),
    ({"type": "end", "modality": "eeg"}, 1003, "face or speech"),
    (b"tiny", 1003, "4 bytes"),
    (HEAD.pack(PICTURE, 0, 1e6) + jpeg(np.zeros((48, 64, 3), np.uint8)), 1003, "still to come"),
    (HEAD.pack(SOUND, 16000, 0.0) + b"x" * 100_000, 1003, "at most 2 s"),
    (HEAD.pack(PICTURE, 0, 0.0) + b"x" * (LARGEST + 200_000), 1009, ""),
]


@pytest.mark.parametrize(("message", "code", "says"), GARBAGE, ids=[f"{k}" for k in range(len(GARBAGE))])
def test_garbage_is_refused_with_a_reason_and_others_do_not_notice(
    host: str, message: Any, code: int, says: str
) -> None:
    with Client(host) as good, Client(host) as bad:
        good.wait(lambda m: m["type"] == "welcome")
        with contextlib.suppress(ConnectionClosed):  # it may be refused while it is still being sent
            bad.say(message)
        got, reason = closed(bad)
        assert got == code or (code, got) == (1009, 1006)  # it does not wait for the rest of what is too large
        assert says in reason
        good.wait(lambda m: m["type"] == "state")


def test_a_damaged_picture_costs_one_picture(host: str, frames: list[tuple[float, np.ndarray]]) -> None:
    with Client(host) as client:
        whole = jpeg(frames[0][1])
        client.say(HEAD.pack(PICTURE, 0, client.now()) + whole[: len(whole) // 20])
        assert "could not be read" in client.wait(lambda m: m["type"] == "notice")["text"]
        client.picture(frames[0][1], client.now())
        client.wait(lambda m: m["type"] == "state" and m["frame"])


def test_consent_comes_first(host: str) -> None:
    with Client(host, consent=False) as client:
        client.picture(np.zeros((48, 64, 3), np.uint8), 0.0)
        assert closed(client) == (1003, "media before consent was given; wanted hello first")
    with Client(host, consent=False) as client:
        client.say({"type": "hello", "version": "affect-live/1", "consent": False})
        client.say({"type": "text", "start": 0, "end": 0, "text": "x"})
        assert closed(client)[1].startswith("text before consent")


def test_pages_of_others_and_missing_tokens_are_turned_away(encoders: Encoders, tmp_path: Path) -> None:
    with (
        serving(Stage(encoders, tmp_path)) as host,
        Client(host, consent=False, origin="https://example.org") as client,
    ):  # pyright: ignore[reportArgumentType]
        code, reason = closed(client)
        assert code == 1008 and "a page of https://example.org" in reason
    with serving(Stage(encoders, tmp_path), token="secret") as host:
        with Client(host, consent=False) as client:
            assert closed(client)[0] == 1008
        with Client(host, token="secret") as client:
            client.wait(lambda m: m["type"] == "welcome")


def test_more_than_it_can_do_is_refused(host: str) -> None:
    with Client(host) as client:
        picture = HEAD.pack(PICTURE, 0, 0.0) + jpeg(np.zeros((48, 64, 3), np.uint8))
        try:
            for _ in range(400):
                client.say(picture)
        except ConnectionClosed:
            pass
        code, reason = closed(client)
        assert code == 1003 and "pictures a second" in reason
    pages = [Client(host) for _ in range(PAGES)]
    try:
        for page in pages:
            page.wait(lambda m: m["type"] == "welcome")
        with Client(host, consent=False) as one_more:
            code, reason = closed(one_more)
            assert code == 1008 and "close one" in reason
    finally:
        for page in pages:
            page.close()


def test_a_hundred_rapid_reconnects_leave_nothing(
    host: str, stage: Stage, frames: list[tuple[float, np.ndarray]]
) -> None:
    before = threading.active_count()
    for k in range(100):
        with Client(host) as client:
            if k % 3 == 0:
                client.picture(frames[0][1], 0.0)
            if k % 5 == 0:
                client.wait(lambda m: m["type"] == "welcome")
    end = time.monotonic() + 15
    while time.monotonic() < end and (stage._runs or threading.active_count() > before + 12):
        time.sleep(0.05)
    assert not stage._runs
    assert threading.active_count() <= before + 12  # asyncio keeps some for to_thread
    with Client(host) as client:
        client.wait(lambda m: m["type"] == "state")


def test_two_tabs_know_nothing_of_each_other(host: str) -> None:
    with Client(host) as one, Client(host) as other:
        time.sleep(0.2)
        one.say({"type": "text", "start": 0.0, "end": one.now(), "text": "I am so happy!"})
        one.wait(lambda m: m["type"] == "state" and "text" in m["state"]["modalities"])
        for _ in range(4):
            assert other.wait(lambda m: m["type"] == "state")["state"]["modalities"] == {}


def test_an_encoder_that_raises_is_said_and_the_server_lives(
    encoders: Encoders, tmp_path: Path, frames: list[tuple[float, np.ndarray]]
) -> None:
    class Raising(FaceEncoder):
        def observe(self, state: Any, chunk: Any) -> Any:
            raise MemoryError("on purpose")

    broken = replace(encoders, face=object.__new__(Raising))
    with serving(Stage(broken, tmp_path)) as host, Client(host) as client:
        levels, told = [], {}
        for _, image in frames[:5]:
            client.picture(image, client.now())
            told = client.wait(lambda m: m["type"] == "notice")
            levels.append(told["level"])
        assert "on purpose" in told["text"] and levels == ["warning"] * 4 + ["error"]
        client.wait(lambda m: m["type"] == "state")


def test_a_film_is_played_for_all_who_watch(encoders: Encoders, tmp_path: Path) -> None:
    stage = Stage(encoders, tmp_path, source=Film(FILM, WORDS))
    with serving(stage) as host, Client(host) as one, Client(host) as other:
        assert one.wait(lambda m: m["type"] == "welcome")["source"] == {"kind": "file", "name": "six_emotions.mp4"}
        told = one.wait(lambda m: m["type"] == "state" and m["frame"] is not None and m["faces"])
        other.wait(lambda m: m["type"] == "state" and m["frame"] == told["frame"])
        shown = [m for m in one.heard if isinstance(m, bytes)]
        assert shown and HEAD.unpack_from(shown[0])[0] == PICTURE
        one.picture(np.zeros((48, 64, 3), np.uint8), 0.0)
        assert "a camera of its own" in closed(one)[1]
        other.wait(lambda m: m["type"] == "words")


def test_the_page_and_the_schema_are_served_and_nothing_else(host: str) -> None:
    import urllib.error
    import urllib.request

    def get(path: str, **headers: str) -> tuple[int, str, Any]:
        try:
            with urllib.request.urlopen(
                urllib.request.Request(f"http://{host}{path}", headers=headers), timeout=10
            ) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers

    status, page, headers = get("/")
    assert status == 200 and "<title>affectstream live" in page
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert json.loads(get("/schema/affect-state-1.json")[1]) == AffectState.schema_page()
    assert "uPlot" in get("/static/vendor/uPlot.js")[1]
    for path in ("/static/../server.py", "/static/%2e%2e/server.py", "/static/vendor/..%2f__init__.py", "/etc/passwd"):
        assert get(path)[0] == 404
    assert get("/", Host="example.org")[0] == 403


def test_a_socket_elsewhere_is_none(host: str) -> None:
    from websockets.sync.client import connect

    with pytest.raises(InvalidStatus), connect(f"ws://{host}/other"):
        pass
