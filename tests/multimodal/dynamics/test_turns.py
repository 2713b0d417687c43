"""The 25-turn experiment with scripted ratings, its files, and its command."""

import csv
import json
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from affectstream.multimodal.cli import main
from affectstream.multimodal.dynamics.turns import MOMENTA, Experiment, Turn, read_dialogue, replay, verdicts
from affectstream.multimodal.report.turns import write_experiment

Array = NDArray[np.float64]

PHASES = ["opening"] * 5 + ["adversarial"] * 8 + ["pause"] * 2 + ["reconciliatory"] * 10
TURNS = [Turn(phase, f"turn {k}") for k, phase in enumerate(PHASES)]
LEVEL = {"opening": 0.0, "adversarial": -0.6, "pause": 0.0, "reconciliatory": 0.4}
CALM = [LEVEL[phase] for phase in PHASES]
TORN = [value - (0.9 if k % 2 == 0 else 0.0) * (k >= 15) for k, value in enumerate(CALM)]  # ends on a relapse


def scripted(valence: list[float]) -> Callable[[list[str]], Array]:
    def rate(texts: list[str]) -> Array:
        assert texts == [turn.text for turn in TURNS]
        return np.stack([valence, np.linspace(0.5, 0.1, len(valence)), np.full(len(valence), 0.2)], -1)

    return rate


@pytest.fixture
def calm() -> Experiment:
    return replay(TURNS, scripted(CALM))


@pytest.fixture
def torn() -> Experiment:
    return replay(TURNS, scripted(TORN))


def told(experiment: Experiment) -> dict[str, bool]:
    return {verdict.claim: verdict.shown for verdict in verdicts(experiment)}


def written(folder: Path, content: object) -> Path:
    path = folder / "dialogue.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_own_dialogue_has_25_turns_with_the_phases_in_order() -> None:
    turns = read_dialogue()
    assert [turn.phase for turn in turns] == PHASES
    assert all(turn.text.strip() for turn in turns)
    assert len({turn.text for turn in turns}) == 25


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no json", r"dialogue\.json is no dialogue \(JSONDecodeError.*wanted \{\"turns\""),
        ({"lines": []}, r"is no dialogue \(KeyError\('turns'\)"),
        ({"turns": [{"phase": "opening"}]}, r"is no dialogue \(KeyError\('text'\)"),
        ({"turns": ["hello"]}, r"is no dialogue \(TypeError"),
        ([1, 2], r"is no dialogue \(TypeError"),
        ({"turns": []}, r"has phases \[\]; wanted opening, adversarial, pause, reconciliatory, in that order"),
        ({"turns": [{"phase": "opening", "text": "hi"}]}, r"has phases \['opening'\]; wanted"),
    ],
)
def test_what_is_no_dialogue_is_refused(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_dialogue(written(tmp_path, content))


@pytest.mark.parametrize("text", [None, 5, ["hello"]])
def test_a_turn_whose_text_is_no_text_is_refused(tmp_path: Path, text: object) -> None:
    turns = [{"phase": phase, "text": "hello"} for phase in ("opening", "adversarial", "reconciliatory")]
    with pytest.raises(ValueError, match="wanted"):
        read_dialogue(written(tmp_path, {"turns": [*turns, {"phase": "reconciliatory", "text": text}]}))


@pytest.mark.parametrize(
    "phases",
    [
        ["opening", "reconciliatory", "adversarial"],
        ["opening", "adversarial", "reconciliatory", "opening"],
        ["opening", "adversarial", "apology", "reconciliatory"],
        ["opening", "adversarial", "pause"],
        ["opening", "pause", "reconciliatory"],
        ["adversarial", "pause", "reconciliatory"],
    ],
)
def test_phases_missing_unknown_or_out_of_order_are_refused(tmp_path: Path, phases: list[str]) -> None:
    path = written(tmp_path, {"turns": [{"phase": phase, "text": "hello"} for phase in phases]})
    with pytest.raises(ValueError, match=f"has phases .*{phases[-1]}.*; wanted opening, adversarial"):
        read_dialogue(path)


def test_a_dialogue_needs_no_pause(tmp_path: Path) -> None:
    phases = ["opening", "adversarial", "reconciliatory"]
    path = written(tmp_path, {"turns": [{"phase": phase, "text": "hello"} for phase in phases]})
    assert [turn.phase for turn in read_dialogue(path)] == phases


def test_stateless_affect_is_the_rating(calm: Experiment) -> None:
    np.testing.assert_array_equal(calm.courses[0].affect, calm.ratings)
    assert calm.courses[0].momentum is None and calm.courses[0].damping is None


def test_first_order_is_exponential_smoothing_from_the_first_rating(torn: Experiment) -> None:
    x, wanted = torn.ratings[0], [torn.ratings[0]]
    for rating in torn.ratings[1:]:
        x = 0.85 * x + 0.15 * rating
        wanted.append(x)
    np.testing.assert_allclose(torn.courses[1].affect, wanted, atol=1e-12)


def test_conditions_and_their_damping(calm: Experiment) -> None:
    assert [course.momentum for course in calm.courses] == [None, None, *MOMENTA]
    assert [course.damping for course in calm.courses[2:]] == pytest.approx([0.90, 0.45, 0.32, 0.26], abs=0.006)
    assert len({course.name for course in calm.courses}) == 6


def test_measures_of_a_course_are_those_of_its_valence(torn: Experiment) -> None:
    for course in torn.courses:
        valence = course.affect[:, 0]
        level = np.mean(TORN[:5]) - 0.1
        stays = [k + 1 for k in range(10) if (valence[15 + k :] >= level).all()]
        assert course.recovers == (stays[0] if stays else None)
        assert course.jitter == pytest.approx(sum(abs(b - a) for a, b in pairwise(valence)) / 24)
        assert course.overshoot == pytest.approx(max(0.0, max(valence) - max(TORN), min(TORN) - min(valence)))
        signs = [int(np.sign(v)) for v in valence]
        assert course.reversals == sum(a != b for a, b in pairwise(signs))


def test_a_steady_reconciliation_recovers_at_once_without_a_state(calm: Experiment) -> None:
    assert calm.courses[0].recovers == 1
    first = calm.courses[1].recovers
    assert first is not None and first > 1
    shown = told(calm)
    assert not shown["no recovery without a state"]
    assert shown["with a state there is recovery"]
    assert shown["with a state the response is delayed"]


def test_a_torn_reconciliation_does_not_recover_without_a_state(torn: Experiment) -> None:
    assert TORN[-1] < -0.1
    assert torn.courses[0].recovers is None
    assert told(torn)["no recovery without a state"]


@pytest.mark.parametrize("valence", [CALM, TORN, [-v for v in CALM], [0.1 * v for v in TORN]])
def test_verdicts_follow_the_numbers(valence: list[float]) -> None:
    experiment = replay(TURNS, scripted(valence))
    stateless, *states = experiment.courses
    loops, beyond = [c.hysteresis for c in states[1:]], [c.overshoot for c in states[1:]]
    assert told(experiment) == {
        "no recovery without a state": stateless.recovers is None,
        "with a state the response is delayed": min(c.lag for c in states) > stateless.lag,
        "with a state there is recovery": None not in [c.recovers for c in states],
        "a state makes reversals rarer": max(c.jitter for c in states) < stateless.jitter,
        "hysteresis grows with momentum": loops == sorted(set(loops)),
        "inertia grows with momentum: it carries affect further past its input": beyond == sorted(beyond)
        and beyond[0] < beyond[-1],
    }


def test_every_verdict_can_go_either_way() -> None:
    """Nothing is shown of a dialogue that is rated as one flat line, and all but the loops of some other."""
    flat, rough = told(replay(TURNS, scripted([0.1] * 25))), told(replay(TURNS, scripted(TORN)))
    kind = told(replay(TURNS, scripted(CALM)))
    never = told(replay(TURNS, scripted([v if k < 13 else -0.9 for k, v in enumerate(CALM)])))
    results = [flat, rough, kind, never]
    for claim in flat:
        assert {told_of[claim] for told_of in results} == {True, False}, claim


def test_verdicts_name_their_numbers(calm: Experiment, torn: Experiment) -> None:
    assert verdicts(calm)[0].because == "stateless valence stays recovered from turn 1 of the reconciliation"
    assert verdicts(torn)[0].because == "stateless valence stays recovered from no turn on"


@pytest.mark.parametrize("alpha", [0.0, 1.0, 1.5, -0.2, math.nan])
def test_alpha_out_of_range_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"alpha is .*; wanted more than 0 and less than 1"):
        replay(TURNS, scripted(CALM), alpha=alpha)


@pytest.mark.filterwarnings("error::UserWarning")
def test_replay_does_not_warn_of_the_ringing_it_is_to_show() -> None:
    replay(TURNS, scripted(CALM))


def test_the_experiment_is_three_files_and_nothing_else(tmp_path: Path, torn: Experiment) -> None:
    folder = tmp_path / "new" / "out"
    files = write_experiment(torn, folder)
    assert sorted(files) == sorted(folder.iterdir())
    assert [path.name for path in files] == ["dynamics.csv", "dynamics.md", "dynamics.png"]
    assert files[2].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    page = files[1].read_text(encoding="utf-8")
    assert "(dynamics.png)" in page
    assert page.count("**shown**") == sum(told(torn).values())
    assert page.count("**contradicted**") == 6 - sum(told(torn).values())
    write_experiment(torn, folder)
    assert len(list(folder.iterdir())) == 3


def test_the_table_holds_every_turn_of_every_condition(tmp_path: Path, torn: Experiment) -> None:
    write_experiment(torn, tmp_path)
    with (tmp_path / "dynamics.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 * 25
    for n, row in enumerate(rows):
        course, k = torn.courses[n // 25], n % 25
        assert (row["turn"], row["phase"], row["condition"]) == (str(k + 1), PHASES[k], course.name)
        for d, name in enumerate(("valence", "arousal", "dominance")):
            assert float(row[name]) == pytest.approx(course.affect[k, d], abs=6e-7)
            assert float(row[f"{name}_rating"]) == pytest.approx(torn.ratings[k, d], abs=6e-7)


def test_a_failed_drawing_leaves_nothing(tmp_path: Path, calm: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr("affectstream.multimodal.report.turns.draw", broken)
    with pytest.raises(OSError, match="no space"):
        write_experiment(calm, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_replays_its_own_dialogue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dynamics", "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["dynamics.csv", "dynamics.md", "dynamics.png"]
    assert shown.out.count("shown: ") + shown.out.count("contradicted: ") == 6
    assert "second order, momentum 0.95" in shown.out
    with (tmp_path / "out" / "dynamics.csv").open(encoding="utf-8", newline="") as file:
        ratings = [float(row["valence_rating"]) for row in csv.DictReader(file)][:25]
    assert np.mean(ratings[5:13]) < -0.2 < 0.2 < np.mean(ratings[15:])


def test_a_missing_dialogue_is_one_line_and_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "missing.json"
    assert main(["dynamics", "--out", str(tmp_path / "out"), "--dialogue", str(missing)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("affectstream dynamics: ") and "missing.json" in error
    assert error.count("\n") == 1 and "Traceback" not in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [({"turns": []}, "has phases []"), ("{", "is no dialogue"), (b"\xff\xfe\x00", "is no dialogue")],
)
def test_a_bad_dialogue_is_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: object, said: str
) -> None:
    path = tmp_path / "dialogue.json"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path = written(tmp_path, content)
    assert main(["dynamics", "--out", str(tmp_path / "out"), "--dialogue", str(path)]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


@pytest.mark.parametrize("text", ["", " ", "..."])
def test_a_turn_without_words_is_one_line_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    turns = [{"phase": phase, "text": "hello there"} for phase in ("opening", "adversarial", "reconciliatory")]
    path = written(tmp_path, {"turns": [*turns, {"phase": "reconciliatory", "text": text}]})
    assert main(["dynamics", "--out", str(tmp_path / "out"), "--dialogue", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("affectstream dynamics: ") and error.count("\n") == 1


def test_alpha_out_of_range_is_one_line_and_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dynamics", "--out", str(tmp_path / "out"), "--alpha", "1.5"]) == 2
    error = capsys.readouterr().err
    assert "alpha is 1.5" in error and error.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_one_line_and_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("in the way", encoding="utf-8")
    assert main(["dynamics", "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("affectstream dynamics: cannot write to ") and error.count("\n") == 1
    assert (tmp_path / "out").read_text(encoding="utf-8") == "in the way"
