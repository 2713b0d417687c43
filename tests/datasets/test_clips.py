"""EmoDB and nEMO read from files named and coded as the corpora ship them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from affectstream.datasets.clips import Clip, Clips, read_clip, recordings, without_copies
from affectstream.datasets.emodb import EMOTIONS, EmoDB
from affectstream.datasets.nemo import Nemo


def write(path: Path, rate: int = 16000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = np.sin(2 * np.pi * 440 * np.arange(rate // 2) / rate)
    soundfile.write(path, np.tile(tone[:, None], (1, channels)) * 0.5, rate)


def test_emodb_is_read_by_its_names(tmp_path: Path) -> None:
    for name in ("16b10Td", "03a01Fa", "03a02Wb"):
        write(tmp_path / "wav" / f"{name}.wav")
    corpus = EmoDB(tmp_path)
    assert [clip.path.stem for clip in corpus.clips] == ["03a01Fa", "03a02Wb", "16b10Td"]
    assert corpus.speaker.tolist() == ["03", "03", "16"]
    assert corpus.sentence.tolist() == ["a01", "a02", "b10"]
    assert corpus.emotion.tolist() == ["happiness", "anger", "sadness"]
    np.testing.assert_array_equal(corpus.share, np.eye(7)[[EMOTIONS.index(e) for e in corpus.emotion]])
    np.testing.assert_allclose(corpus.vad, [[0.81, 0.51, 0.46], [-0.51, 0.59, 0.25], [-0.63, -0.27, -0.33]], atol=1e-6)
    sample = corpus[0]
    assert sample.subject == "03"
    assert isinstance(sample.signal, np.ndarray)
    assert sample.signal.shape == (8000,)


def test_listeners_share_out_what_they_did_not_recognise(tmp_path: Path) -> None:
    write(tmp_path / "wav16k" / "03a01La.flac")
    (tmp_path / "index.csv").write_text(
        "file,speaker,text,emotion,gender,recog,natural\nwav16k/03a01La.flac,03,a01,boredom,m,88,70\n"
    )
    share = EmoDB(tmp_path).share[0]
    assert share[EMOTIONS.index("boredom")] == pytest.approx(0.88)
    np.testing.assert_allclose(np.delete(share, EMOTIONS.index("boredom")), 0.02, atol=1e-6)


def test_nemo_is_read_by_its_names(tmp_path: Path) -> None:
    write(tmp_path / "samples" / "WR0_surprised_64.wav", 24000)
    corpus = Nemo(tmp_path)
    assert (corpus.speaker[0], corpus.sentence[0], corpus.emotion[0]) == ("WR0", "64", "surprise")
    assert len(corpus[0].signal) == 8000


@pytest.mark.parametrize(("corpus", "own"), [(EmoDB, "03a01Fa.wav"), (Nemo, "WR0_anger_1.wav")])
def test_another_folder_is_refused(corpus: type[EmoDB | Nemo], own: str, tmp_path: Path) -> None:
    write(tmp_path / "hello.wav")
    with pytest.raises(FileNotFoundError, match=f"does not hold {corpus.ABOUT.name}"):
        corpus(tmp_path)
    write(tmp_path / own)
    with pytest.raises(ValueError, match=r"hello.wav is not named .* wanted names such as"):
        corpus(tmp_path)


@pytest.mark.parametrize("line", ["wav/03a01Fa.wav,101", "wav/03a01Fa.wav,", "wav/03a01Fa.wav,nan"])
def test_a_broken_line_of_the_listeners_is_named(line: str, tmp_path: Path) -> None:
    write(tmp_path / "wav" / "03a01Fa.wav")
    (tmp_path / "index.csv").write_text(f"file,recog\n{line}\n")
    with pytest.raises(ValueError, match=r"index.csv, line 2 is .*; wanted file, and recog from 0 to 100"):
        EmoDB(tmp_path)


def test_clips_are_mixed_and_resampled(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", 48000, channels=2)
    samples = read_clip(tmp_path / "a.wav")
    spectrum = abs(np.fft.rfft(samples))
    assert samples.dtype == np.float32
    assert spectrum.argmax() * 16000 / len(samples) == pytest.approx(440, abs=2)
    assert abs(samples[2000:6000]).max() == pytest.approx(0.5, abs=0.01)


def test_clips_are_a_corpus(tmp_path: Path) -> None:
    """Ratings are kept where there are some; else the terms' means, and NaN for an emotion that has none, or no emotion."""
    emotion = ("calm", "sadness", "")
    clips = [Clip(tmp_path / f"{k}.wav", f"s{k}", "one", name) for k, name in enumerate(emotion)]
    corpus = Clips(clips, ("calm", "sadness"), part=["train", "val", ""])
    np.testing.assert_array_equal(corpus.share, [[1, 0], [0, 1], [np.nan, np.nan]])
    np.testing.assert_allclose(corpus.vad, [[np.nan] * 3, [-0.63, -0.27, -0.33], [np.nan] * 3], atol=1e-6)
    assert corpus.vad_derived and corpus.labels == corpus.emotions == ("calm", "sadness")
    assert (corpus.label.tolist(), corpus.part.tolist()) == ([0, 1, -1], ["train", "val", ""])
    assert (corpus.subject.tolist(), corpus.trial.tolist()) == (["s0", "s1", "s2"], ["one"] * 3)
    half = Clips(clips[:1], ("calm", "sadness"), np.array([[0.25, 0.75]]))
    assert np.isnan(half.vad).all() and half.label.tolist() == [0]
    rated = Clips(clips, ("calm", "sadness"), vad=np.array([[0, 0.5, -1], [1, np.nan, 0], [0.1, 0.2, 0.3]]))
    assert not rated.vad_derived and rated.vad[0].tolist() == [0, 0.5, -1] and np.isnan(rated.vad[1, 1])
    with pytest.raises(ValueError, match="a label is 'sadness'; wanted one of calm"):
        Clips(clips, ("calm",))


def cut(path: Path, kept: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])


@pytest.mark.parametrize("ending", ["wav", "aiff", "flac"])
@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_recording_that_was_cut_is_refused(ending: str, kept: float, tmp_path: Path) -> None:
    """soundfile reads half a WAV as if it were a whole one."""
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 8000), 16000)
    whole = read_clip(path)
    assert len(whole) == 8000
    cut(path, kept)
    if ending == "wav":
        assert len(soundfile.read(path)[0]) < 8000
    with pytest.raises(ValueError, match=rf"a.{ending} is (cut short: \d+ of 8\d+|no whole sound file).*copy it again"):
        read_clip(path)


def test_a_wav_that_was_written_to_a_pipe_is_read(tmp_path: Path) -> None:
    """Its header says no length."""
    write(tmp_path / "a.wav")
    data = bytearray((tmp_path / "a.wav").read_bytes())
    at = data.index(b"data") + 4
    data[4:8] = data[at : at + 4] = b"\xff" * 4
    (tmp_path / "b.wav").write_bytes(data)
    np.testing.assert_array_equal(read_clip(tmp_path / "b.wav"), read_clip(tmp_path / "a.wav"))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no whole sound file"),
        (b"no such thing" * 9, "no whole sound file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "pointer of Git LFS.*run git lfs pull"),
    ],
)
@pytest.mark.parametrize("name", ["a.wav", "a.flv"])
def test_what_is_no_recording_is_refused(data: bytes, why: str, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    if name == "a.flv":
        why = why.replace("sound file", "video with sound")
    with pytest.raises(ValueError, match=f"{name} .*{why}.*copy it again"):
        read_clip(tmp_path / name)


def test_silence_of_no_length_and_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.empty(0), 16000)
    with pytest.raises(ValueError, match=r"a.wav holds no samples"):
        read_clip(tmp_path / "a.wav")
    soundfile.write(tmp_path / "b.wav", np.array([0.0, np.nan]), 16000, subtype="FLOAT")
    with pytest.raises(ValueError, match=r"b.wav holds samples that are no numbers"):
        read_clip(tmp_path / "b.wav")
    with pytest.raises(FileNotFoundError, match=r"c.wav is missing"):
        read_clip(tmp_path / "c.wav")


def test_the_same_recording_twice_is_one(tmp_path: Path) -> None:
    for folder in ("x", "x/x"):
        write(tmp_path / folder / "a.wav")
    write(tmp_path / "x" / "._a.wav")  # what macOS puts beside a file
    found = recordings(tmp_path, "")
    assert len(found) == 2
    assert without_copies(found, lambda p: p.stem) == [tmp_path / "x" / "a.wav"]
    write(tmp_path / "y" / "a.wav", 8000)
    with pytest.raises(ValueError, match=r"x/a.wav and .*y/a.wav are one recording by name, but differ"):
        without_copies(recordings(tmp_path, ""), lambda p: p.stem)


def test_the_real_corpora(shared_data: Path) -> None:
    german, polish = EmoDB(shared_data / "speech" / "emodb"), Nemo(shared_data / "speech" / "nemo")
    assert (len(german), len(set(german.speaker.tolist())), len(set(german.sentence.tolist()))) == (535, 10, 10)
    assert np.unique(german.emotion, return_counts=True)[1].tolist() == [127, 81, 46, 69, 71, 79, 62]
    assert 0.9 < german.recognised.mean() < 0.95
    assert (len(polish), len(set(polish.speaker.tolist()))) == (794, 9)
    assert abs(german.vad).max() <= 1
