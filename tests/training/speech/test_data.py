"""Speech by preset: runs of two steps on generated corpora, what is drawn, what is shipped, and wrong calls."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from affectstream.datasets.emodb import EmoDB
from affectstream.datasets.labelled_files import LabelledFiles
from affectstream.encoders.checkpoint import load
from affectstream.encoders.speech.backbone import WhisperBackbone
from affectstream.encoders.speech.encoder import SpeechEncoder, contract
from affectstream.encoders.speech.network import Shape, SpeechNetwork
from affectstream.multimodal.cli import main
from affectstream.multimodal.training.asked import Asked
from affectstream.multimodal.training.module import AffectModule
from affectstream.multimodal.training.speech import prepared
from affectstream.multimodal.training.speech.alignment import AlignedSpeech
from affectstream.multimodal.training.speech.data import SpeechData
from affectstream.multimodal.training.speech.folds import RECIPES
from affectstream.multimodal.training.speech.member import shape_of
from affectstream.multimodal.types import Chunk

_spec = importlib.util.spec_from_file_location(
    "speech_files", Path(__file__).parents[2] / "datasets" / "speech_files.py"
)
assert _spec is not None and _spec.loader is not None
speech_files: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(speech_files)

EMODB = "speech/physioser_emodb.yaml"
SHORT = ("--trainer.limit_train_batches", "2", "--trainer.max_epochs", "1", "--trainer.accelerator", "cpu")


@pytest.fixture(autouse=True, scope="module")
def buzz_is_voice() -> Iterator[None]:
    """Generated sounds are no speech; here all of them counts as such."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepared, "presence_of", lambda samples: np.ones(len(samples) // 320, np.float32))
        yield


@pytest.fixture(scope="module")
def emodb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("emodb")
    speech_files.write_emodb(folder, np.random.default_rng(0))
    return folder


def call(root: Path, out: Path, *more: str, config: str = EMODB, verb: str = "fit") -> int:
    return main([verb, "--config", config, "--data.root", str(root), "--out", str(out), *SHORT, *more])


@pytest.fixture(scope="module")
def run(emodb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    assert call(emodb, out, "--folds", "0", "1", "--data.copies", "1", "--data.batch", "8") == 0
    return out


def read(emodb: Path, run: Path, **settings: Any) -> SpeechData:
    """The data of ``run``, whose frames are there already."""
    data = SpeechData(EmoDB, emodb, copies=1, batch=8, parts_to_choose_by=0, **settings)
    data.read(run / "features")
    data.choose(data.folds()[0])
    return data


def test_two_steps_of_emodb(run: Path, emodb: Path) -> None:
    found = json.loads((run / "results.json").read_text())
    assert found["folds"] == {"done": [0, 1], "of": 4} and found["samples"] == 14 and not found["data"]["leaky"]
    assert found["data"]["learnt"] == "labels, vad_derived" and found["data"]["backbone"] == "whisper-base-3"
    assert set(found["classes"]["figures"]) == {"network", "majority", "nearest_neighbour", "coin_flips"}
    assert np.isfinite(found["numbers"]["figures"]["network"]["ccc"]).all()
    # Statistics are those of the other speakers' frames, and of no copy.
    data = read(emodb, run)
    plain = data.samples.sets[0]
    assert set(data.groups.subject[data.index("test")].tolist()) == {"03"}
    frames = [plain.states[plain.offset[k] : plain.offset[k + 1]] for k in range(28) if data.groups.subject[k] != "03"]
    weights = load_file(run / "fold-00" / "weights.safetensors")
    mean = torch.from_numpy(np.concatenate(frames).astype(np.float64).mean(0)).float()
    torch.testing.assert_close(weights["network.state_mean"], mean, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("preset", "of", "samples"), [("ravdess", 2, 16), ("iemocap", 5, 24)])
def test_two_steps_of_the_other_presets(preset: str, of: int, samples: int, tmp_path: Path) -> None:
    getattr(speech_files, f"write_{preset}")(tmp_path / preset, np.random.default_rng(0))
    more = ["--folds", "0", "--data.copies", "0", "--data.workers", "0"]
    more += ["--data.parts", "2"] if preset == "ravdess" else ["--data.split", "leave_one_session_out"]
    assert call(tmp_path / preset, tmp_path / "out", *more, config=f"speech/physioser_{preset}.yaml") == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert found["folds"] == {"done": [0], "of": of} and found["samples"] == samples
    assert found["subjects"] == 2 and found["classes"]["samples"] <= samples
    assert found["data"]["learnt"] == ("labels, vad" if preset == "iemocap" else "labels, vad_derived")


def test_presets_are_the_recipe_of_the_card() -> None:
    recipe = RECIPES["both"]
    for preset, labels in (("emodb", 7), ("ravdess", 8), ("iemocap", 4)):
        config = f"speech/physioser_{preset}.yaml"
        asked = Asked("fit", "", ["--config", config, "--data.root", "x", "--out", "y"])
        module = asked.module()
        network = module.network
        assert isinstance(network, AlignedSpeech)
        assert network.network.shape == shape_of(recipe, labels, (3, 512))
        got = [network.branches, network.contrast, network.temperature, network.taught, network.states]
        assert got == [recipe.branches, recipe.contrast, recipe.temperature, recipe.taught, (3, 512)]
        assert network.lessons is not None and network.lessons.basis.shape[1] == recipe.lessons
        data = asked.data
        assert isinstance(data, SpeechData)
        assert (data.batch, data.plain, data.rare, data.length) == (
            recipe.batch, recipe.plain, recipe.balance, recipe.length,
        )  # fmt: skip
        assert module.weight_decay == recipe.decay and module.lr == recipe.rate
        quick, slow = module._groups()  # by their distance from the head
        assert [group["lr"] for group in (quick, slow)] == [recipe.rate, recipe.rate * recipe.plain_rate]
        plain = list(network.network.voice_plain.parameters())
        assert {id(p) for p in slow["params"]} == {id(p) for p in plain}


def test_what_is_drawn_follows_from_seed_epoch_and_sample(emodb: Path, run: Path) -> None:
    data = read(emodb, run, seed=3)
    samples = data.samples
    some, other = samples.batch(np.array([5, 9, 2]), 4), samples.batch(np.array([9, 11]), 4)
    for name, value in some.inputs.items():
        torch.testing.assert_close(value[1], other.inputs[name][0], atol=0, rtol=0)
    seen = {samples.inputs(np.array([9]), epoch)["quartets"].numpy().tobytes() for epoch in range(8)}
    assert len(seen) > 1, "copies vary"
    lonely = [samples.batch(np.array([9]), epoch) for epoch in range(8)]
    assert {len(batch.vad) for batch in lonely} == {2}, "batch normalisation wants two"
    assert any(not torch.equal(*batch.inputs["quartets"]) for batch in lonely), "that differ"
    assert len(samples.batch(np.array([9]), None).vad) == 1
    # Drawn stretches are in one of the copies, end with their window, and begin after silence.
    for epoch in range(6):
        window = samples.inputs(np.array([9]), epoch)
        length = int((window["presence"][0] > 0).sum())
        stretch = window["quartets"][0, :, :, 100 - length :].permute(2, 0, 1).numpy()
        assert not window["quartets"][0, :, :, : 100 - length].any()
        rows = [part.quartets[part.offset[9] : part.offset[10]] for part in samples.sets]
        places = [(c, k) for c, row in enumerate(rows) for k in range(len(row) - length + 1)]
        assert any(np.array_equal(rows[c][k : k + length], stretch) for c, k in places)


def test_what_is_tested_is_the_middle_whoever_is_beside(emodb: Path, run: Path) -> None:
    data = read(emodb, run, longest=12)
    part = data.samples.sets[0]
    window = data.samples.inputs(np.array([3, 8]), None)
    for row, k in enumerate((3, 8)):
        middle = part.quartets[part.offset[k] + 1 : part.offset[k] + 13]  # of fifteen frames
        np.testing.assert_array_equal(window["quartets"][row].permute(2, 0, 1), middle)
    network = SpeechNetwork(Shape(7)).eval()
    together = network(**data.samples.inputs(np.array([3, 8]), None))
    alone = network(**data.samples.inputs(np.array([8]), None))
    torch.testing.assert_close(together.mean[1], alone.mean[0], atol=1e-5, rtol=1e-5)


def test_a_run_that_breaks_off_in_mid_epoch_comes_to_the_same(
    emodb: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ("--folds", "0", "--data.copies", "1", "--data.batch", "4", "--trainer.limit_train_batches", "4",
            "--trainer.max_epochs", "2", "--save_every", "0")  # fmt: skip
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "features").symlink_to(run / "features")
    assert call(emodb, tmp_path / "whole", *more) == 0
    step, left = AffectModule.training_step, [7]

    def breaks(self: AffectModule, batch: Any, k: int) -> torch.Tensor:
        left[0] -= 1
        if not left[0]:
            raise MemoryError("killed")
        return step(self, batch, k)

    monkeypatch.setattr(AffectModule, "training_step", breaks)
    with pytest.raises(MemoryError):
        call(emodb, tmp_path / "broken", *more)
    assert (tmp_path / "broken" / "fold-00" / "last.ckpt").exists()
    assert call(emodb, tmp_path / "broken", *more) == 0
    ours, theirs = (load_file(tmp_path / n / "fold-00" / "weights.safetensors") for n in ("broken", "whole"))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_is_exported_is_what_scoring_runs(run: Path, emodb: Path, tmp_path: Path) -> None:
    place = tmp_path / "mine.onnx"
    assert main(["export", "--out", str(run), "--to", str(place)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"mine.onnx", "mine.safetensors", "mine.json"}
    weights = load_file(run / "fold-00" / "weights.safetensors")
    shipped = load_file(place.with_suffix(".safetensors"))
    assert {f"network.{name}" for name in shipped} == {name for name in weights if name.startswith("network.")}
    network = SpeechNetwork(Shape(7)).eval()
    network.load_state_dict(shipped)
    backbone = WhisperBackbone.load()
    encoder = SpeechEncoder(load(place, contract=contract(backbone)), backbone)
    samples = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    state, _ = encoder.observe(encoder.initial(), Chunk("speech", 0.0, 16000.0, samples))
    assert state.frames is not None and state.frames.states is not None
    presence = np.r_[np.zeros(100 - 40), np.ones(40)].astype(np.float32)
    got = encoder.judge(state.frames, presence)
    inputs = [np.zeros((1, 8, 40, 100), np.float32), presence[None], np.zeros((1, 100, 3, 512), np.float32)]
    inputs[0][..., 60:] = state.frames.quartets.transpose(1, 2, 0)
    inputs[2][:, 60:] = state.frames.states
    with torch.inference_mode():
        wanted = network(*map(torch.from_numpy, inputs))
    np.testing.assert_allclose(got["mean"], wanted.mean, atol=1e-4)


def test_a_voice_alone_and_ones_own_recordings(emodb: Path, run: Path, tmp_path: Path) -> None:
    """Ratings of a table of one's own files, learnt without a backbone."""
    speech_files.write_labelled_files(tmp_path / "mine", np.random.default_rng(0))
    words = ["--data.corpus", "affectstream.datasets.labelled_files.LabelledFiles", "--data.learnt", "[vad]"]
    words += [
        "--data.split",
        "official",
        "--data.backbone",
        "false",
        "--data.copies",
        "0",
        "--model.network.taught",
        "0",
    ]
    words += ["--model.network.shape.states", "0", "--model.network.shape.labels", "0"]
    assert call(tmp_path / "mine", tmp_path / "out", *words) == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert found["samples"] == 24 and "classes" not in found and found["data"]["backbone"] == "none"
    place = tmp_path / "voice.onnx"
    assert main(["export", "--out", str(tmp_path / "out"), "--to", str(place)]) == 0
    card = json.loads(place.with_suffix(".json").read_text())
    assert card["facts"]["contract"]["backbone"] == "none" and card["onnx_difference"] < 1e-4


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--data.length", "99"), "length is 99 frames; wanted a multiple of 4"),
        (("--data.plain", "2"), "plain 2; wanted 0 or more, and a chance"),
        (("--data.learnt", "[marks]"), "a speech network tells labels and vad"),
        (("--model.network.temperature", "0"), "a temperature above 0"),
        (("--model.network.shape.voice", "false", "--model.network.shape.states", "0"), "no voice and no states"),
        (("--model.network.shape.states", "2"), "learns with 2 states of 512 and the data has 3 states of 512"),
        (
            ("--data.backbone", "false", "--data.copies", "0"),
            "3 states of 512 and the data has no states of a backbone",
        ),
        (("--model.network.lessons", "900"), "frames with a voice to find 900 principal components"),
        (("--model.network.shape.labels", "8"), "the network tells 8 classes and the data has 7"),
        (("--data.split", "leave_one_session_out"), "there are 1 sessions; wanted two or more"),
        (("--data.corpus", "affectstream.datasets.nemo.Nemo"), "does not hold nEMO"),
    ],
)
def test_a_wrong_call_is_named(
    words: tuple[str, ...], named: str, emodb: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "features").symlink_to(run / "features")
    assert call(emodb, tmp_path, "--data.copies", "1", *words) == 2
    error = capsys.readouterr().err
    assert error.startswith("affectstream fit: ") and named in error and "Traceback" not in error
    assert not list(tmp_path.glob("fold-*/metrics.csv"))


def test_texts_are_no_sounds(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("text,label\nhello,joy\nbye,sadness\n")
    with pytest.raises(ValueError, match=r"Labelled files in .* is no corpus of sounds"):
        SpeechData(LabelledFiles, tmp_path, ["labels"]).read(tmp_path / "features")
