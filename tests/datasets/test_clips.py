"""EmoDB and nEMO read from files named and coded as the corpora ship them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from affectstream.datasets.clips import read_clip
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


@pytest.mark.parametrize("corpus", [EmoDB, Nemo])
def test_another_folder_is_refused(corpus: type[EmoDB | Nemo], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no recordings in .*; wanted"):
        corpus(tmp_path)
    write(tmp_path / "hello.wav")
    with pytest.raises(ValueError, match="wanted names such as"):
        corpus(tmp_path)


def test_clips_are_mixed_and_resampled(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", 48000, channels=2)
    samples = read_clip(tmp_path / "a.wav")
    spectrum = abs(np.fft.rfft(samples))
    assert samples.dtype == np.float32
    assert spectrum.argmax() * 16000 / len(samples) == pytest.approx(440, abs=2)
    assert abs(samples[2000:6000]).max() == pytest.approx(0.5, abs=0.01)


def test_the_real_corpora(shared_data: Path) -> None:
    german, polish = EmoDB(shared_data / "speech" / "emodb"), Nemo(shared_data / "speech" / "nemo")
    assert (len(german), len(set(german.speaker.tolist())), len(set(german.sentence.tolist()))) == (535, 10, 10)
    assert np.unique(german.emotion, return_counts=True)[1].tolist() == [127, 81, 46, 69, 71, 79, 62]
    assert 0.9 < german.recognised.mean() < 0.95
    assert (len(polish), len(set(polish.speaker.tolist()))) == (794, 9)
    assert abs(german.vad).max() <= 1
