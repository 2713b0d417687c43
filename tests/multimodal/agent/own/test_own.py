"""An agent's own affect: its law against the character's, its file against itself, against loss and against damage."""

import contextlib
import gc
import hashlib
import json
import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from affectstream.multimodal.agent.own.affect import AgentAffect, Rate
from affectstream.multimodal.agent.own.file import AgentError
from affectstream.multimodal.agent.own.law import Manner, known_share
from affectstream.multimodal.agent.own.page import OwnState
from affectstream.multimodal.agent.own.replay import replay, verify
from affectstream.multimodal.agent.state import AffectState, Tracker
from affectstream.multimodal.dynamics.character import Affect, Character, step, step_together
from affectstream.multimodal.dynamics.filter import Look
from affectstream.multimodal.dynamics.turns import follow


def rate(texts: list[str]) -> NDArray[np.float64]:
    """Three numbers of each text's hash, in [-1, 1]."""
    return np.array([[byte / 127.5 - 1 for byte in hashlib.sha256(t.encode()).digest()[:3]] for t in texts])


def opened(
    folder: Path,
    agent: str = "vera",
    *,
    rate: Rate = rate,
    character: Character | None = None,
    manner: Manner | None = None,
) -> AgentAffect:
    return AgentAffect.open(folder / "agents.db", agent, rate=rate, character=character, manner=manner)


def person(value: float, variance: float = 0.001) -> AffectState:
    tracker = Tracker()
    tracker.add(1.0, Look("face/0", np.full(3, value), np.full(3, variance)))
    return tracker.state(1.0)


def talk(own: AgentAffect, turns: int, start: int = 0) -> list[OwnState]:
    """Turns three seconds apart, every other one the agent's own, every fifth with a person in sight."""
    return [
        own.hear(
            f"turn {k}", 3.0 * k, "agent" if k % 2 else "user", person(math.sin(k)) if k % 5 == 0 else None
        )
        for k in range(start, start + turns)
    ]  # fmt: skip


def bits(own: AgentAffect) -> str:
    return json.dumps(own.snapshot()["affect"])


def test_one_utterance_a_turn_is_the_characters_course(tmp_path: Path) -> None:
    """A dwell of a turn and no way back in between: the recursion that the 25-turn experiment runs."""
    character = Character(lag=4.0, damping=None, settle=math.inf)
    texts = [f"turn {k}" for k in range(12)]
    with opened(tmp_path, character=character, manner=Manner(dwell=1.0)) as own:
        own.hear(texts[0], 0.0)
        got = [own.hear(text, float(k)).vad for k, text in enumerate(texts[1:], start=1)]
    ratings = np.vstack([np.zeros(3), rate(texts)])
    np.testing.assert_allclose([[v for _, v in vad] for vad in got], follow(character, ratings)[2:], atol=1e-12)


@pytest.mark.parametrize("damping", [None, 0.8])
def test_overnight_the_character_settles_to_its_baseline(tmp_path: Path, damping: float | None) -> None:
    character = Character(baseline=(0.2, -0.1, 0.3), damping=damping, settle=3600.0)
    with opened(tmp_path, character=character) as own:
        own.hear("turn 5", 100.0)
        evening = own.state()
    with opened(tmp_path) as own:  # the next session
        alone = step(character, Affect.from_dict(own.snapshot()["affect"]), 7300.0, [math.nan] * 3, confidence=0.0)
        assert [v for _, v in own.state(7300.0).vad] == pytest.approx(alone.value, abs=1e-12)
        if damping is None:
            faded = 0.2 + (evening.vad.valence - 0.2) * math.exp(-2)
            assert own.state(7300.0).vad.valence == pytest.approx(faded, abs=1e-9)
        assert [v for _, v in own.state(1e6).vad] == pytest.approx([0.2, -0.1, 0.3], abs=1e-9)
        assert own.state() == evening  # asking changes nothing


def test_own_words_are_heeded_as_the_manner_says(tmp_path: Path) -> None:
    manner = Manner(dwell=1.0, heed_user=0.9, heed_own=0.0)
    with opened(tmp_path, manner=manner) as own:
        assert own.hear("turn 1", 0.0, "agent").vad.valence == 0.0
        got = own.hear("turn 2", 0.0, "user")
    alone = step(Character(), Character().at_rest(), 1.0, rate(["turn 2"])[0], confidence=0.9)
    assert [v for _, v in got.vad] == pytest.approx(alone.value)


def test_a_person_pulls_by_what_is_known_of_them(tmp_path: Path) -> None:
    seen = person(0.8)
    sd = np.array([v for _, v in seen.sd])
    vad = np.array([v for _, v in seen.vad])
    with opened(tmp_path, manner=Manner(dwell=1.0, contagion=0.5)) as own:
        near = own.hear("turn 1", 0.0, person=seen)
    weight = 1 - (sd / 0.45) ** 2
    pull = np.zeros((3, 2, 2))
    pull[:, 0, 1] = 0.5 * weight
    still = Character(damping=None, settle=math.inf)
    both = [Character().at_rest(), Affect(0.0, vad)]
    nothing = [math.nan] * 3
    after = step_together([Character(), still], both, 1.0, [rate(["turn 1"])[0], nothing], [1.0, 0.0], pull)
    assert [v for _, v in near.vad] == pytest.approx(after[0].value)
    np.testing.assert_allclose(after[1].value, vad)  # and is not pulled


def test_a_person_of_whom_nothing_is_known_does_not_pull(tmp_path: Path) -> None:
    with opened(tmp_path, "a") as a, opened(tmp_path, "b") as b:
        assert a.hear("turn 1", 0.0, person=Tracker().state(0.0)).vad == b.hear("turn 1", 0.0).vad


@given(st.floats(0, 2))
def test_what_is_known_is_a_share(sd: float) -> None:
    share = known_share(np.full(3, sd))
    assert (share >= 0).all() and (share <= 1).all() and (share == 0).all() == (sd >= 0.45)


def test_words_without_a_rating_let_it_settle(tmp_path: Path) -> None:
    with opened(tmp_path, rate=lambda texts: np.full((1, 3), np.nan)) as own:
        assert own.hear("...", 1.0).vad.valence == 0.0
        assert own.state().turn == 1
    assert verify(tmp_path / "agents.db") is None


def test_personality_is_kept_with_the_agent(tmp_path: Path) -> None:
    anxious = Character.of_personality(neuroticism=0.8, extraversion=-0.3)
    with opened(tmp_path, character=anxious) as own:
        assert own.state(5.0).vad.valence == pytest.approx(anxious.baseline[0])
        assert own.state(5.0).mood.valence == pytest.approx(anxious.baseline[0])
    with opened(tmp_path) as own, opened(tmp_path, character=anxious):
        assert own.state(5.0).vad.valence == pytest.approx(anxious.baseline[0])
    with pytest.raises(ValueError, match="leave them out to go on"):
        opened(tmp_path, character=Character())


def test_the_page_has_a_schema(tmp_path: Path) -> None:
    with opened(tmp_path) as own:
        state = talk(own, 5)[-1]
    schema = OwnState.schema_page()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(state.to_json()), schema)
    assert json.loads(state.to_json())["schema"] == "agent-affect/1"
    assert OwnState.model_validate_json(state.to_json()) == state
    assert (state.agent, state.turn, state.time) == ("vera", 5, 12.0)


def test_agents_in_one_file_do_not_touch_each_other(tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    with opened(tmp_path, "a") as a, opened(tmp_path, "b") as b, opened(tmp_path / "alone", "a") as alone:
        for k in range(10):
            a.hear(f"turn {k}", float(k))
            b.hear(f"other {k}", float(k))
            alone.hear(f"turn {k}", float(k))
        assert bits(a) == bits(alone) != bits(b)


def test_sessions_and_restored_snapshots_go_on_with_the_same_bits(tmp_path: Path) -> None:
    with opened(tmp_path, "whole") as own:
        talk(own, 30)
        wanted = bits(own)
    with opened(tmp_path, "parted") as own:
        talk(own, 11)
    with opened(tmp_path, "parted") as own:
        talk(own, 9, 11)
        kept = json.loads(json.dumps(own.snapshot()))
        talk(own, 10, 20)
        assert bits(own) == wanted
    with AgentAffect.restore(tmp_path / "other.db", kept, rate=rate) as own:
        assert own.state().turn == 20
        talk(own, 10, 20)
        assert bits(own) == wanted
    assert verify(tmp_path / "other.db") is None
    with pytest.raises(AgentError, match="has an agent 'parted' already"):
        AgentAffect.restore(tmp_path / "other.db", kept, rate=rate)


@pytest.mark.parametrize("bad", [{}, {"schema": "agent-snapshot/9"}, {"schema": "agent-snapshot/1", "agent": "x"}])
def test_what_is_no_snapshot_is_refused(tmp_path: Path, bad: dict) -> None:
    with pytest.raises(ValueError, match="not a snapshot of an agent"):
        AgentAffect.restore(tmp_path / "agents.db", bad, rate=rate)
    assert not (tmp_path / "agents.db").exists()


def test_the_log_holds_numbers_and_no_words(tmp_path: Path) -> None:
    secret = "My neighbour Ottokar knows it."
    with opened(tmp_path) as own:
        own.hear(secret, 2.5, person=person(0.3))
    (replayed,) = replay(tmp_path / "agents.db", "vera")
    assert replayed.entry.rating == pytest.approx(rate([secret])[0], abs=0)
    assert replayed.entry.text_sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert replayed.entry.person_vad[0] == person(0.3).vad.valence
    for file in tmp_path.iterdir():
        assert b"Ottokar" not in file.read_bytes()


def test_replay_is_equal_to_the_bit_and_finds_the_first_change(tmp_path: Path) -> None:
    path = tmp_path / "agents.db"
    with opened(tmp_path, character=Character(lag_falling=5.0, mood_gain=0.3)) as own:
        talk(own, 40)
    assert [r.turn for r in replay(path, "vera")] == list(range(1, 41))
    assert max(r.distance for r in replay(path, "vera")) == 0.0 and verify(path) is None
    with sqlite3.connect(path) as file:
        file.execute("UPDATE turns SET rated_valence = rated_valence + 1e-15 WHERE turn = 23")
    found = verify(path)
    assert found is not None and (found.agent, found.turn) == ("vera", 23) and 0 < found.distance < 1e-14
    with sqlite3.connect(path) as file:
        file.execute("DELETE FROM turns WHERE turn = 7")
    assert verify(path) == ("vera", 7, math.inf)
    with sqlite3.connect(path) as file:
        file.execute("UPDATE turns SET time = -1 WHERE turn = 4")
    assert verify(path) == ("vera", 4, math.inf)


@pytest.mark.parametrize("value", [-0.0, 0.0, 1.0, -1.0, 5e-324, 0.1])
def test_every_number_comes_back_to_the_bit(tmp_path: Path, value: float) -> None:
    with opened(tmp_path, rate=lambda texts: np.full((1, 3), value)) as own:
        for k in range(3):
            own.hear("x", float(k) - 0.0)
    assert verify(tmp_path / "agents.db") is None


def test_a_compacted_log_replays_from_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "agents.db"
    with opened(tmp_path) as own:
        talk(own, 30)
        wanted = bits(own)
        assert own.compact(before=21) == 20
        assert bits(own) == wanted
        assert [r.turn for r in replay(path, "vera")] == list(range(21, 31)) and verify(path) is None
        assert own.compact(before=31) == 10
        assert bits(own) == wanted and verify(path) is None
        talk(own, 5, 30)
    assert [r.turn for r in replay(path, "vera")] == list(range(31, 36)) and verify(path) is None
    with opened(tmp_path) as own:
        for before in (30, 37, -1):
            with pytest.raises(ValueError, match="wanted a number from 31 to 36"):
                own.compact(before=before)


def test_replay_holds_one_turn_at_a_time(tmp_path: Path) -> None:
    """Ten times the turns, the same memory."""

    def peak(agent: str) -> int:
        list(zip(range(5), replay(tmp_path / "agents.db", agent), strict=False))  # what is loaded once
        tracemalloc.start()
        for replayed in replay(tmp_path / "agents.db", agent):
            if replayed.turn % 10 == 0:
                gc.collect()  # what waits to be collected is not held
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    for agent, turns in (("short", 20), ("long", 200)):
        with opened(tmp_path, agent) as own:
            for k in range(turns):
                own.hear("x", float(k))
    assert peak("long") < peak("short") + 20_000  # bytes: less than the numbers of 180 turns


def test_threads_share_one_agent(tmp_path: Path) -> None:
    with opened(tmp_path) as own:
        threads = [threading.Thread(target=lambda: [own.hear("x", 1.0) for _ in range(8)]) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert own.state().turn == 24
    assert verify(tmp_path / "agents.db") is None


SETUP = """
import hashlib, os, sys
from pathlib import Path
import numpy as np
from affectstream.multimodal.agent.own.affect import AgentAffect

def rate(texts):
    return np.array([[byte / 127.5 - 1 for byte in hashlib.sha256(t.encode()).digest()[:3]] for t in texts])

path = Path(sys.argv[1])
"""


def test_a_closed_one_says_so(tmp_path: Path) -> None:
    with opened(tmp_path) as own:
        pass
    with pytest.raises(AgentError, match="was closed"):
        own.state()


def test_processes_share_one_agent(tmp_path: Path) -> None:
    code = f"{SETUP}\nfor k in range(15):\n  with AgentAffect.open(path, 'vera', rate=rate) as own: own.hear('x', 1.0)"
    command = [sys.executable, "-c", code, str(tmp_path / "agents.db")]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[1] for process in running] == ["", "", ""]
    with opened(tmp_path) as own:
        assert own.state().turn == 45
    assert verify(tmp_path / "agents.db") is None


RUN = f"""{SETUP}
def say(line):
    os.write(1, (line + "\\n").encode())  # at once, so that no line is cut by a kill

# Loads everything once, then forks one worker after the other; each says its number and acknowledges every turn.
while True:
    child = os.fork()
    if not child:
        say(f"pid {{os.getpid()}}")
        with AgentAffect.open(path, "vera", rate=rate) as own:
            for k in range(own.state().turn, int(sys.argv[2])):
                own.hear(f"turn {{k}}", 3.0 * k, "agent" if k % 2 else "user")
                say(f"turn {{k + 1}}")
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
    say("killed")
    sys.stdin.readline()
"""


def killed(path: Path, turns: int, kills: int, seed: int) -> int:
    """Run ``turns`` turns at ``path``, killed up to ``kills`` times at random points; how often it was.

    After each kill the file must open, hold every acknowledged turn, and replay to the bit.
    """
    chance, done, pid, acknowledged = random.Random(seed), 0, 0, 0
    command = [sys.executable, "-c", RUN, str(path), str(turns)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        until, began = chance.randrange(2 * turns // (kills + 1)), 0
        for line in process.stdout:
            word, number = [*line.split(), ""][:2]
            if word == "pid":
                pid, began = int(number), acknowledged
            elif word == "turn":
                acknowledged = int(number)
            if word == "killed":
                with AgentAffect.open(path, "vera", rate=rate) as own:
                    kept = own.state().turn
                assert kept in (acknowledged, acknowledged + 1)
                assert verify(path) is None
                acknowledged, done = kept, done + 1
                until = chance.randrange(1, 2 * turns // (kills + 1))
                process.stdin.write("\n")
                process.stdin.flush()
            elif done < kills and acknowledged - began >= until:
                threading.Timer(chance.random() * 0.004, lambda p=pid: _kill(p)).start()
                until = turns
    assert process.returncode == 0
    return done


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it was done
        os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("turns", "kills", "seed"), [(120, 12, 1), pytest.param(500, 60, 2, marks=pytest.mark.slow)])
def test_nothing_acknowledged_is_lost_when_it_is_killed(tmp_path: Path, turns: int, kills: int, seed: int) -> None:
    assert killed(tmp_path / "killed.db", turns, kills, seed) >= kills // 2
    with opened(tmp_path, character=Character()) as whole:
        for k in range(turns):
            whole.hear(f"turn {k}", 3.0 * k, "agent" if k % 2 else "user")
        wanted = bits(whole)
    with AgentAffect.open(tmp_path / "killed.db", "vera", rate=rate) as own:
        assert own.state().turn == turns and bits(own) == wanted
    pairs = zip(replay(tmp_path / "killed.db", "vera"), replay(tmp_path / "agents.db", "vera"), strict=True)
    assert all(a.entry.text_sha256 == b.entry.text_sha256 and a.kept.tobytes() == b.kept.tobytes() for a, b in pairs)


def test_the_example_runs_twice_on_one_file(tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).parents[4] / "examples" / "agents" / "own_affect.py")]
    for _ in range(2):
        done = subprocess.run([*command, str(tmp_path / "agents.db")], capture_output=True, text=True, check=True)
        assert done.stdout.count("<own_affect>") == 5 and "to the bit" in done.stdout
    assert [r.turn for r in replay(tmp_path / "agents.db", "vera")] == list(range(1, 11))
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda own: own.hear("x", math.nan), "time is nan; wanted finite"),
        (lambda own: own.hear("x", -1.0), "wanted one time, and none back"),
        (lambda own: own.hear("x", 1.0, "nobody"), "who is 'nobody'; wanted 'user' or 'agent'"),
        (lambda own: own.state(-1.0), "none back"),
    ],
)
def test_what_cannot_be_changes_nothing(tmp_path: Path, call: Callable[[AgentAffect], object], message: str) -> None:
    with opened(tmp_path) as own:
        own.hear("x", 0.0)
        before = bits(own)
        with pytest.raises(ValueError, match=message):
            call(own)
        assert bits(own) == before and own.hear("x", 1.0).turn == 2


@pytest.mark.parametrize("rated", [np.zeros(3), np.zeros((2, 3)), np.array([[0, 0, 1.1]]), np.array([[0, 0, np.inf]])])
def test_ratings_that_are_none_are_refused(tmp_path: Path, rated: NDArray[np.float64]) -> None:
    with (
        opened(tmp_path, rate=lambda texts: rated) as own,
        pytest.raises(ValueError, match=r"the rating is .*; wanted three values"),
    ):
        own.hear("x", 0.0)


def spoilt(path: Path, how: str) -> None:
    if how == "missing":
        path.unlink()
    elif how == "text":
        path.write_bytes(b"hello" * 1000)
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    else:
        with sqlite3.connect(path) as file:
            file.execute(how)
        file.close()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("missing", r"no .*agents\.db; wanted a file in which"),
        ("text", r"agents\.db is damaged \(file is not a database\)"),
        ("cut", r"agents\.db is damaged \(.*malformed"),
        ("PRAGMA user_version=2", r"is of version 2; wanted 1; upgrade affectstream"),
        ("PRAGMA application_id=7", r"is not a file of agents' affect"),
        ("UPDATE agents SET character = '{}'", r"is damaged: 'vera' has no character that can be read"),
        ("UPDATE turns SET rated_valence = 'high' WHERE turn = 3", r"is damaged: turn 3 of 'vera' holds no numbers"),
        ("DELETE FROM turns WHERE turn = 3", r"lacks turn 3 of 'vera'"),
        ("DELETE FROM agents", r"has no agent 'vera'; wanted one of those in it: none"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_one_clear_error(tmp_path: Path, how: str, message: str) -> None:
    with opened(tmp_path) as own:
        talk(own, 20)
    path = tmp_path / "agents.db"
    spoilt(path, how)
    with pytest.raises(AgentError, match=message):
        list(replay(path, "vera"))
    assert path.exists() == (how != "missing")


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "agents.db"
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE bills (sum REAL)")
    file.close()
    before = path.read_bytes()
    with pytest.raises(AgentError, match="is not a file of agents' affect"):
        opened(tmp_path)
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"no .*nowhere; wanted an existing folder"):
        opened(tmp_path / "nowhere")


def test_a_locked_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affectstream.multimodal.agent.own.file.PATIENCE", 0.05)
    with opened(tmp_path) as own:
        own.hear("x", 0.0)
        other = sqlite3.connect(tmp_path / "agents.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AgentError, match="was locked by another process"):
            own.hear("x", 1.0)
        other.execute("ROLLBACK")
        other.close()
        assert own.hear("x", 1.0).turn == 2
