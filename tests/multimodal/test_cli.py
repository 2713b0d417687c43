"""The command line's own manners; what the verbs do is tested beside them."""

import subprocess
import sys
from pathlib import Path

import pytest

from affectstream.multimodal.cli import VERBS, main


def test_whoever_stops_reading_gets_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "affectstream.multimodal.cli", "dynamics", "--out", str(tmp_path)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert run.stdout is not None and run.stderr is not None
    run.stdout.close()
    said = run.stderr.read()
    assert run.wait(60) == 1 and said == ""


def test_every_verb_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    said = capsys.readouterr().out
    assert left.value.code == 0 and all(verb in said for verb in VERBS)
