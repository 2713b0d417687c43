"""Training the speech network: what is heard, what is taught, what is left out."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torchaudio
from numpy.typing import NDArray
from scipy.signal import welch
from sklearn.decomposition import PCA

from affectstream.datasets.clips import Clip, Clips, one_hot
from affectstream.datasets.emodb import EmoDB
from affectstream.encoders.network import Affect
from affectstream.encoders.speech.network import Branches, Shape
from affectstream.multimodal.metrics import coverage
from affectstream.multimodal.training.losses import affect_loss
from affectstream.multimodal.training.speech import augment, backbones
from affectstream.multimodal.training.speech.alignment import AlignedSpeech, Heard, Lessons, contrast
from affectstream.multimodal.training.speech.folds import Fold, split
from affectstream.multimodal.training.speech.member import Recipe, answers, train_member
from affectstream.multimodal.training.speech.prepared import Growing, beginning, prepare, random_windows, windows
from affectstream.multimodal.training.speech.scores import calibrated_by_others

RATE = 16000


def buzz(pitch: float, seconds: float = 1.5, seed: int = 0) -> NDArray[np.float32]:
    """Pulses with a little noise: a voice to the spectrum."""
    time = np.arange(round(seconds * RATE)) / RATE
    pulses = np.diff(np.floor(pitch * time + 0.02 * np.sin(30 * time)), prepend=0)
    return (0.3 * pulses + 0.003 * np.random.default_rng(seed).standard_normal(len(time))).astype(np.float32)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Four speakers, three sentences: happiness is a high buzz, sadness a low one."""
    folder = tmp_path_factory.mktemp("corpus")
    clips = []
    for k, (speaker, sentence, emotion) in enumerate(
        itertools.product("abcd", ("1", "2", "3"), ("happiness", "sadness"))
    ):
        path = folder / f"{speaker}{sentence}{emotion}.wav"
        soundfile.write(path, buzz((250 if emotion == "happiness" else 90) + 2 * k, seed=k), RATE)
        clips.append(Clip(path, speaker, sentence, emotion))
    names = ("happiness", "sadness")
    return Clips(clips, names, one_hot([clip.emotion for clip in clips], names))


def test_noise_comes_at_the_ratio_asked_for() -> None:
    rng = np.random.default_rng(0)
    voice = buzz(120)
    for snr in (20.0, 0.0):
        noise = augment.with_noise(voice, augment.hiss(len(voice), 1, rng), snr) - voice
        assert 10 * np.log10(np.mean(voice**2) / np.mean(noise**2)) == pytest.approx(snr, abs=0.01)


@pytest.mark.parametrize("slope", [0, 1])
def test_hiss_falls_as_it_says(slope: float) -> None:
    f, power = welch(augment.hiss(20 * RATE, slope, np.random.default_rng(0)), RATE, nperseg=2048)
    band = (f > 100) & (f < 7000)
    fit = np.polyfit(np.log10(f[band]), np.log10(power[band]), 1)[0]
    assert fit == pytest.approx(-slope, abs=0.05)


def test_a_telephone_has_its_band_a_clip_its_share_and_speed_its_pitch() -> None:
    noise = augment.hiss(2 * RATE, 0, np.random.default_rng(0))
    f, power = welch(augment.telephone(noise), RATE, nperseg=1024)
    inside, outside = power[(f > 500) & (f < 3000)].mean(), power[(f < 100) | (f > 5000)].mean()
    assert 10 * np.log10(inside / outside) > 20
    cut = augment.clipped(noise, 0.1)
    assert np.mean(abs(cut) >= abs(cut).max() - 1e-6) == pytest.approx(0.1, abs=0.002)
    tone = np.sin(2 * np.pi * 300 * np.arange(RATE) / RATE).astype(np.float32)
    fast = augment.faster(tone, 1.1)
    assert np.argmax(abs(np.fft.rfft(fast))) * RATE / len(fast) == pytest.approx(330, abs=3)


def test_mp3_keeps_time_and_every_change_is_repeatable() -> None:
    voice = buzz(120)
    coded = augment.through_mp3(voice, 32)
    assert len(coded) == len(voice)
    lag = int(np.argmax(np.correlate(coded[2000:8000], voice[2000:8000], "full"))) - 5999
    assert abs(lag) <= 2
    one, two = (augment.varied(voice, [voice], np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one[:1000], augment.varied(voice, [voice], np.random.default_rng(4))[:1000])


def test_frames_are_kept_and_read_back(corpus: Clips, tmp_path: Path) -> None:
    one = prepare(corpus, None, tmp_path, name="plain")
    assert len(one) == len(corpus)
    assert one.offset[-1] == len(one.quartets) == len(one.presence)
    stamp = (next(tmp_path.iterdir()) / "offset.npy").stat().st_mtime_ns
    two = prepare(corpus, None, tmp_path, name="plain")
    np.testing.assert_array_equal(one.quartets, two.quartets)
    assert (next(tmp_path.iterdir()) / "offset.npy").stat().st_mtime_ns == stamp
    other = prepare(corpus, None, tmp_path, name="quiet", alter=lambda x, rng: x * np.float32(0.5))
    np.testing.assert_allclose(other.quartets[:, 1:], one.quartets[:, 1:], atol=0.05)


def test_a_file_that_grows_is_one_that_was_saved_at_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for shape in ((3, 2), (0, 0), ()):
        parts = [rng.normal(size=(count, *shape)).astype(np.float32) for count in (5, 1, 99_999)]
        with Growing(tmp_path / "grown.npy") as file:
            for part in parts:
                file.add(part)
        np.save(tmp_path / "saved.npy", np.concatenate(parts).astype(np.float16))
        assert (tmp_path / "grown.npy").read_bytes() == (tmp_path / "saved.npy").read_bytes()


def test_windows_end_with_their_stretch(corpus: Clips, tmp_path: Path) -> None:
    part = prepare(corpus, None, tmp_path, name="plain")
    batch = windows([part], [(0, 2, 10, 30)], 40)
    begin = int(part.offset[2]) + 10
    np.testing.assert_array_equal(batch.quartets[0, :, :, 10:].permute(2, 0, 1), part.quartets[begin : begin + 30])
    assert not batch.quartets[0, ..., :10].any() and not batch.presence[0, :10].any()
    rng = np.random.default_rng(0)
    for copy, clip, first, count in random_windows([part, part], np.arange(24), 60, 0.5, rng):
        whole = part.offset[clip + 1] - part.offset[clip]
        assert copy in (0, 1) and 30 <= count <= 60 and 0 <= first <= whole - count
    assert beginning(part, 1, 40) == (0, 1, 0, 40)
    assert beginning(part, 0, 4000) == (0, 0, 0, int(part.offset[1]))


def test_lessons_are_the_scaled_principal_components() -> None:
    torch.manual_seed(0)
    states = torch.randn(400, 2, 6) @ torch.randn(6, 6)
    flat = states.flatten(1).numpy()
    scaled = (flat - flat.mean(0)) / (flat.std(0, ddof=1) + 1e-3)
    theirs = PCA(3).fit_transform(scaled)
    lessons = Lessons(2, 6, 4, 3)
    lessons.fit(states)
    ours = ((states.flatten(1) - lessons.mean) @ lessons.basis).numpy()[:, ::-1]
    for k in range(3):
        assert abs(np.corrcoef(ours[:, k], theirs[:, k])[0, 1]) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(ours.std(0), 1, atol=0.02)
    with pytest.raises(ValueError, match="3 frames with a voice to find 3 principal components"):
        lessons.fit(states[:3])


def test_the_contrast_is_the_one_written_out() -> None:
    torch.manual_seed(0)
    voice, latent = (torch.nn.functional.normalize(torch.randn(5, 4), dim=1) for _ in range(2))
    emotion = [0, 1, 0, -1, -1]  # of the last two it is unknown: they are like nobody else
    total = 0.0
    for one, other in ((voice, latent), (latent, voice)):
        for i in range(5):
            scores = [float(one[i] @ other[j]) / 0.1 for j in range(5)]
            alike = [j for j in range(5) if j == i or emotion[j] == emotion[i] >= 0]
            total -= np.mean([scores[j] - np.log(np.sum(np.exp(scores))) for j in alike]) / 10
    assert float(contrast(Branches(voice, latent), torch.tensor(emotion), 0.1)) == pytest.approx(total, rel=1e-5)


def test_the_loss_is_its_parts() -> None:
    """Against the parts, written out; in evaluation it is the answer's own, and unknown labels are no part of any."""
    torch.manual_seed(0)
    aligned = AlignedSpeech(Shape(3, states=2, state_width=8, dropout=0.0), lessons=5, depth=2)
    quartets, presence, states = torch.randn(6, 8, 40, 20), torch.ones(6, 20), torch.randn(6, 20, 2, 8)
    aligned.standardise(quartets, presence, states)
    vad, labels = torch.rand(6, 3), torch.eye(3)[[0, 1, 2, 0, 1, 2]]
    labels[5] = torch.nan
    for module in aligned.modules():
        if isinstance(module, torch.nn.Dropout | torch.nn.Dropout2d):
            module.p = 0.0
    said = aligned(quartets, presence, states)
    assert isinstance(said, Heard) and said.branches is not None
    network = aligned.network
    ready, frames = network.frames(quartets, presence)
    voice, latent = network.embed_voice(ready, frames, presence), network.embed_latent(states, presence)
    assert aligned.lessons is not None
    lesson = ((states[:, 3::4].flatten(2) - aligned.lessons.mean) @ aligned.lessons.basis).transpose(1, 2)
    wanted = affect_loss(network.fuse([voice, latent]), vad, labels)
    wanted += 3 * (aligned.lessons.answer(frames) - lesson).square().mean()
    wanted += 0.3 * (affect_loss(network.fuse([voice]), vad, labels) + affect_loss(network.fuse([latent]), vad, labels))
    wanted += 0.1 * contrast(network.project([voice, latent]), torch.tensor([0, 1, 2, 0, 1, -1]), 0.1)
    torch.testing.assert_close(aligned.loss(said, vad, labels), wanted)
    aligned.eval()
    answer = aligned(quartets, presence, states)
    torch.testing.assert_close(answer, network(quartets, presence, states))
    torch.testing.assert_close(aligned.loss(answer, vad, labels), affect_loss(answer, vad, labels))


def test_a_voice_alone_is_taught_by_states_that_it_does_not_need() -> None:
    torch.manual_seed(0)
    aligned = AlignedSpeech(Shape(2, states=0, state_width=8), lessons=5, depth=2)
    quartets, presence, states = torch.randn(6, 8, 40, 20), torch.ones(6, 20), torch.randn(6, 20, 2, 8)
    aligned.standardise(quartets, presence, states)
    torch.manual_seed(1)
    every = aligned(quartets, presence, states)
    torch.manual_seed(1)
    torch.testing.assert_close(every.error, aligned(quartets, presence, states[:, 3::4]).error)
    assert every.error > 0 and every.branches is None
    assert aligned.eval()(quartets, presence).mean.shape == (6, 3)


def test_it_learns_and_the_same_seed_gives_the_same_network(corpus: Clips, tmp_path: Path) -> None:
    part = prepare(corpus, None, tmp_path, name="plain")
    train, test = split(corpus, Fold("toy", "voice", "d"))
    with pytest.raises(ValueError, match="no voice is heard"):  # a buzz is none
        train_member([part], corpus, train, Recipe(backbone=False, taught=0.0, steps=1), seed=1)
    part = replace(part, presence=np.ones_like(part.presence))
    recipe = Recipe(backbone=False, taught=0.0, steps=30, batch=8, rate=3e-3, length=60, dropout=0.1)
    networks = [train_member([part], corpus, train, recipe, seed=1) for _ in range(2)]
    for one, two in zip(networks[0].state_dict().values(), networks[1].state_dict().values(), strict=True):
        torch.testing.assert_close(one, two, atol=0, rtol=0)
    said = answers(networks[0], part, test, longest=60)
    assert said.logits is not None
    assert np.mean(said.logits.argmax(1).numpy() == corpus.label[test]) >= 0.8
    assert (
        said.mean[corpus.emotion[test] == "happiness", 0].mean()
        > said.mean[corpus.emotion[test] == "sadness", 0].mean()
    )


@pytest.mark.parametrize("half", [None, 0, 1])
def test_a_fold_shares_no_speaker_and_no_sentence(corpus: Clips, half: int | None) -> None:
    train, test = split(corpus, Fold("toy", "both", "b", half))
    assert set(corpus.speaker[test]) == {"b"} and "b" not in corpus.speaker[train]
    if half is None:
        assert len(train) + len(test) == len(corpus)
    else:
        assert not set(corpus.sentence[train]) & set(corpus.sentence[test])


def test_nobodys_calibration_knows_his_own_labels(corpus: Clips) -> None:
    rng = np.random.default_rng(0)
    at = np.arange(len(corpus))
    noisy = torch.from_numpy(
        np.clip(corpus.vad * 0.5 + rng.normal(0, 0.1, corpus.vad.shape), -0.9, 0.9).astype(np.float32)
    )
    said = Affect(noisy, torch.full((len(at), 3), -8.0), torch.from_numpy(corpus.share) * 2, torch.empty(len(at), 0))
    before = calibrated_by_others(said, said, corpus, at)
    changed = Clips(
        corpus.clips, corpus.emotions, np.where(corpus.speaker[:, None] == "a", corpus.share[:, ::-1], corpus.share)
    )
    after = calibrated_by_others(said, said, changed, at)
    own = corpus.speaker == "a"
    torch.testing.assert_close(before.mean[own], after.mean[own])
    assert not torch.allclose(before.mean[~own], after.mean[~own])
    covered = coverage(before.mean.numpy(), before.log_var.exp().numpy(), corpus.vad)
    assert (covered > 0.75).all()


def test_emodb_folds_leave_speakers_out(shared_data: Path) -> None:
    clips = EmoDB(shared_data / "speech" / "emodb")
    seen = np.concatenate([split(clips, Fold("emodb", "both", speaker))[1] for speaker in np.unique(clips.speaker)])
    assert sorted(seen.tolist()) == list(range(535))


def test_a_torchaudio_model_is_a_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def small() -> torchaudio.models.Wav2Vec2Model:
        return torchaudio.models.wav2vec2_model(
            "group_norm", None, False, 24, 0.0, 16, 4, 3, 2, 0.0, 32, 0.0, 0.0, False, 0.0, None
        )

    monkeypatch.setitem(backbones.MODELS, "small", small)
    torch.manual_seed(0)
    model = small().eval()
    torch.save(model.state_dict(), tmp_path / "small.pt")
    backbone = backbones.TorchaudioBackbone("small", tmp_path / "small.pt", depth=2)
    samples = buzz(120)
    states = backbone.states(samples)
    assert states.shape == (len(samples) // 320, 2, 24)
    whole = samples[: len(samples) // 320 * 320]
    scaled = torch.from_numpy(np.pad((whole - whole.mean()) / np.sqrt(whole.var() + 1e-7), 40))[None]
    torch.testing.assert_close(torch.from_numpy(states[:, 1]), model.extract_features(scaled)[0][1][0])
    np.testing.assert_allclose(backbone.states(samples * 0.1), states, atol=1e-3)
    with pytest.raises(ValueError, match="wanted one of wav2vec2_base"):
        backbones.TorchaudioBackbone("elmo", tmp_path / "small.pt")
    with pytest.raises(FileNotFoundError, match="wanted a state dict"):
        backbones.TorchaudioBackbone("hubert_base", tmp_path / "absent.pt")
