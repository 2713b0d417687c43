"""The register names every corpus that has a reader, and what it says of each holds."""

from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from affectstream.datasets.base import About, Modality
from affectstream.datasets.register import CORPORA, corpora

ROOT = Path(__file__).parents[2]


def test_every_corpus_says_what_it_is() -> None:
    known = corpora()
    assert list(known) == [key for key, *_ in CORPORA] and len(known) == len(CORPORA)
    for key, about in known.items():
        assert isinstance(about, About), key
        assert about.modality in get_args(Modality), key
        assert all((about.name, about.what, about.licence, about.access, about.holds)), key
    assert len({about.name for about in known.values()}) == len(known)


def test_corpora_of_one_modality_stand_together() -> None:
    kinds = [about.modality for about in corpora().values()]
    assert len([k for k in range(1, len(kinds)) if kinds[k] != kinds[k - 1]]) == len(set(kinds)) - 1


def test_every_module_with_a_corpus_is_in_the_register() -> None:
    """A reader is known by its ABOUT; one that is written and not entered here would never be found."""
    written = {
        path.stem for path in (ROOT / "datasets").glob("*.py") if "ABOUT: ClassVar[About] = " in path.read_text()
    }
    assert written and written <= {module.rpartition(".")[2] for _, module, _ in CORPORA}


@pytest.mark.parametrize(("key", "module", "name"), CORPORA)
def test_a_folder_without_the_corpus_is_refused(key: str, module: str, name: str, tmp_path: Path) -> None:
    assert getattr(import_module(module), name).ABOUT.missing(tmp_path), key
