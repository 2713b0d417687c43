"""A model that answers the 25 turns: what it is told, what is kept, and what is measured; with models written out here."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from affectstream.multimodal.agent.bands import Bands
from affectstream.multimodal.agent.own.answers import SYSTEM, UNTOLD, Answer, ModelError, Talk, talk
from affectstream.multimodal.agent.own.page import OwnState, page
from affectstream.multimodal.agent.own.words import own_block
from affectstream.multimodal.cli import main
from affectstream.multimodal.dynamics.character import Affect, Character
from affectstream.multimodal.dynamics.turns import Experiment, Turn, replay
from affectstream.multimodal.report.answers import tone_summary, write_talk

PHASES = ["opening"] * 3 + ["adversarial"] * 5 + ["reconciliatory"] * 7
TURNS = [Turn(phase, f"{value}") for phase, value in zip(PHASES, [0.0] * 3 + [-0.7] * 5 + [0.5] * 7, strict=True)]
Messages = list[dict[str, str]]
EXAMPLES = Path(__file__).parents[4] / "examples" / "agents"


def rate(texts: list[str]) -> NDArray[np.float64]:
    """Texts that say their own valence."""
    return np.array([[float(text), 0.0, 0.0] for text in texts])


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return replay(TURNS, rate)


def obedient(messages: Messages) -> str:
    told = messages[-1]["content"]
    return "-0.6" if "negative" in told else "0.6" if "positive" in told else "0.0"


def at(valence: float, arousal: float = 0.0, dominance: float = 0.0) -> OwnState:
    return page("vera", Character(), 1, Affect(0.0, np.array([valence, arousal, dominance])))


def talked(experiment: Experiment, llm: Callable[[Messages], str]) -> tuple[Talk, list[Answer]]:
    kept: list[Answer] = []
    return talk(experiment, llm, rate, kept.append), kept


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (at(0.0), "calm and neutral"),
        (at(-0.6, 0.7, 0.35), "negative, activated and fairly in control, perhaps angry"),
        (at(0.9, 0.5, 0.5), "very positive, activated and in control, perhaps happy"),
    ],
)
def test_the_block_says_levels_and_emotion_in_words(state: OwnState, words: str) -> None:
    assert own_block(state) == f"<own_affect>You feel {words}.</own_affect>"
    assert not any(c.isdigit() for c in own_block(state))


def test_the_block_holds_still_until_the_state_has_clearly_left() -> None:
    bands = Bands()
    blocks = [own_block(at(v), bands) for v in (0.30, 0.46, 0.44, 0.48, 0.47, 0.60)]
    assert len(set(blocks[:5])) == 1 and blocks[5] != blocks[4]


def test_each_condition_is_told_its_own_state_in_the_latest_message_only(experiment: Experiment) -> None:
    seen: list[Messages] = []

    def llm(messages: Messages) -> str:
        seen.append(messages)
        return f"{len(messages) / 100}"

    _, kept = talked(experiment, llm)
    assert len(seen) == len(kept) == 7 * len(TURNS)
    for n, (messages, answer) in enumerate(zip(seen, kept, strict=True)):
        c, k = divmod(n, len(TURNS))
        assert messages[0] == {"role": "system", "content": SYSTEM}
        assert [m["role"] for m in messages[1:]] == ["user", "assistant"] * k + ["user"]
        assert [m["content"] for m in messages[1:-1:2]] == [turn.text for turn in TURNS[:k]]
        assert [m["content"] for m in messages[2::2]] == [kept[n - k + i].said for i in range(k)]
        assert answer.turn == k + 1 and answer.condition == [UNTOLD, *(x.name for x in experiment.courses)][c]
        told = answer.told + "\n\n" if answer.told else ""
        assert messages[-1]["content"] == told + TURNS[k].text and (c > 0) == bool(told)
        if c == 1:  # stateless: what was just said, and nothing else
            side = "negative" if 3 <= k < 8 else "positive" if k >= 8 else "neutral"
            assert side in answer.told


def test_a_model_that_spoils_its_messages_spoils_only_its_own(experiment: Experiment) -> None:
    def rude(messages: Messages) -> str:
        said = obedient(messages)
        messages[0]["content"] = "spoilt"
        messages.clear()
        return said

    assert talked(experiment, rude)[1] == talked(experiment, obedient)[1]


def test_the_tone_is_measured_as_the_state_is(experiment: Experiment) -> None:
    told, _ = talked(experiment, obedient)
    assert not told.untold.affect.any() and told.untold.jitter == 0
    for course, state in zip(told.tone.courses, experiment.courses, strict=True):
        assert (course.name, course.momentum) == (state.name, state.momentum)
        steps = np.abs(np.diff(course.affect[:, 0]))
        assert course.jitter == pytest.approx(steps.sum() / len(steps))
        said = [float(a.said) for a in told.answers if a.condition == course.name]
        assert course.affect[:, 0].tolist() == said
        after = np.array(said[8:]) >= np.mean(said[:3]) - 0.1
        stays = [k + 1 for k in range(7) if after[k:].all()]
        assert course.recovers == (stays[0] if stays else None)
    slow = told.tone.courses[1]
    assert told.tone.courses[0].recovers == 1 and slow.recovers is not None and slow.recovers > 1


def test_how_far_the_tone_follows_the_state(experiment: Experiment) -> None:
    head, untold, stateless, *_ = tone_summary(experiment, talked(experiment, obedient)[0])
    assert head[-1] == "r with the state" and untold[-1] == "-" and float(stateless[-1]) > 0.95
    flat = tone_summary(experiment, talked(experiment, lambda messages: "0.2")[0])
    assert [row[-1] for row in flat[1:]] == ["-"] * 7
    against = tone_summary(experiment, talked(experiment, lambda m: str(-float(obedient(m))))[0])
    assert float(against[2][-1]) == -float(stateless[-1])


def test_three_files_are_written(tmp_path: Path, experiment: Experiment) -> None:
    told, _ = talked(experiment, obedient)
    files = write_talk(experiment, told, tmp_path / "out")
    assert [file.name for file in files] == ["answers.csv", "answers.md", "answers.png"]
    assert sorted(files) == sorted((tmp_path / "out").iterdir())
    before = [file.read_bytes() for file in files]
    assert [file.read_bytes() for file in write_talk(experiment, told, tmp_path / "out")] == before
    assert len((tmp_path / "out" / "answers.csv").read_text().splitlines()) == 1 + 7 * len(TURNS)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (None, "the model gave None at turn 2 of the condition 'stateless'; wanted a text"),
        (7, "the model gave 7 at"),
        ("  ", "wanted a text that is not empty"),
        ("no number", "the answer 'no number' to turn 2 of 'stateless' cannot be rated"),
        ("nan", "cannot be rated; wanted a sentence"),
        (
            RuntimeError("no power"),
            r"the model failed at turn 2 of the condition 'stateless' \(RuntimeError: no power\)",
        ),
    ],
)
def test_a_model_that_gives_no_answer_is_one_clear_error(experiment: Experiment, said: object, message: str) -> None:
    kept: list[Answer] = []

    def llm(messages: Messages) -> str:
        if len(kept) == len(TURNS) + 1:
            if isinstance(said, Exception):
                raise said
            return said  # pyright: ignore[reportReturnType]
        return "0.1"

    with pytest.raises(ModelError, match=message):
        talk(experiment, llm, rate, kept.append)
    assert len(kept) == len(TURNS) + 1


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder; what is imported from it is forgotten again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path


def test_the_command_with_the_scripted_model(
    tmp_path: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(EXAMPLES)
    out = tmp_path / "out"
    assert main(["dynamics", "--llm", "scripted_model:answer", "--out", str(out)]) == 0
    names = ["answers.csv", "answers.jsonl", "answers.md", "answers.png", "dynamics.csv", "dynamics.md", "dynamics.png"]
    assert sorted(path.name for path in out.iterdir()) == names
    said = [json.loads(line) for line in (out / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(said) == 7 * 25 and all(set(line) == {"condition", "turn", "told", "said"} for line in said)
    shown = capsys.readouterr().out
    assert "the tone of the answers" in shown and UNTOLD in shown and os.fspath(out / "answers.png") in shown
    for line in said:  # it does as it is told: the side of its words is that of the block
        assert not ("hate" in line["said"] and "negative" not in line["told"])


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("nothing", "", "'nothing' names no callable; wanted module:callable"),
        ("missing_one:answer", "", "missing_one cannot be imported (ModuleNotFoundError"),
        ("broken_one:answer", "1 / 0", "broken_one cannot be imported (ZeroDivisionError: division by zero)"),
        ("empty_one:answer", "", "answer is not there in empty_one; wanted a callable"),
        ("plain_one:answer", "answer = 'hello'", "answer is a str in plain_one; wanted a callable"),
    ],
)
def test_what_is_no_callable_is_one_line_and_code_2(
    here: Path, capsys: pytest.CaptureFixture[str], name: str, source: str, said: str
) -> None:
    if not name.startswith("missing"):
        (here / f"{name.partition(':')[0]}.py").write_text(source, encoding="utf-8")
    assert main(["dynamics", "--llm", name, "--out", "out"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("affectstream dynamics: ") and said in error and error.count("\n") == 1
    assert not (here / "out").exists()


def test_a_model_that_fails_leaves_what_was_done(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = "def answer(messages):\n    if len(messages) > 6: raise OSError('line is dead')\n    return 'All right.'\n"
    (here / "failing_one.py").write_text(source, encoding="utf-8")
    assert main(["dynamics", "--llm", "failing_one:answer", "--out", "out"]) == 1
    error = capsys.readouterr().err
    assert "the model failed at turn 4 of the condition 'told nothing' (OSError: line is dead)" in error
    assert error.count("\n") == 1 and "out/answers.jsonl" in error
    assert len((here / "out" / "answers.jsonl").read_text().splitlines()) == 3
    assert (here / "out" / "dynamics.png").exists() and not (here / "out" / "answers.png").exists()
