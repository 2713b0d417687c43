"""CREMA-D votes: counts to shares and derived VAD, one actor in one split."""

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from affectstream.datasets.cremad_votes import (
    EMOTION_VAD,
    LETTERS,
    WAYS,
    CremadVotes,
    derived_vad,
    sampling_variance,
)

COLUMNS = ["clip", "actor", "role"] + [f"{way}_{letter}" for way in WAYS for letter in LETTERS]


def write(folder: Path, rows: Sequence[Sequence[object]], columns: Sequence[str] = COLUMNS) -> Path:
    with gzip.open(folder / "cremad_votes.csv.gz", "wt", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return folder


def test_counts_become_shares_and_their_terms(tmp_path: Path) -> None:
    voice, face, av = [1, 0, 0, 0, 1, 0], [0, 0, 0, 4, 0, 0], [0, 0, 0, 5, 5, 0]
    folder = write(tmp_path, [["a", "1001", "train", *voice, *face, *av], ["b", "1002", "test", *av, *av, *voice]])
    train = CremadVotes(folder, "train")
    assert len(train) == 1 and train[0].subject == "1001"
    np.testing.assert_allclose(train[0].target.labels, [0, 0, 0, 0.5, 0.5, 0])
    np.testing.assert_allclose(train[0].target.vad, [0.405, 0.255, 0.23], atol=1e-6)
    assert np.asarray(train[0].signal).tolist() == [voice, face]
    np.testing.assert_allclose(CremadVotes(folder, "test").vad, [[-0.255, 0.295, 0.125]], atol=1e-6)


def test_sampling_variance_is_that_of_shares_drawn_from_the_posterior() -> None:
    votes = np.array([6.0, 2, 0, 0, 2, 0])
    draws = np.random.default_rng(0).dirichlet(votes + 0.5, 200_000) @ EMOTION_VAD
    got = sampling_variance(votes / 10, np.array(10.0))
    np.testing.assert_allclose(got, draws.var(0), rtol=0.02)


def test_a_folder_without_the_table_another_table_and_an_unjudged_clip_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cremad_votes\.csv\.gz"):
        CremadVotes(tmp_path, "train")
    write(tmp_path, [["a", "1001", "train"]], COLUMNS[:3])
    with pytest.raises(ValueError, match="wanted also"):
        CremadVotes(tmp_path, "train")
    write(tmp_path, [["a", "1001", "train", *[1] * 12, *[0] * 6]])
    with pytest.raises(ValueError, match="clip a has av votes"):
        CremadVotes(tmp_path, "train")
    with pytest.raises(ValueError, match="no clips of split 'val'"):
        CremadVotes(tmp_path, "val")


def test_published_table(shared_data: Path) -> None:
    folder = shared_data / "av"
    if not (folder / "cremad_votes.csv.gz").exists():
        pytest.skip(f"no CREMA-D votes in {shared_data}")
    parts = {name: CremadVotes(folder, name) for name in ("train", "val", "test")}
    actors = [set(part.actor.tolist()) for part in parts.values()]
    assert not actors[0] & actors[1] and not actors[0] & actors[2] and not actors[1] & actors[2]
    assert set().union(*actors) <= {str(number) for number in range(1001, 1092)}
    for part in parts.values():
        np.testing.assert_allclose(part.share.sum(1), 1, atol=1e-6)
        intended = np.array([name.split("_")[2] for name in part.clip])
        codes = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
        named = np.stack([part.share[intended == code].mean(0) for code in codes])
        assert named.argmax(0).tolist() == list(range(6)), "each emotion is named most where it was acted"
    assert derived_vad(np.eye(6)).shape == (6, 3)
