"""EmoBank and GoEmotions, as published."""

from pathlib import Path

import numpy as np
import pytest

from affectstream.datasets.emobank import EmoBank
from affectstream.datasets.goemotions import GoEmotions

HEADER = "id,split,V,A,D,text\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "emobank.csv").write_text(
        HEADER + 'a,train,3.0,4.0,2.0,"He said ""no"", twice"\nb,test,5.0,1.0,3.0,NaN\n', encoding="utf-8"
    )
    (tmp_path / "reader.csv").write_text('"id","V","A","D"\n"a","3.5","4.0","2.0"\n', encoding="utf-8")
    (tmp_path / "writer.csv").write_text('"id","V","A","D"\n"b","5.0","1.0","3.0"\n', encoding="utf-8")
    return tmp_path


def test_scale_and_text(folder: Path) -> None:
    train, test = EmoBank(folder, "train"), EmoBank(folder, "test")
    assert train.text == ('He said "no", twice',)
    assert train.vad.tolist() == [[0.0, 0.5, -0.5]]
    assert test.text == ("NaN",), "a sentence that looks like a missing number is a sentence"
    assert test[0].target.vad.tolist() == [1.0, -1.0, 0.0]
    assert test[0].subject == "b"


def test_a_missing_perspective_is_unknown(folder: Path) -> None:
    train = EmoBank(folder, "train")
    assert train.reader.tolist() == [[0.25, 0.5, -0.5]]
    assert np.isnan(train.writer).all()


def test_a_rating_outside_the_scale_is_refused(folder: Path) -> None:
    (folder / "emobank.csv").write_text(HEADER + "a,train,7.0,4.0,2.0,x\n", encoding="utf-8")
    with pytest.raises(ValueError, match="wanted 1 to 5"):
        EmoBank(folder, "train")


def test_a_missing_file_and_an_empty_split_say_what_was_wanted(folder: Path) -> None:
    with pytest.raises(ValueError, match="no rows of split 'dev'"):
        EmoBank(folder, "dev")
    (folder / "writer.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"writer\.csv"):
        EmoBank(folder, "train")


def test_published_sizes_and_means(shared_data: Path) -> None:
    where = shared_data / "text" / "EmoBank"
    if not where.is_dir():
        pytest.skip(f"no EmoBank in {shared_data}")
    splits = {name: EmoBank(where, name) for name in ("train", "dev", "test")}
    assert [len(split) for split in splits.values()] == [8062, 1000, 1000]
    assert not set(splits["train"].ids) & set(splits["test"].ids)
    vad = np.concatenate([split.vad for split in splits.values()])
    np.testing.assert_allclose(vad.mean(0) * 2 + 3, [2.977, 3.042, 3.063], atol=0.002)
    np.testing.assert_allclose(vad.std(0) * 2, [0.349, 0.260, 0.210], atol=0.002)
    assert all(isinstance(text, str) and text for split in splits.values() for text in split.text)


def test_goemotions(tmp_path: Path) -> None:
    source = tmp_path / "data" / "original"
    source.mkdir(parents=True)
    (source / "labels.txt").write_text("joy\nfear\nneutral")
    (source / "train.tsv").write_text('so "good\t0,1\tx1\nok\u2028then\t2\tx2\n', encoding="utf-8")
    corpus = GoEmotions(tmp_path, "train")
    assert corpus.text == ('so "good', "ok\u2028then")
    assert corpus.present.tolist() == [[1, 1, 0], [0, 0, 1]]
    assert corpus[0].target.labels.tolist() == [0.5, 0.5, 0.0]
    assert np.isnan(corpus[0].target.vad).all()
    with pytest.raises(FileNotFoundError, match=r"test\.tsv"):
        GoEmotions(tmp_path, "test")
