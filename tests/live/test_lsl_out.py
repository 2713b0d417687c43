"""The state over LSL, read back on loopback."""

import subprocess
import sys
import time
import uuid
from typing import Any

import numpy as np
import pytest

from affectstream.multimodal.agent.state import AffectState, Happening, Tracker
from affectstream.multimodal.live.lsl_out import CHANNELS, StateOutlet


def inlet(api: Any, called: str) -> Any:
    (found,) = api.resolve_streams(5.0, name=called)
    opened = api.StreamInlet(found)
    opened.open_stream(5.0)
    return opened


def pulled(inlet: Any, count: int) -> tuple[list[Any], list[float]]:
    values: list[Any] = []
    stamps: list[float] = []
    deadline = time.monotonic() + 5
    while len(stamps) < count and time.monotonic() < deadline:
        data, at = inlet.pull_chunk(0.2)
        values += list(data)
        stamps += list(at)
    return values, stamps


def states() -> list[AffectState]:
    tracker = Tracker()
    made = []
    for time_of in (0.5, 1.0, 2.25):
        tracker.tick(time_of)
        rough = tracker.state(time_of).model_dump(by_alias=True)
        rough["vad"] = {"valence": time_of / 4, "arousal": -0.25, "dominance": 1.0}
        made.append(AffectState.model_validate(rough))
    return made


def test_values_stamps_and_words_arrive_as_they_were_sent(lsl_api: Any) -> None:
    called = f"state {uuid.uuid4()}"
    opened = time.monotonic() - 100.0
    onset = Happening(
        kind="onset", time=0.75, found=1.0, dimension="valence", direction=-1, magnitude=0.4, p=0.9, sources=[]
    )
    discord = onset.model_copy(update={"kind": "discord", "direction": 0, "sources": ["face", "text"], "time": 2.0})
    with StateOutlet(called, opened=opened, source_id=called) as outlet:
        zero = lsl_api.local_clock() - (time.monotonic() - opened)
        values, events = inlet(lsl_api, called), inlet(lsl_api, f"{called} events")
        about = values.get_sinfo(5.0)
        assert (about.stype, about.sfreq, about.dtype, about.n_channels) == ("Affect", 0.0, np.float32, 7)
        assert about.get_channel_names() == list(CHANNELS) and about.get_channel_units()[0] == "-1 to 1"
        assert CHANNELS[:3] == ("valence", "arousal", "dominance") and CHANNELS[6] == "confidence"
        assert events.get_sinfo(5.0).stype == "Markers"
        one, two, three = states()
        outlet.push(one)
        outlet.push(two, [onset])
        outlet.push(three, [discord])
        got, stamps = pulled(values, 3)
        words, moments = pulled(events, 2)
    expected = [[*dict(state.vad).values(), *dict(state.sd).values(), state.confidence] for state in (one, two, three)]
    np.testing.assert_allclose(got, np.array(expected, np.float32), atol=0)
    np.testing.assert_allclose(np.subtract(stamps, stamps[0]), [0.0, 0.5, 1.75], atol=1e-6)
    assert stamps[0] == pytest.approx(zero + 0.5, abs=1e-3)  # the two clocks are read one after the other
    assert [str(*np.ravel(word)) for word in words] == ["onset valence -1", "discord valence face>text"]
    np.testing.assert_allclose(np.subtract(moments, stamps[0]), [0.25, 1.5], atol=1e-6)
    outlet.push(one)  # after the end nothing happens
    assert not lsl_api.resolve_streams(0.5, name=called)


def test_without_mne_lsl_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['mne_lsl'] = None; from affectstream.multimodal.live.lsl_out import StateOutlet; "
        "from affectstream.multimodal.types import SignalError\n"
        "try: StateOutlet(opened=0.0)\nexcept SignalError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], check=False, capture_output=True, text=True)
    assert "pip install 'affectstream[live]'" in done.stdout, done.stderr
