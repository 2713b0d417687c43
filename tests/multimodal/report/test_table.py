"""What ``write_table`` wrote, ``read_table`` gives back, and what is no such table is refused in words."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectstream.multimodal.report.table import AFFECT, columns, read_table, write_table
from affectstream.multimodal.types import Trace


def trace(source: str, rows: int, seed: int, names: tuple[str, ...]) -> Trace:
    rng = np.random.default_rng(seed)
    mean = rng.uniform(-1, 1, (rows, 3))
    mean[rng.random(rows) < 0.3] = np.nan
    return Trace(
        source,
        time=np.sort(rng.uniform(0, 100, rows)),
        mean=mean,
        variance=rng.uniform(0.01, 1, (rows, 3)),
        quality=rng.random(rows),
        span=rng.random(rows),
        labels=rng.dirichlet(np.ones(len(names)), rows) if names else None,
        label_names=names,
    )


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@given(st.integers(1, 30), st.integers(0, 2**32))
def test_a_table_that_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, ending: str, rows: int, seed: int
) -> None:
    file = tmp_path_factory.mktemp("table") / f"a.{ending}"
    written = {
        "face/0": trace("face/0", rows, seed, ("happiness", "anger")),
        "speech": trace("speech", 3, seed + 1, ("anger",)),
        "state": trace("state", 7, seed + 2, ()),
    }
    write_table(columns(written), file, AFFECT)
    read = read_table(file)
    assert list(read) == list(written)
    for source, was in written.items():
        now = read[source]
        assert now.label_names == was.label_names
        for name in ("time", "mean", "sd", "quality", "span", *(["labels"] if was.label_names else [])):
            np.testing.assert_allclose(getattr(now, name), getattr(was, name), atol=6e-7, err_msg=name)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.parquet", b"PAR1 and then nothing", "cannot be read"),
        ("a.csv", b"time,valence\n1,0.5\n", "no column arousal"),
        ("a.csv", b"", "cannot be read"),
        (
            "a.csv",
            b"time,source,valence,arousal,dominance,valence_sd,arousal_sd,dominance_sd,quality,span\n1,x,9,0,0,1,1,1,1,0\n",
            r"wanted \[-1, 1\]",
        ),
        (
            "a.csv",
            b"time,source,valence,arousal,dominance,valence_sd,arousal_sd,dominance_sd,quality,span\nsoon,x,0,0,0,1,1,1,1,0\n",
            "holds what no trace can",
        ),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=said) as error:
        read_table(tmp_path / name)
    assert name in str(error.value)


def test_a_table_of_a_newer_version_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    write_table(columns({"x": trace("x", 3, 0, ())}), file, {"schema": "affect-table/2"})
    with pytest.raises(ValueError, match="is of affect-table/2; wanted affect-table/1"):
        read_table(file)
