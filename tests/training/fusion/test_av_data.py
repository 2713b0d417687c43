"""Videos scored by the shipped encoders as data to train on, and the presets of OMG-Empathy and BAH."""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from affectstream.multimodal.cli import main
from affectstream.multimodal.score import open_encoders, score
from affectstream.multimodal.timeline import grid, read_at
from affectstream.multimodal.training.floors import MARKS
from affectstream.multimodal.training.fusion.av_data import Dropout, Stretches
from affectstream.multimodal.training.fusion.av_network import StretchFusion
from affectstream.multimodal.training.fusion.av_scores import HZ, Said, Scorer, on_grid, seen_from, thinned
from affectstream.multimodal.types import Chunk, SignalError

_spec = importlib.util.spec_from_file_location("av_files", Path(__file__).parents[2] / "datasets" / "av_files.py")
assert _spec is not None and _spec.loader is not None
av_files: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(av_files)

CLIP = Path(__file__).parents[3] / "examples" / "smile_angry_voice.mp4"
SHORT = (
    *("--data.batch", "8", "--trainer.limit_train_batches", "2"),
    *("--trainer.max_epochs", "1", "--trainer.accelerator", "cpu"),
)


@pytest.fixture(scope="module")
def omg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OMG-Empathy of three listeners, videos of 0.6 s; one is no video, one is missing."""
    folder = tmp_path_factory.mktemp("omg")
    av_files.write_omg_empathy(folder, np.random.default_rng(0), subjects=3, frames=15)
    (folder / "Training" / "Videos" / "Subject_1_Story_2.mp4").write_text("no video")
    (folder / "Training" / "Videos" / "Subject_2_Story_2.mp4").unlink()
    return folder


@pytest.fixture(scope="module")
def bah(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BAH of two people in each part; the first video is of a real face and voice."""
    folder = tmp_path_factory.mktemp("bah")
    written = av_files.write_bah(folder, np.random.default_rng(0), people=2, questions=2, frames=15)
    shutil.copy(CLIP, folder / "data" / written[0][1])
    return folder


@pytest.fixture(scope="module")
def marked(bah: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("marked")
    assert main(["fit", "--config", "fusion/bah.yaml", "--data.root", str(bah), "--out", str(out), *SHORT]) == 0
    return out


OMG = ("--config", "fusion/omg_empathy.yaml", *SHORT)


@pytest.fixture(scope="module")
def rated(omg: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rated")
    words = ["--data.root", str(omg), "--out", str(out), "--data.parts", "3", "--folds", "0"]
    assert main(["fit", *OMG, *words]) == 0
    return out


def test_two_steps_of_omg_empathy(rated: Path) -> None:
    found = json.loads((rated / "results.json").read_text())
    assert found["data"]["sources"] == ["face, right", "face, left", "speech", "text"] and found["folds"]["of"] == 3
    assert found["data"]["videos"] == 22 and found["samples"] in (14, 16), "two instants each, of 0.6 s"
    valence, arousal, _ = found["numbers"]["figures"]["network"]["rmse"][0]
    assert valence > 0 and arousal is None, "nobody rated arousal"


def test_a_video_that_cannot_be_read_is_named_and_none_is_scored_twice(
    rated: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (rated / "results.json").read_bytes()
    out = json.loads(before)["data"]["left_out"]
    assert len(out) == 2 and "Subject_1_Story_2.mp4" in out[0] and "Subject_2_Story_2.mp4 is missing" in out[1]
    asked: list[str] = []

    def again(self: Scorer, path: Path, transcript: str) -> Said:
        asked.append(path.name)
        raise SignalError(f"{path} is broken")

    monkeypatch.setattr(Scorer, "_score", again)
    assert main(["test", "--out", str(rated)]) == 0
    told = capsys.readouterr().out
    assert asked == ["Subject_1_Story_2.mp4"], "only what could not be read is tried again"
    assert "left out: " in told and "Subject_2_Story_2.mp4 is missing" in told
    assert json.loads((rated / "results.json").read_bytes())["numbers"] == json.loads(before)["numbers"]


def test_the_challenges_own_split_is_there_by_name(
    omg: Path, rated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(rated / "features", tmp_path / "features")
    words = ["--data.root", str(omg), "--out", str(tmp_path), "--data.split"]
    assert main(["fit", *OMG, *words, "official"]) == 2
    assert "subjects, such as 1, are in train and in val" in capsys.readouterr().err
    assert main(["fit", *OMG, *words, "leaky_official"]) == 0
    assert json.loads((tmp_path / "results.json").read_text())["samples"] == 3 * 3 * 2, (
        "three stories, two instants each"
    )


def test_videos_none_of_which_can_be_read_are_no_data(
    bah: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(bah / "data" / "split", tmp_path / "data" / "split")
    (tmp_path / "data" / "Videos" / "1").mkdir(parents=True)
    words = ["--config", "fusion/bah.yaml", "--data.root", str(tmp_path), "--out", str(tmp_path / "out"), *SHORT]
    assert main(["fit", *words]) == 2
    error = capsys.readouterr().err
    assert "none of 12 videos of BAH could be used" in error and "is missing" in error


def test_two_steps_of_bah(marked: Path) -> None:
    found = json.loads((marked / "results.json").read_text())
    assert found["data"]["sources"] == ["face, whole", "speech", "text"] and found["samples"] == 4
    assert set(found["marks"]["figures"]["network"]) == set(MARKS) and "numbers" not in found
    kept = [Said(*np.load(path).values()) for path in (marked / "features").glob("said-*.npz")]
    heard = np.array([(said.presence > 0).any(0) for said in kept])
    assert len(kept) == 12 and heard[:, 2].all(), "the transcript is of every video"
    assert heard[:, 0].sum() == heard[:, 1].sum() == 1, "one has a face and a voice, the others are noise"


def test_a_network_of_recordings_is_exported(marked: Path) -> None:
    place = marked / "shared" / "bah.onnx"
    assert main(["export", "--out", str(marked), "--to", str(place)]) == 0
    card = json.loads(place.with_suffix(".json").read_text())
    assert card["facts"]["contract"]["steps"] == 240 and card["onnx_difference"] <= 1e-4 and "marks" in card["metrics"]


def test_a_network_of_other_sources_is_refused(
    bah: Path, marked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(marked / "features", tmp_path / "features")
    words = ["--config", "fusion/bah.yaml", "--data.root", str(bah), "--out", str(tmp_path), *SHORT]
    assert main(["fit", *words, "--model.network.sources", "4"]) == 2
    assert "takes 4 sources and the data has 3 (face, whole; speech; text)" in capsys.readouterr().err
    assert main(["fit", *words, "--data.views", "[left, left]"]) == 2
    assert "each once" in capsys.readouterr().err
    assert main(["fit", *words, "--data.dropout.whole", "0.9"]) == 2
    assert "add up to 1 at most" in capsys.readouterr().err


def test_voice_and_words_are_scored_as_scoring_does(tmp_path: Path) -> None:
    for ending in (".mp4", ".srt"):
        shutil.copy(CLIP.with_suffix(ending), tmp_path / f"clip{ending}")
    said = Scorer(("whole", "left"), tmp_path)(tmp_path / "clip.mp4")
    result = score(CLIP, modalities=("speech", "text"), subtitles=CLIP.with_suffix(".srt"),
                   encoders=open_encoders(("speech", "text")))  # fmt: skip
    times = grid(0.0, result.duration, HZ)
    for m, source in ((2, "speech"), (3, "text")):
        reading = read_at(result.traces[source], times, HZ)
        np.testing.assert_allclose(said.mean[:, m], reading.mean, atol=1e-5)
        np.testing.assert_allclose(np.exp(said.log_var[:, m]), reading.variance, rtol=1e-4)
        np.testing.assert_allclose(said.presence[:, m], reading.quality, atol=1e-5)
    named = said.presence[:, 2] > 0
    np.testing.assert_allclose(said.emotions[named, 2].sum(1), 1, atol=1e-5)
    assert (said.mean[said.presence[:, 0] > 0, 0, 0] > 0.3).all(), "she smiles"


@given(st.lists(st.floats(0, 4), min_size=1, max_size=60), st.integers(1, 9), st.integers(1, 8))
def test_pictures_are_thinned_to_the_first_of_each_slot(times: list[float], size: int, hz: int) -> None:
    times = sorted(times)
    data = np.arange(len(times), dtype=np.uint8)[:, None, None, None].repeat(3, 3)
    cut = [slice(k, k + size) for k in range(0, len(times), size)]
    chunks = [Chunk("face", times[c][0], 25.0, data[c], time=np.array(times[c])) for c in cut]
    wanted, slots = [], set()
    for k, time in enumerate(times):
        if (slot := int(np.floor(time * hz + 1e-6))) not in slots:
            slots.add(slot)
            wanted.append(k)
    got = list(thinned(chunks, float(hz)))
    assert np.concatenate([chunk.data[:, 0, 0, 0] for chunk in got]).tolist() == wanted
    assert np.concatenate([chunk.times for chunk in got]).tolist() == [times[k] for k in wanted]


def test_halves_of_a_picture() -> None:
    picture = np.arange(2 * 5 * 3, dtype=np.uint8).reshape(1, 2, 5, 3)
    chunk = Chunk("face", 0.0, 5.0, picture, time=np.zeros(1))
    assert np.array_equal(seen_from(chunk, "left").data, picture[:, :, :2])
    assert np.array_equal(seen_from(chunk, "right").data, picture[:, :, 2:])
    assert np.array_equal(seen_from(chunk, "whole").data, picture)


def test_ratings_are_averaged_about_each_instant() -> None:
    rng = np.random.default_rng(0)
    time, vad = np.sort(rng.uniform(0, 3, 70)), rng.uniform(-1, 1, (70, 3))
    vad[rng.random((70, 3)) < 0.3] = np.nan
    got = on_grid(time, vad, 5)
    for k in range(5):
        near = (time >= k / HZ - 0.5 / HZ) & (time < k / HZ + 0.5 / HZ)
        np.testing.assert_allclose(got[k], np.nanmean(vad[near], 0), rtol=1e-5)


def stretches(dropout: Dropout, seed: int = 0) -> Stretches:
    """Two videos of 3 and 6 instants and two sources; a sample at each instant, of 4."""
    rng = np.random.default_rng(1)
    presence = rng.uniform(0.1, 1, (9, 2)).astype(np.float32)
    presence[5:, 1] = 0
    numbers = rng.normal(0, 0.3, (9, 2, 12)).astype(np.float32)
    said = Said(numbers[..., :3], numbers[..., 3:6], numbers[..., 6:], presence)
    targets = torch.zeros(9, 3), torch.empty(9, 0), torch.empty(9, 0)
    return Stretches(said, np.repeat([0, 3], [3, 6]), np.arange(9), 4, targets, dropout, seed)


def test_a_stretch_ends_at_its_instant_and_sees_no_other_video() -> None:
    samples = stretches(Dropout())
    inputs = samples.inputs(np.arange(9), None)
    for k in range(9):
        first = 0 if k < 3 else 3
        for step in range(4):
            at = k - 3 + step
            if at < first:
                assert not inputs["presence"][k, step].any()
                continue
            assert np.array_equal(inputs["presence"][k, step], samples.said.presence[at])
            assert np.array_equal(inputs["said_mean"][k, step], samples.said.mean[at])
            assert np.array_equal(inputs["emotions"][k, step], samples.said.emotions[at])


def test_sources_are_dropped_alike_in_an_epoch_and_never_all() -> None:
    samples, index = stretches(Dropout(0.5, 0.5)), np.arange(9)
    whole = samples.inputs(index, None)["presence"]
    seen = [samples.inputs(index, epoch)["presence"] for epoch in range(40)]
    assert torch.equal(seen[3], samples.inputs(index, 3)["presence"])
    assert not torch.equal(seen[3], stretches(Dropout(0.5, 0.5), 1).inputs(index, 3)["presence"])
    every = torch.stack(seen)
    assert (every > 0).any(3).any(2).all(), "what is left of each"
    assert ((every == 0) | (every == whole)).all()
    lost = (every == 0).sum() / every.numel() - (whole == 0).double().mean()
    assert 0.1 < lost < 0.5
    assert torch.equal(stretches(Dropout(0, 0)).inputs(index, 3)["presence"], whole)


def test_what_a_silent_source_holds_reaches_neither_answer_nor_gradient() -> None:
    network = StretchFusion(3, marks=2).eval()
    draw = torch.Generator().manual_seed(0)
    mean, log_var = torch.randn(2, 4, 5, 3, 3, generator=draw)
    emotions, presence = torch.rand(4, 5, 3, 6, generator=draw), torch.rand(4, 5, 3, generator=draw)
    away = torch.rand(4, 5, 3, generator=draw) < 0.5
    presence[away] = 0
    one = network(mean, log_var, emotions, presence)
    spoiled = [part.masked_fill(away[..., None], value) for part, value in
               ((mean, torch.nan), (log_var, torch.inf), (emotions, 7.0))]  # fmt: skip
    other = network(*spoiled, presence)
    torch.testing.assert_close(one.mean, other.mean, rtol=0, atol=0)
    assert one.mean.shape == (4, 3) and other.marks is not None and other.marks.shape == (4, 2) and one.logits is None
    (other.mean.sum() + other.marks.sum() + other.log_var.sum()).backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_how_far_sources_are_apart_is_learnt() -> None:
    """Whether two sources quarrel, which no single one tells: learnt within a few steps."""
    draw = torch.Generator().manual_seed(0)
    face, voice = torch.randint(0, 2, (2, 256), generator=draw) * 1.6 - 0.8
    mean = torch.stack([face, voice], 1)[:, None, :, None].expand(-1, 2, -1, 3)
    quarrel = (face != voice).float()
    inputs = (mean, torch.full_like(mean, -3.0), torch.full((256, 2, 2, 6), torch.nan), torch.ones(256, 2, 2))
    torch.manual_seed(0)
    network = StretchFusion(2, width=8, marks=1, dropout=0.0)
    optimizer, loss = torch.optim.Adam(network.parameters(), 0.02), torch.ones(())
    for _ in range(60):
        marks = network(*inputs).marks
        assert marks is not None
        loss = torch.nn.functional.binary_cross_entropy_with_logits(marks[:, 0], quarrel)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.1
