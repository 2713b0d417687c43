"""Learning a person's EEG: what is there is found, what is not is refused, and the ratings file is believed in nothing."""

import csv
import json
from pathlib import Path

import mne
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt
from sklearn.linear_model import Ridge

from affectstream.encoders.eeg.encoder import EEGEncoder
from affectstream.encoders.eeg.entropy import DEFAULT
from affectstream.encoders.eeg.features import Windows, initial, observe
from affectstream.encoders.eeg.personal import PersonalModel
from affectstream.encoders.eeg.physiology import AFFECT_SD, READABLE
from affectstream.multimodal import metrics
from affectstream.multimodal.cli import main
from affectstream.multimodal.commands.calibrate import read_ratings
from affectstream.multimodal.eeg.calibrate import RIDGES, Answering, Rating, calibrate, judge, made_up
from affectstream.multimodal.score import open_encoders, score
from affectstream.multimodal.types import Chunk, SignalError

RATE = 128.0
NAMES = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "O1", "O2")
LONG, EVERY = 12.0, 14.0  # s of a trial, and from one to the next


# ---- simulated people


def person(seed: int, trials: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """A session, (n, C) volts, and its ratings (trials, 2) of valence and arousal.

    Noise that falls with frequency; alpha at two electrodes goes with the trial's valence and beta at two others with its
    arousal, up or down, by a factor of up to 2.5 either way in amplitude, which electrodes and which way being the person's own.
    """
    rng = np.random.default_rng(seed)
    size = round((trials * EVERY + 2) * RATE)
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    shape = np.divide(1, np.sqrt(hertz), out=np.zeros_like(hertz), where=hertz > 0.5)
    wave = rng.standard_normal((len(NAMES), len(hertz))) + 1j * rng.standard_normal((len(NAMES), len(hertz)))
    data = np.fft.irfft(shape * wave, size)
    data *= 12e-6 / data.std(1, keepdims=True)
    ratings = rng.uniform(-1, 1, (trials, 2))
    time = np.arange(size) / RATE
    trial = np.minimum((time // EVERY).astype(int), trials - 1)
    places = rng.permutation(len(NAMES))[:4]
    for d, (band, at) in enumerate((((8, 13), places[:2]), ((13, 30), places[2:]))):
        part = sosfiltfilt(butter(4, band, "bandpass", fs=RATE, output="sos"), data[at], axis=1)
        gain = 2.5 ** (ratings[trial, d] * rng.choice([-1, 1], (2, 1)))
        data[at] += (gain - 1) * part
    return data.T.astype(np.float32), ratings


def windows_of(data: NDArray[np.float32]) -> Windows:
    return observe(initial(DEFAULT, RATE, NAMES), Chunk("eeg", 0.0, RATE, data))[1]


def rated(ratings: NDArray[np.float64], first: int = 0) -> list[Rating]:
    starts = EVERY * (first + np.arange(len(ratings)))
    return [Rating(s, s + LONG, (v, a, np.nan)) for s, (v, a) in zip(starts.tolist(), ratings.tolist(), strict=True)]


def test_ten_people_with_a_signal_are_learnt_and_later_trials_are_told() -> None:
    kept, later = [], []
    for seed in range(10):
        data, ratings = person(seed, 34)
        windows = windows_of(data)
        found = calibrate(windows, rated(ratings[:24]), NAMES, DEFAULT)
        assert found.trials == 24 and set(found.verdicts) == {"valence", "arousal"}
        kept += [(verdict.kept, verdict.ccc) for verdict in found.verdicts.values()]
        assert found.model is not None
        mean, _, _ = found.model.predict(windows.entropy, windows.quality, NAMES)
        told = [
            mean[(windows.time - 2 >= trial.start) & (windows.time + 2 <= trial.end), :2].mean(0)
            for trial in rated(ratings[24:], 24)
        ]
        later.append(metrics.ccc(told, ratings[24:]))
    assert all(k for k, _ in kept) and min(c for _, c in kept) >= 0.6
    assert np.median(later, 0).min() >= 0.6 and np.min(later) > 0.3


def wanderer(seed: int, *, alike: float, drift: float) -> tuple[Windows, list[Rating]]:
    """Entropies and ratings of a session in which neither knows of the other, each drifting as a session does."""
    rng = np.random.default_rng(seed)
    trials, channels, bands = 20, 4, 5

    def wander(memory: float, width: int) -> NDArray[np.float64]:
        steps = rng.standard_normal((trials, width))
        for k in range(1, trials):
            steps[k] = memory * steps[k - 1] + np.sqrt(1 - memory**2) * steps[k]
        return steps + drift * np.linspace(-1.5, 1.5, trials)[:, None] * rng.standard_normal(width)

    slow = wander(0.9 if drift else 0.0, channels * bands)
    per = 17  # windows of a trial
    entropy = np.repeat(slow, per, 0) + rng.standard_normal((trials * per, channels * bands))
    time = np.repeat(EVERY * np.arange(trials), per) + 2 + 0.5 * np.tile(np.arange(per), trials)
    ratings = np.clip(0.3 * wander(alike, 1), -1, 1)
    entropy = entropy.reshape(-1, channels, bands)
    windows = Windows(time, entropy, np.exp(2 * entropy), np.ones((len(time), channels)))
    return windows, rated(np.hstack([ratings, np.full((trials, 1), np.nan)]))


def refused(sessions: int, alike: float, drift: float) -> float:
    """The share of ``sessions`` without a signal in which nothing is learnt."""
    made = (wanderer(seed, alike=alike, drift=drift) for seed in range(sessions))
    return sum(calibrate(*session, NAMES[:4], DEFAULT).model is None for session in made) / sessions


def test_at_least_95_of_100_sessions_without_a_signal_are_refused() -> None:
    assert refused(100, 0.7, 1.0) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize(("alike", "drift"), [(0.0, 0.0), (0.0, 1.0), (0.9, 0.0), (0.9, 2.0)])
def test_less_and_more_drift_are_refused_too(alike: float, drift: float) -> None:
    assert refused(400, alike, drift) >= 0.95


# ---- the judgement


def test_the_judgement_is_a_nested_leave_one_out_written_out() -> None:
    rng = np.random.default_rng(4)
    trials, features = 10, 6
    heard = [rng.standard_normal((rng.integers(2, 5), features)) for _ in range(trials)]
    trial = np.array([rows.mean(0) for rows in heard])
    y = 0.6 * trial[:, 0] - 0.4 * trial[:, 3] + 0.2 * rng.standard_normal(trials)
    time = np.sort(rng.uniform(0, 100, trials))
    said, told, level, line = np.empty(trials), [], np.empty(trials), np.empty(trials)
    for k in range(trials):
        rest = [j for j in range(trials) if j != k]
        middle, spread = trial[rest].mean(0), trial[rest].std(0)
        z, centred = (trial[rest] - middle) / spread, y[rest] - y[rest].mean()
        size = np.linalg.eigvalsh(z @ z.T).clip(0).mean()
        errors = []
        for ridge in RIDGES * size:
            error = 0.0
            for j in range(len(rest)):
                others = [i for i in range(len(rest)) if i != j]
                fitted = Ridge(alpha=float(ridge), fit_intercept=False).fit(z[others], centred[others])
                error += float(fitted.predict(z[[j]])[0] - centred[j]) ** 2
            errors.append(error)
        best = Ridge(alpha=float(RIDGES[np.argmin(errors)] * size), fit_intercept=False).fit(z, centred)
        said[k] = best.predict((trial[[k]] - middle) / spread)[0] + y[rest].mean()
        told.append(best.predict((heard[k] - middle) / spread) + y[rest].mean())
        level[k] = y[rest].mean()
        slope, start = np.polyfit(time[rest], y[rest], 1)
        line[k] = slope * time[k] + start
    verdict, answer = judge(heard, y, time, 0.05, np.random.default_rng(0))
    assert verdict.ccc == pytest.approx(metrics.ccc(said[:, None], y[:, None])[0], abs=1e-9)
    assert verdict.rmse == pytest.approx(np.sqrt(np.mean((said - y) ** 2)), abs=1e-9)
    floors = [np.sqrt(np.mean((floor - y) ** 2)) for floor in (level, line)]
    assert verdict.floor == pytest.approx(min(floors), abs=1e-9)
    slope, offset = np.polyfit(y, [rows.mean() for rows in told], 1)
    noise = np.mean([np.mean((rows - offset - slope * y[k]) ** 2) for k, rows in enumerate(told)])
    assert tuple(answer) == pytest.approx((offset, slope, noise), abs=1e-9)
    assert verdict.kept == (verdict.rmse < verdict.floor and verdict.p <= 0.05)


@given(st.floats(-0.5, 0.5), st.floats(0.1, 1.5), st.floats(0.01, 2.0), st.floats(-1, 1))
def test_a_belief_is_bayes_rule_by_sums(offset: float, slope: float, noise: float, said: float) -> None:
    rating = np.linspace(-6, 6, 20001)
    weight = np.exp(-((said - offset - slope * rating) ** 2) / (2 * noise) - rating**2 / (2 * AFFECT_SD**2))
    mean = (weight * rating).sum() / weight.sum()
    gain, shift, variance = Answering(offset, slope, noise).belief()
    assert gain * said + shift == pytest.approx(mean, abs=1e-6)
    assert variance == pytest.approx((weight * (rating - mean) ** 2).sum() / weight.sum(), rel=1e-5)


def test_ratings_made_up_keep_the_line_the_values_and_the_memory_alone() -> None:
    rng = np.random.default_rng(5)
    time = np.arange(200, dtype=np.float64) * EVERY
    walk = np.empty(200)
    walk[0] = 0
    for k in range(1, 200):
        walk[k] = 0.8 * walk[k - 1] + 0.6 * rng.standard_normal()
    y = 0.002 * time + walk
    mixed = rng.permutation(200)  # a file need not be in order of time
    fake = np.empty((200, 300))
    fake[mixed] = made_up(y[mixed], time[mixed], 300, np.random.default_rng(0))
    np.testing.assert_allclose(fake.mean(0), y.mean(), atol=1e-9)
    straight = np.polyval(np.polyfit(time, y, 1), time)
    left = fake - straight[:, None]
    np.testing.assert_allclose(np.sort(left, 0), np.tile(np.sort(y - straight)[:, None], 300), atol=1e-9)
    memory = (left[1:] * left[:-1]).sum(0) / (left**2).sum(0)
    assert abs(np.median(memory) - 0.8) < 0.08
    assert abs(np.corrcoef(left.T, (y - straight)[None])[-1, :-1].mean()) < 0.06
    none = made_up(rng.standard_normal(200), time, 300, rng)
    none -= none.mean(0)
    assert abs(np.median((none[1:] * none[:-1]).sum(0) / (none**2).sum(0))) < 0.15


# ---- what is taken in


def test_only_windows_wholly_in_a_trial_count_and_what_lies_outside_changes_nothing() -> None:
    data, ratings = person(3, 12)
    windows = windows_of(data)
    one = calibrate(windows, rated(ratings), NAMES, DEFAULT)
    inside = np.zeros(len(windows.time), bool)
    for trial in rated(ratings):
        inside |= (windows.time - 2 >= trial.start) & (windows.time + 2 <= trial.end)
    windows.entropy[~inside] += 100.0
    other = calibrate(windows, rated(ratings), NAMES, DEFAULT)
    assert one.verdicts == other.verdicts and inside.sum() < len(inside)


def test_what_an_electrode_holds_while_it_cannot_be_read_changes_nothing() -> None:
    data, ratings = person(3, 12)
    windows = windows_of(data)
    windows.quality[np.random.default_rng(0).random(windows.quality.shape) < 0.2] = 0.1
    one = calibrate(windows, rated(ratings), NAMES, DEFAULT)
    windows.entropy[windows.quality < READABLE] += 100.0
    other = calibrate(windows, rated(ratings), NAMES, DEFAULT)
    assert one.verdicts == other.verdicts


def test_the_order_of_the_ratings_and_unrated_dimensions_do_not_matter() -> None:
    data, ratings = person(4, 16)
    windows = windows_of(data)
    one = calibrate(windows, rated(ratings), NAMES, DEFAULT)
    other = calibrate(windows, rated(ratings)[::-1], NAMES, DEFAULT)
    assert one.model is not None and other.model is not None
    np.testing.assert_allclose(one.model.weights, other.model.weights, atol=1e-9)
    alone = [
        Rating(r.start, r.end, (np.nan, r.vad[1], 0.3)) for r in rated(ratings)
    ]  # dominance is the same throughout
    found = calibrate(windows, alone, NAMES, DEFAULT)
    assert set(found.verdicts) == {"arousal"} and found.model is not None
    assert found.model.learnt == ("arousal",) and (found.model.weights[:, :, [0, 2]] == 0).all()


def test_an_electrode_that_never_can_be_read_has_no_say() -> None:
    data, ratings = person(5, 16)
    data[:, 7] = np.nan
    found = calibrate(windows_of(data), rated(ratings), NAMES, DEFAULT)
    assert found.model is not None
    np.testing.assert_allclose(found.model.weights[7], 0, atol=1e-9)
    assert np.isfinite(found.model.mean).all() and (found.model.sd > 0).all()


def test_seven_trials_are_too_few() -> None:
    data, ratings = person(6, 9)
    with pytest.raises(SignalError, match="7 of 9 rated stretches hold a readable window of 4 s; wanted at least 8"):
        short = [Rating(r.start, r.start + 3, r.vad) for r in rated(ratings)[:2]]
        calibrate(windows_of(data), short + rated(ratings)[2:], NAMES, DEFAULT)


# ---- the command


def write(folder: Path, data: NDArray[np.float32], name: str = "session") -> Path:
    raw = mne.io.RawArray(data.T.astype(np.float64), mne.create_info(list(NAMES), RATE, "eeg"), verbose="error")
    raw.save(folder / f"{name}_raw.fif", verbose="error")
    return folder / f"{name}_raw.fif"


def write_labels(path: Path, ratings: NDArray[np.float64]) -> Path:
    """On a scale of 1 to 9."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["start", "end", "valence", "arousal"])
        for trial in rated(ratings):
            rows.writerow([trial.start, trial.end, *(f"{5 + 4 * v:.6f}" for v in trial.vad[:2])])
    return path


def test_from_a_session_to_a_model_that_scores_the_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, ratings = person(0, 34)
    cut = round(24 * EVERY * RATE)
    first, second = write(tmp_path, data[:cut], "one"), write(tmp_path, data[cut:], "two")
    labels, out = write_labels(tmp_path / "ratings.csv", ratings[:24]), tmp_path / "models" / "mine.safetensors"
    assert main(["calibrate", str(first), "--labels", str(labels), "--out", str(out), "--scale", "1", "9"]) == 0
    said = capsys.readouterr()
    assert "24 rated stretches" in said.out and said.out.count(": kept") == 2 and str(out) in said.out
    assert [file.name for file in out.parent.iterdir()] == ["mine.safetensors"]

    result = score(second, encoders=open_encoders(("eeg",), eeg_model=out))
    trace = result.traces["eeg"]
    assert result.brain is not None and "made of 24 rated trials" in result.brain.how
    starts = EVERY * np.arange(10)

    def told(source: str) -> NDArray[np.float64]:
        rows = result.traces[source]
        return np.array([rows.mean[(rows.time - 2 >= s) & (rows.time + 2 <= s + LONG)].mean(0) for s in starts])

    for d in (0, 1):
        for source in ("eeg", "state"):
            assert np.corrcoef(told(source)[:, d], ratings[24:, d])[0, 1] > 0.6
        strong = abs(ratings[24:, d]) > 0.4
        assert (np.sign(told("eeg")[strong, d]) == np.sign(ratings[24:, d][strong])).mean() >= 0.8
    assert np.isnan(trace.mean[:, 2]).all()

    arguments = ["--eeg-model", str(out), "--out", str(tmp_path / "scored")]
    assert main(["score", str(second), *arguments]) == 0
    summary = json.loads((tmp_path / "scored" / "two_raw.summary.json").read_text())
    assert summary["found"]["eeg"]["how"] == result.brain.how and summary["found"]["eeg"]["baseline"] is None
    with pytest.raises(SignalError, match="wanted at least half"):
        EEGEncoder(("Pz", "P3", "P4"), RATE, model=PersonalModel.load(out))


def test_without_a_signal_nothing_is_saved_and_the_old_model_stays(tmp_path: Path, capsys) -> None:
    data, ratings = person(2, 12)
    path = write(tmp_path, data)
    shuffled = np.random.default_rng(0).permutation(ratings)
    labels, out = write_labels(tmp_path / "r.csv", shuffled), tmp_path / "mine.safetensors"
    out.write_bytes(b"the old one")
    assert main(["calibrate", str(path), "--labels", str(labels), "--out", str(out), "--scale", "1", "9"]) == 1
    said = capsys.readouterr()
    assert "nothing was saved" in said.out and said.out.count("not kept") == 2 and said.err == ""
    assert out.read_bytes() == b"the old one"


HEAD = "start,end,valence,arousal"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            f"{HEAD}\n0,5,1,2\n5,300,1,2\n",
            r"line 3: the stretch 5 to 300 s is not in the recording, which lasts 100\.0 s",
        ),
        (f"{HEAD}\n0,5,1,2\n4,9,1,2\n", "0 to 5 s and 4 to 9 s overlap"),
        (f"{HEAD}\n5,5,1,2\n", "line 2: the stretch 5 to 5 s"),
        (f"{HEAD}\n-1,5,1,2\n", "line 2: the stretch -1 to 5 s"),
        (f"{HEAD}\nnan,5,1,2\n", "line 2: the stretch nan to 5 s"),
        (f"{HEAD}\n0,5,1,12\n", r"line 2: arousal is 12; wanted 1 to 9; give the scale"),
        (f"{HEAD}\n0,5,1,inf\n", "line 2: arousal is inf"),
        (f"{HEAD}\n0,5,good,1\n", "line 2: .*good.*; wanted numbers"),
        (f"{HEAD}\n0\n", "line 2: .*wanted numbers"),
        ("begin,stop,joy\n0,5,1\n", "has begin, stop, joy; wanted the columns start,end and"),
        ("start,end,joy\n0,5,1\n", "wanted the columns"),
        ("start;end;valence\n0;5;1\n", "wanted the columns"),
        (f"{HEAD}\n", "wanted the columns"),
        ("", "wanted the columns"),
        ("\xff\xfe\x00", "cannot be read as CSV"),
        (None, "no .*ratings.csv"),
    ],
)
def test_a_label_file_that_does_not_fit_is_one_error(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "ratings.csv"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SignalError, match=says):
        read_ratings(path, (1.0, 9.0), 100.0)


def test_ratings_as_spreadsheets_write_them(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_bytes(b"\xef\xbb\xbfend, start, valence, note\r\n5,0,1,a\r\n\r\n20,10,,b\r\n30,20,9,c\r\n")
    found = read_ratings(path, (1.0, 9.0), 30.0)
    assert [(r.start, r.end) for r in found] == [(0, 5), (10, 20), (20, 30)]
    np.testing.assert_array_equal([r.vad for r in found], [[-1, np.nan, np.nan], [np.nan] * 3, [1, np.nan, np.nan]])


def test_what_is_wrong_with_a_call_is_one_line_and_nothing_is_left(tmp_path: Path, capsys) -> None:
    path = write(tmp_path, person(0, 8)[0])
    labels, out = tmp_path / "r.csv", tmp_path / "out" / "m.safetensors"
    for recording, rows, extra, code, says in (
        (path, "0,12,0.1,0.2", [], 1, "wanted at least 8"),
        (path, "0,12,0.1,0.2\n100,130,0.1,0.2", [], 1, "line 3: the stretch 100 to 130 s is not in the recording"),
        (path, "0,12,0.1,0.2\n11,20,0.1,0.2", [], 1, "overlap"),
        (path, "0,12,5,7", [], 1, "valence is 5; wanted -1 to 1; give the scale as --scale 1 9"),
        (tmp_path / "absent.edf", "", [], 1, "does not exist"),
        (path, "", ["--scale", "9", "1"], 2, "wanted the lowest rating, then the highest"),
        (path, "", ["--out", "mine.pt"], 2, "ends in .safetensors"),
    ):
        labels.write_text(f"{HEAD}\n{rows}\n")
        arguments = ["calibrate", str(recording), "--labels", str(labels), "--out", str(out), *extra]
        assert main(arguments) == code
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and says in error and error.startswith("affectstream calibrate: ")
        assert not out.parent.exists()


def test_a_model_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, ratings = person(1, 16)
    path, labels = write(tmp_path, data), write_labels(tmp_path / "r.csv", ratings)
    (tmp_path / "file").touch()
    arguments = ["--labels", str(labels), "--scale", "1", "9", "--out", str(tmp_path / "file" / "m.safetensors")]
    assert main(["calibrate", str(path), *arguments]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "cannot write" in error
