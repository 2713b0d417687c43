"""BAH: 300 people answer seven questions before their webcam, and experts mark ambivalence and hesitancy.

González-González, Belharbi et al. 2026, ICLR, arXiv 2505.19328. Under a signed agreement, for faculty of universities;
it may not be passed on. Read from the folder of the public access, ``BAH_DB_public_access``:
``data/Videos/<participant>/Visite_1/`` with a video for each question, and the official split ``data/split/train.txt``,
``val.txt`` and ``test.txt``. A line of these is the video below ``data``, 1 or 0 for the presence of ambivalence or
hesitancy anywhere in it, and what was said, between commas; it is no CSV, for the speech has commas and quotation marks
of its own, and the names of videos have spaces. The repository of the authors has the lists of the first release (224
people, 1,118 videos) in ``dataset-splits/video-level/BAH_DB/split-0``; of an older copy, put them and its ``Videos``
there.

No participant is in two parts. The labels of frames, of which a sixth are marked, are not read: how their
files are laid out is not documented. Ambivalence is no point in valence and arousal: ``vad`` is unknown.
"""

from pathlib import Path, PurePosixPath
from typing import ClassVar

from affectstream.datasets.base import PARTS, About, Corpus

MARKS = ("ambivalence_hesitancy",)


class Bah(Corpus):
    """BAH as a :class:`Corpus`, in the order of its lists: the subject is the participant, the trial the video.

    A signal is the path of a video; ``present`` (n, 1) says whether ambivalence or hesitancy is anywhere in it, and
    ``transcript`` (n,) what was said.

    Raises FileNotFoundError if ``folder`` does not hold the corpus; ValueError for a line of another form, a video that
    is listed twice, and a participant who is in two parts.
    """

    ABOUT: ClassVar[About] = About(
        "BAH",
        "audio-visual",
        "1,427 webcam videos of 300 people answering questions; ambivalence or hesitancy, yes or no",
        "its own agreement, signed; no passing on",
        "the owners' form: github.com/LIVIAETS/bah-dataset; BAH_DB_public_access",
        ("data/Videos/*", *(f"data/split/{part}.txt" for part in PARTS)),
    )

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        self._root = folder / "data"
        self._videos: list[str] = []
        self.transcript: tuple[str, ...] = ()
        subjects, parts, present, said = [], [], [], []
        of: dict[str, str] = {}
        for part in PARTS:
            path = self._root / "split" / f"{part}.txt"
            for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), 1):
                if not line.strip():
                    continue
                video, label, text = (*line.split(",", 2), "", "")[:3]
                steps = PurePosixPath(video).parts
                if len(steps) < 3 or steps[0] != "Videos" or ".." in steps or label not in ("0", "1"):
                    raise ValueError(
                        f"{path}, line {number}: {line[:80]!r}; "
                        "wanted Videos/<participant>/.../<name>.mp4,<0 or 1>,<speech>"
                    )
                if of.setdefault(steps[1], part) != part:
                    raise ValueError(
                        f"{path}, line {number}: {steps[1]} is also in {of[steps[1]]}.txt; wanted lists of one release"
                    )
                self._videos.append(video)
                subjects.append(steps[1])
                parts.append(part)
                present.append([float(label)])
                said.append(text.strip())
        if len(set(self._videos)) < len(self._videos):
            twice = next(video for video in self._videos if self._videos.count(video) > 1)
            raise ValueError(
                f"{self._root / 'split'} lists {twice} twice; wanted every video once; get the lists again"
            )
        self.transcript = tuple(said)
        trials = [PurePosixPath(video).stem for video in self._videos]
        super().__init__(subjects, trial=trials, part=parts, marks=MARKS, present=present)

    def signal(self, index: int) -> str:
        video = self._root / self._videos[index]
        if not video.is_file():
            raise FileNotFoundError(
                f"{video} is missing; the official split lists it; are the lists and the videos of one release?"
            )
        return str(video)
