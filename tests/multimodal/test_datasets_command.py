"""``affectstream datasets``: what is listed, and what is found below a folder."""

import json
from pathlib import Path

import pytest

from affectstream.datasets.base import About
from affectstream.multimodal.cli import main
from affectstream.multimodal.commands import datasets as command

KNOWN = {
    "faces": About("Faces", "face", "many faces, looked at", "MIT", "https://example.org/a-long-address/of-faces", ("a.csv", "pictures/*.jpg"), True),
    "words": About("Words", "text", "said", "signed form", "ask Ann", ("words.txt",)),
}  # fmt: skip


@pytest.fixture(autouse=True)
def two_corpora(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "corpora", lambda: KNOWN)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["datasets", *words]) == 0
    return capsys.readouterr().out


def test_each_is_listed_with_its_terms(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys).splitlines()
    faces, words = (next(line for line in lines if line.startswith(name)) for name in ("Faces", "Words"))
    assert all(cell in faces for cell in ("many faces", "MIT", "yes", "https://example.org/a-long-address/of-faces"))
    assert all(cell in words for cell in ("said", "signed form", "no", "ask Ann"))
    assert "face" in lines and "text" in lines and not any("here" in line for line in lines)
    assert [line.index(head) for line, head in ((lines[0], "weights"), (faces, "yes"), (words, "no "))] == [
        lines[0].index("weights")
    ] * 3


def test_a_narrow_screen_breaks_cells_and_no_address(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setitem(KNOWN, "words", About("Words", "text", "said " * 20, "form", "ask Ann", ("words.txt",)))
    out = said(capsys)
    assert "https://example.org/a-long-address/of-faces" in out and out.count("said") == 20
    assert max(len(line) for line in out.splitlines() if "said" in line) <= 80


def test_one_modality(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "--modality", "text")
    assert "Words" in out and "Faces" not in out


def test_what_a_folder_holds(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "some/pictures").mkdir(parents=True)
    (tmp_path / "some/pictures/1.jpg").touch()
    out = said(capsys, "--root", str(tmp_path))
    assert f"nearly: {tmp_path / 'some'} has no a.csv\n" in out
    assert "not here" in out and "0 of 2 are here" in out
    (tmp_path / "some/a.csv").touch()
    (tmp_path / "words.txt").touch()
    out = said(capsys, "--root", str(tmp_path))
    assert f"+ here: {tmp_path / 'some'}\n" in out and f"+ here: {tmp_path}\n" in out
    assert "2 of 2 are here" in out


def test_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plain = json.loads(said(capsys, "--json"))
    assert list(plain) == ["faces", "words"] and plain["faces"]["shipped"] is True and "held" not in plain["faces"]
    (tmp_path / "words.txt").touch()
    (tmp_path / "a.csv").touch()
    found = json.loads(said(capsys, "--json", "--root", str(tmp_path)))
    assert (found["words"]["held"], found["words"]["folder"], found["words"]["missing"]) == (True, str(tmp_path), [])
    assert (found["faces"]["held"], found["faces"]["missing"]) == (False, ["pictures/*.jpg"])


def test_a_root_that_is_no_folder_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["datasets", "--root", str(tmp_path / "none")]) == 2
    assert "none is no folder; wanted one that holds corpora" in capsys.readouterr().err
