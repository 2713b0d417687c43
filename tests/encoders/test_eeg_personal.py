"""A person's model: what it says of windows, written out; on disk whole or not at all; what it refuses."""

import errno
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from affectstream.encoders.checkpoint import CheckpointError
from affectstream.encoders.eeg.entropy import DEFAULT, RBTRANSFORMER
from affectstream.encoders.eeg.personal import ABOUT, KIND, TENSORS, PersonalModel
from affectstream.encoders.eeg.physiology import READABLE
from affectstream.multimodal.types import SignalError

NAMES = ("F3", "F4", "Cz", "Oz")
BANDS = len(DEFAULT.bands)


def made(seed: int = 0) -> PersonalModel:
    """A model of valence and arousal, none of dominance."""
    rng = np.random.default_rng(seed)
    shape = (len(NAMES), BANDS)
    weights = rng.normal(0, 0.1, (*shape, 3))
    weights[:, :, 2] = 0
    return PersonalModel(
        NAMES,
        json.loads(json.dumps(DEFAULT.contract())),
        rng.normal(-12, 1, shape),
        rng.uniform(0.2, 2, shape),
        weights,
        np.array([0.1, -0.2, 0.0]),
        np.array([0.1, 0.12, np.nan]),
        {"trials": 12},
    )


def test_a_prediction_is_the_linear_map_written_out() -> None:
    model, rng = made(), np.random.default_rng(1)
    names = ("Oz", "Fp1", "F4", "F3")  # in another order, one the model does not know, and without Cz
    entropy, quality = rng.normal(-12, 1, (9, 4, BANDS)), rng.uniform(0, 2 * READABLE, (9, 4))
    mean, variance, sure = model.predict(entropy, quality, names)
    for w in range(9):
        total, heard, weight = model.bias.copy(), 0, 0.0
        for k, name in enumerate(NAMES):
            if name not in names:
                continue
            at = names.index(name)
            weight += quality[w, at]
            if quality[w, at] < READABLE:
                continue
            heard += 1
            for b in range(BANDS):
                total += model.weights[k, b] * (entropy[w, at, b] - model.mean[k, b]) / model.sd[k, b]
        expected = np.where([heard > 0, heard > 0, False], np.clip(total, -1, 1), np.nan)
        np.testing.assert_allclose(mean[w], expected, atol=1e-12)
        np.testing.assert_allclose(variance[w], np.where(np.isnan(expected), np.nan, model.variance))
        assert sure[w] == pytest.approx(weight / len(NAMES))
    assert model.learnt == ("valence", "arousal")


def test_an_unreadable_electrode_counts_as_its_mean_whatever_it_holds() -> None:
    model = made()
    entropy = np.tile(model.mean, (2, 1, 1)) + 0.3
    quality = np.ones((2, 4))
    quality[1, 2] = 0.0
    entropy[1, 2] = np.nan
    mean, _, sure = model.predict(entropy, quality, NAMES)
    gone, _, _ = model.predict(entropy[:, [0, 1, 3]], quality[:, [0, 1, 3]], ("F3", "F4", "Oz"))
    np.testing.assert_allclose(mean[1, :2], gone[0, :2])
    np.testing.assert_allclose(sure, [1, 0.75])
    nothing, _, sure = model.predict(entropy, np.zeros((2, 4)), NAMES)
    assert np.isnan(nothing).all() and (sure == 0).all()


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    model = made()
    model.save(tmp_path / "a.safetensors")
    loaded = PersonalModel.load(tmp_path / "a.safetensors")
    for name in TENSORS:
        np.testing.assert_array_equal(getattr(loaded, name), getattr(model, name))
    assert (loaded.names, loaded.contract, loaded.story) == (model.names, model.contract, model.story)
    loaded.check(NAMES, DEFAULT)


def test_another_definition_and_another_headset_are_refused() -> None:
    model = made()
    model.check(("F3", "Oz"), DEFAULT)
    with pytest.raises(SignalError, match="has 1; wanted at least half of them"):
        model.check(("F3", "Pz", "P3", "P4"), DEFAULT)
    for other in (RBTRANSFORMER, replace(DEFAULT, base="bits"), replace(DEFAULT, reference="recorded")):
        with pytest.raises(SignalError, match="calibrate again"):
            model.check(NAMES, other)


@pytest.mark.parametrize("kind", ["absent", "folder", "text", "empty", "other", "other kind", "cut", "lacking", "odd"])
def test_what_is_no_model_is_one_error_that_names_the_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "mine.safetensors"
    made().save(path)
    tensors, whole = load_file(path), path.read_bytes()
    path.unlink()
    contract = DEFAULT.contract()
    about = {"kind": KIND, "names": NAMES, "contract": contract, "story": {}}
    metadata = {ABOUT: json.dumps(about)}
    match kind:
        case "folder":
            path.mkdir()
        case "text":
            path.write_text("start,end,valence\n" * 20)
        case "empty":
            path.touch()
        case "other":
            save_file(tensors, path)
        case "other kind":
            save_file(tensors, path, {ABOUT: json.dumps(about | {"kind": "their-model/7"})})
        case "cut":
            path.write_bytes(whole[: len(whole) * 2 // 3])
        case "lacking":
            save_file({name: tensors[name] for name in TENSORS[:3]}, path, metadata)
        case "odd":
            save_file(tensors | {"bias": np.zeros(4)}, path, metadata)
    with pytest.raises(CheckpointError, match=r"mine\.safetensors.*wanted a file made by `affectstream calibrate`"):
        PersonalModel.load(path)


@pytest.mark.parametrize("about", ["{", "[1]", '{"names": []}', f'{{"kind": "{KIND}", "names": []}}'])
def test_a_model_whose_words_are_damaged_is_refused_too(tmp_path: Path, about: str) -> None:
    path = tmp_path / "mine.safetensors"
    made().save(path)
    save_file(load_file(path), path, {ABOUT: about})
    with pytest.raises(CheckpointError, match="wanted a file made by"):
        PersonalModel.load(path)


def test_the_same_model_is_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        made().save(tmp_path / f"{name}.safetensors")
    content = (tmp_path / "a.safetensors").read_bytes()
    assert content == (tmp_path / "b.safetensors").read_bytes()
    assert PersonalModel.load(tmp_path / "a.safetensors").sha256 == hashlib.sha256(content).hexdigest()


def test_a_full_disk_keeps_the_model_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.safetensors"
    made(1).save(path)
    before = path.read_bytes()
    write = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        write(self, data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        made(2).save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.safetensors"] and path.read_bytes() == before
