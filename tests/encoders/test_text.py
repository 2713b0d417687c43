"""The text encoder: what counts as words, what counts as English, and that what runs is what was trained."""

import json
from pathlib import Path

import numpy as np
import pytest

from affectstream.datasets.emobank import EmoBank
from affectstream.encoders.checkpoint import CheckpointError, checkpoint_folder, sha256_of
from affectstream.encoders.int8 import pack, unpack
from affectstream.encoders.text.clean import clean
from affectstream.encoders.text.encoder import LONGEST, NAME, TextEncoder, windows
from affectstream.encoders.text.features import FEATURES, features
from affectstream.encoders.text.language import english
from affectstream.multimodal.types import Chunk, SignalError, Trace


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder.load()


def chunk(utterances: list[str], begin: float = 0.0) -> Chunk:
    time = begin + np.arange(len(utterances), dtype=np.float64) * 2
    return Chunk("text", begin, 0, np.array(utterances), time=time, duration=np.full(len(utterances), 1.5))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("<i>Oh, no!</i>", "Oh, no!"),
        (r"{\an8}Up here", "Up here"),
        ("[music]", ""),
        ("(laughs) Stop it. (sighs heavily)", "Stop it."),
        ("- Who?\n- Me.", "Who? Me."),
        (">> JOHN SMITH: We begin.", "We begin."),
        ("♪ la la la ♪", ""),
        ("It was (and I never say this of anyone) good", "It was (and I never say this of anyone) good"),
        ("Note: 3 < 4 & so on", "Note: 3 < 4 & so on"),
        ("I &lt;3 you", "I <3 you"),
        ("  \t\n", ""),
    ],
)
def test_clean(written: str, said: str) -> None:
    assert clean(written) == said


def test_features_are_named_finite_and_see_spelling() -> None:
    calm, loud, empty = features(["so good", "SOOO good!!!", ""])
    assert len(calm) == len(FEATURES)
    assert np.isfinite([calm, loud, empty]).all()
    for name in ("exclamations", "shouted", "elongated", "capitals"):
        assert loud[FEATURES.index(name)] > calm[FEATURES.index(name)]
    assert features([]).shape == (0, len(FEATURES))


@pytest.mark.parametrize(
    "text", ["Okay.", "No!", "haha", "lol", "What?", "Come on, Ross.", "I love it here.", "!!!", ":-)", "42"]
)
def test_short_english_is_english(text: str) -> None:
    assert english(text) > 0.6


@pytest.mark.parametrize(
    "text",
    [
        "Ich bin heute sehr traurig.",
        "Das war wirklich schrecklich!",
        "Je ne sais pas quoi faire.",
        "C'était vraiment horrible.",
        "Estoy muy contento de verte.",
        "No puedo creer lo que pasó.",
        "Sono molto felice oggi.",
        "È stato un giorno orribile.",
        "Nie wiem, co robić.",
        "Jestem dzisiaj bardzo smutny.",
        "Я очень рад тебя видеть",
        "私はとても嬉しい",
        "我今天很难过",
        "أنا سعيد جدا",
        "Είμαι πολύ χαρούμενος",
    ],
)
def test_other_languages_are_flagged(text: str) -> None:
    assert english(text) < 0.3


def test_the_guard_widens_towards_knowing_nothing(encoder: TextEncoder) -> None:
    ours, theirs = encoder.read("I am so sad about this today."), encoder.read("Ich bin heute sehr traurig darüber.")
    np.testing.assert_allclose(theirs.mean, 0, atol=0.05)
    np.testing.assert_allclose(theirs.variance, encoder.prior_sd**2, rtol=0.05)
    doubtful = encoder.read("Jakob hat Hunger")  # neither clearly English nor clearly not
    alone, _, _ = encoder._network("Jakob hat Hunger", features(["Jakob hat Hunger"]))
    assert (abs(doubtful.mean) < abs(np.tanh(encoder.gain * alone))).all()
    assert theirs.quality < 0.1
    assert ours.quality > 0.9


def test_how_utterances_are_cut_into_chunks_makes_no_difference(encoder: TextEncoder) -> None:
    said = ["I love this!", "", "(laughs)", "Why would you do that to me?", "Fine.", "It was the worst day of my life."]
    _, [whole] = encoder.observe(encoder.initial(), chunk(said))
    state, rows = encoder.initial(), []
    for i, utterance in enumerate(said):
        state, observed = encoder.observe(state, chunk([utterance], 2.0 * i))
        rows += observed
    parts = Trace.join(rows)
    for name in ("time", "mean", "variance", "quality", "span", "embedding"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
    np.testing.assert_allclose(whole.time[:2], [0.75, 2.75])
    assert whole.source == "text"
    assert np.isnan(whole.mean[1:3]).all()
    assert (whole.quality[1:3] == 0).all()


def test_people_who_talk_over_each_other_do_not_turn_time_back(encoder: TextEncoder) -> None:
    both = Chunk("text", 0, 0, np.array(["Listen.", "No."]), time=np.array([0.0, 1.0]), duration=np.array([10.0, 1.0]))
    state, [row] = encoder.observe(encoder.initial(), both)
    assert row.time.tolist() == [5.0, 5.0]
    assert state.until == 5.0
    assert encoder.observe(state, chunk([]))[1] == []


def test_the_sign_of_words(encoder: TextEncoder) -> None:
    good, bad = (
        encoder.read("This is the happiest day of my life, I love you all!"),
        encoder.read("He was brutally murdered."),
    )
    assert good.mean[0] > 0.2 > -0.2 > bad.mean[0]
    calm = encoder.read("The report has four sections.")
    assert good.mean[1] > calm.mean[1]
    assert abs(calm.mean[0]) < 0.2
    assert (abs(np.stack([good.mean, bad.mean])) <= 1).all()


def test_a_long_utterance_is_read_in_windows(encoder: TextEncoder) -> None:
    text = "I hated every minute of it. " * 60
    parts = windows(encoder.tokenizer, text)
    assert len(parts) == 4
    assert max(map(len, parts)) <= LONGEST
    assert encoder.read(text).mean[0] < -0.1
    assert len(windows(encoder.tokenizer, "")) == 1


def test_another_modality_is_refused(encoder: TextEncoder) -> None:
    with pytest.raises(SignalError, match="wanted text"):
        encoder.observe(encoder.initial(), Chunk("eeg", 0, 250, np.zeros((4, 2), np.float32)))


def test_the_card_names_its_files_and_they_are_small() -> None:
    card = json.loads((checkpoint_folder() / f"{NAME}.json").read_text())
    sizes = {name: (checkpoint_folder() / name).stat().st_size for name in card["files"]}
    assert set(sizes) == {f"{NAME}.onnx", f"{NAME}.safetensors", f"{NAME}.tokenizer.json"}
    for name, digest in card["files"].items():
        assert sha256_of(checkpoint_folder() / name) == digest
    assert sum(sizes.values()) < 48e6


def test_another_tokenizer_is_refused(tmp_path: Path) -> None:
    for suffix in (".onnx", ".json", ".tokenizer.json"):
        (tmp_path / f"{NAME}{suffix}").write_bytes((checkpoint_folder() / f"{NAME}{suffix}").read_bytes())
    with (tmp_path / f"{NAME}.tokenizer.json").open("a") as file:
        file.write("\n")
    with pytest.raises(CheckpointError, match="tokenizer"):
        TextEncoder.load(tmp_path)


def test_int8_is_within_half_a_step_and_stays_put() -> None:
    matrix = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    once = unpack(pack({"a": matrix, "b": matrix[0]}))
    step = abs(matrix).max(1, keepdims=True) / 127
    assert (abs(once["a"] - matrix) <= step / 2 * 1.001).all()
    np.testing.assert_array_equal(once["b"], matrix[0])
    np.testing.assert_allclose(unpack(pack(once))["a"], once["a"], rtol=1e-6)


def test_torch_and_onnx_agree_on_real_sentences(encoder: TextEncoder, shared_data: Path) -> None:
    torch = pytest.importorskip("torch")
    from affectstream.encoders.text.network import load_text

    where = shared_data / "text" / "EmoBank"
    if not where.is_dir():
        pytest.skip(f"no EmoBank in {shared_data}")
    network = load_text(checkpoint_folder() / f"{NAME}.safetensors")
    worst = 0.0
    for text in EmoBank(where, "test").text[:200]:
        inputs = {"tokens": windows(encoder.tokenizer, text)[0][None], "features": features([text])}
        with torch.inference_mode():
            ours = network(*(torch.from_numpy(value) for value in inputs.values()))
        theirs = encoder.checkpoint.run(inputs)
        for name in ("mean", "log_var"):
            worst = max(worst, abs(theirs[name] - getattr(ours, name).numpy()).max())
    assert worst <= 1e-4
