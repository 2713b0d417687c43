"""Voices through ``score``: what a person's recordings look like, and what is wrong with some of them."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from affectstream.multimodal.cli import main
from affectstream.multimodal.score import Encoders, Result, open_encoders, score
from affectstream.multimodal.signals import read_audio
from affectstream.multimodal.types import SignalError, Trace

EXAMPLES = Path(__file__).parents[2] / "examples"
DEMO = EXAMPLES / "six_emotions.mp4"
RATE = 16000


@pytest.fixture(scope="module")
def hearing() -> Encoders:
    return open_encoders(("speech",))


@pytest.fixture(scope="module")
def voice() -> NDArray[np.float32]:
    return np.concatenate([chunk.data for chunk in read_audio(DEMO)])[: 6 * RATE]


@pytest.fixture(scope="module")
def plain(hearing: Encoders, voice: NDArray[np.float32], tmp_path_factory: pytest.TempPathFactory) -> Trace:
    path = tmp_path_factory.mktemp("plain") / "voice.wav"
    soundfile.write(path, voice, RATE, subtype="FLOAT")
    return score(path, encoders=hearing).traces["speech"]


def acted(result: Result, dimension: int) -> dict[str, float]:
    """The mean of one dimension of the voice over each part of the demo, by the emotion acted."""
    trace = result.traces["speech"]
    out = {}
    for part in json.loads(DEMO.with_suffix(".timeline.json").read_text()):
        end = trace.time + trace.span / 2
        inside = (end > part["start"] + 0.8) & (end <= part["end"] + 0.2) & trace.observed
        out[part["acted"]] = float(trace.mean[inside, dimension].mean())
    return out


def test_anger_and_fear_sound_more_aroused_than_sadness_and_neutral(hearing: Encoders) -> None:
    arousal = acted(score(DEMO, encoders=hearing), 1)
    assert min(arousal["anger"], arousal["fear"]) > max(arousal["sadness"], arousal["neutral"])


def test_fused_and_state_hear_the_voice(hearing: Encoders) -> None:
    result = score(DEMO, encoders=hearing)
    speech, fused = result.traces["speech"], result.traces["fused"]
    assert "speech" not in result.missing
    assert speech.observed.mean() > 0.9
    assert (fused.mean[fused.quality > 0.9, 1] > 0.1).mean() > 0.9  # all but the prior comes from the voice
    assert set(result.weights) == {"speech-emodb", "whisper-base-3"}


def test_a_smile_over_an_angry_voice_is_discord_and_the_same_in_one_mood_is_not() -> None:
    path = EXAMPLES / "smile_angry_voice.mp4"
    encoders = open_encoders(("face", "speech"))
    found = [e for e in score(path, encoders=encoders).events if e.kind == "discord"]
    assert found and {source.partition("/")[0] for source in found[0].sources} == {"face", "speech"}
    demo = score(DEMO, encoders=encoders)
    anger = next(p for p in json.loads(DEMO.with_suffix(".timeline.json").read_text()) if p["acted"] == "anger")
    assert not [e for e in demo.events if e.kind == "discord" and anger["start"] + 1 < e.found < anger["end"]]


@pytest.mark.parametrize("ending", ["flac", "mp3", "ogg"])
def test_every_kind_of_sound_file(
    ending: str, hearing: Encoders, voice: NDArray[np.float32], plain: Trace, tmp_path: Path
) -> None:
    path = tmp_path / f"call.{ending}"
    soundfile.write(path, voice, RATE)
    trace = score(path, encoders=hearing).traces["speech"]
    both = slice(2, min(len(trace), len(plain)) - 1)
    assert abs(len(trace) - len(plain)) <= 1
    assert np.nanmean(abs(trace.mean[both] - plain.mean[both])) < 0.12


def test_m4a(hearing: Encoders, voice: NDArray[np.float32], tmp_path: Path) -> None:
    path = tmp_path / "call.m4a"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(voice[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    assert score(path, encoders=hearing).traces["speech"].observed.mean() > 0.8


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (96000, 1), (48000, 8), (44100, 2)])
def test_any_rate_and_number_of_channels(
    rate: int, channels: int, hearing: Encoders, voice: NDArray[np.float32], plain: Trace, tmp_path: Path
) -> None:
    path = tmp_path / "call.wav"
    samples = resample_poly(voice, rate // 100, RATE // 100)
    soundfile.write(path, np.tile(samples[:, None], (1, channels)), rate, subtype="PCM_24")
    trace = score(path, encoders=hearing).traces["speech"]
    assert abs(len(trace) - len(plain)) <= 1
    shared = min(len(trace), len(plain)) - 1
    limit = 0.35 if rate == 8000 else 0.06  # half the band is gone
    assert np.nanmean(abs(trace.mean[:shared] - plain.mean[:shared])) < limit


def test_nan_samples_and_offset(hearing: Encoders, voice: NDArray[np.float32], plain: Trace, tmp_path: Path) -> None:
    broken = voice + np.float32(0.1)
    broken[RATE : RATE + 300] = np.nan
    soundfile.write(tmp_path / "broken.wav", broken, RATE, subtype="FLOAT")
    trace = score(tmp_path / "broken.wav", encoders=hearing).traces["speech"]
    assert len(trace) == len(plain)
    later = slice(9, None)  # windows that do not hold the gap
    assert np.nanmean(abs(trace.mean[later] - plain.mean[later])) < 0.08


def test_silence_is_nothing_and_ten_milliseconds_are_too_short(hearing: Encoders, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(3 * RATE), RATE)
    result = score(tmp_path / "silence.wav", encoders=hearing)
    assert result.missing["speech"] == "no voice was heard"
    assert not result.traces["speech"].observed.any()
    np.testing.assert_allclose(result.traces["state"].sd, 0.45)
    soundfile.write(tmp_path / "click.wav", np.zeros(160), RATE)
    with pytest.raises(SignalError, match="speech: no voice was heard"):
        score(tmp_path / "click.wav", encoders=hearing)


def test_no_sound_and_no_recogniser_are_lines_of_the_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with av.open(str(tmp_path / "mute.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(5):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((120, 160, 3), np.uint8), format="rgb24")))
        out.mux(stream.encode())
    monkeypatch.setattr("affectstream.multimodal.score.open_transcriber", lambda folder: None)
    assert main(["score", str(tmp_path / "mute.mp4"), "--out", str(tmp_path)]) == 0
    missing = json.loads((tmp_path / "mute.summary.json").read_text())["missing"]
    assert missing["speech"] == "the file has no audio track"
    assert "no text track and no sound" in missing["text"]
    result = score(DEMO, modalities=("text", "speech"))
    assert "pip install 'affectstream[words]'" in result.missing["text"]


def test_a_sound_track_that_cannot_be_decoded_does_not_take_the_faces_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path, **_: object) -> None:
        raise SignalError(f"{path}: none of its audio could be decoded")

    monkeypatch.setattr("affectstream.multimodal.score.read_audio", broken)
    result = score(EXAMPLES / "smile_angry_voice.mp4", modalities=("face", "speech"))
    assert result.traces["face/0"].observed.any() and "speech" not in result.traces
    assert "could be decoded" in result.missing["speech"]


def test_a_folder_of_calls(hearing: Encoders, voice: NDArray[np.float32], tmp_path: Path) -> None:
    for name in ("a.wav", "b.flac"):
        soundfile.write(tmp_path / name, voice[: 2 * RATE], RATE)
    assert main(["score", str(tmp_path), "--modalities", "speech", "--out", str(tmp_path / "out")]) == 0
    assert {p.stem for p in (tmp_path / "out").glob("*.parquet")} == {"a", "b"}


@pytest.mark.slow
def test_three_hours_need_no_more_memory_than_a_minute(tmp_path: Path, voice: NDArray[np.float32]) -> None:
    """Peak memory of a process that scores each, in 100 MB.

    Not ru_maxrss, which on Linux begins with the peak of the process that started it.
    """
    import subprocess
    import sys

    if not Path("/proc/self/status").exists():
        pytest.skip("the peak memory of a process is read from /proc")
    program = (
        "import re, sys; from pathlib import Path; from affectstream.multimodal.score import score;"
        "score(sys.argv[1], modalities=('speech',));"
        "print(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    peaks = []
    for minutes in (1, 180):
        path = tmp_path / f"{minutes}.wav"
        with soundfile.SoundFile(path, "w", RATE, 1) as file:
            for _ in range(minutes * 10):
                file.write(voice)  # 6 s
        done = subprocess.run(
            [sys.executable, "-P", "-c", program, str(path)], check=True, capture_output=True, text=True
        )
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 100_000  # kB
