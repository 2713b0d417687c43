"""EAV: 42 people in conversation, filmed, heard and with 30 electrodes.

Lee, Shomanov, Begim et al. 2024, Scientific Data 11, 1026. On request from Zenodo (record 10205702), where access is
restricted. Read from its folder as published: ``subject1`` (or ``subject01``) to ``subject42``, each with
``Video/001_Trial_01_Listening_Neutral.mp4`` to ``200_...`` of 20 s; ``Audio/002_Trial_02_Speaking_Neutral_Aud.wav`` for
the 100 in which the person speaks; and ``EEG/subject1_eeg.mat``, ``seg1`` or, of some people, ``seg`` (10000 samples at
500 Hz, 30 channels, 200), taken to be in microvolts, with ``EEG/subject1_eeg_label.mat``, ``label`` (10, 200) of 0 and
1.

The number that a name begins with counts the 200 instances and joins film, sound and EEG; the number after ``Trial``
counts otherwise in ``Video`` than in ``Audio``. Rows of ``label`` are the emotions in the order of :data:`EMOTIONS`,
listening and speaking by turns: this is not written down by the owners but agrees with the names of all files, as does
a check here. Nor do they write down the order of electrodes: :data:`ELECTRODES` is what public code has.

One listens to a story and answers it in the same emotion: both are one ``trial``. There is no official split; the
published scores are within a person. The emotion is the one asked for, and nobody's rating.
"""

import re
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affectstream.datasets.base import About, Corpus, one_hot
from affectstream.datasets.eeg import Trial, Trials, named, read_mat, volts
from affectstream.multimodal.terms import expected_vad

RATE = 500.0  # Hz
INSTANCES = 200
EMOTIONS = ("neutral", "sadness", "anger", "happiness", "calmness")
TASKS = ("listening", "speaking")
ELECTRODES = (
    *("Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "FC5", "FC1", "FC2", "FC6", "T7", "C3", "Cz", "C4", "T8"),
    *("CP5", "CP1", "CP2", "CP6", "P7", "P3", "Pz", "P4", "P8", "PO9", "O1", "Oz", "O2", "PO10"),
)
_NAME = re.compile(r"(\d{3})_Trial_\d+_(Listening|Speaking)_([A-Za-z]+)(?:_Aud)?")
_ABOUT = About(
    "EAV",
    "audio-visual",
    "42 people listening and speaking in five emotions, 200 times 20 s each: video, sound and 30-channel EEG",
    "restricted; no passing on",
    "on request, Zenodo, record 10205702",
    (
        "subject*/Video/*.mp4",
        "subject*/Audio/*.wav",
        "subject*/EEG/subject*_eeg.mat",
        "subject*/EEG/subject*_eeg_label.mat",
    ),
)


class Eav(Corpus):
    """The videos of EAV as a :class:`Corpus`: subjects "1" to "42", trials "1" to "100", two videos of each.

    A signal is the path of a video; :meth:`sound` is that of what the person says in it. ``instance`` (n,) is the
    number 1 to 200 and ``task`` (n,) one of :data:`TASKS`. The labels are :data:`EMOTIONS`; ``vad`` is derived from
    them by term means (Russell and Mehrabian 1977, neutral at 0), and unknown for calmness, which has none.

    Raises FileNotFoundError if ``folder`` does not hold the corpus; ValueError for a file of another name, or two of
    one instance.
    """

    ABOUT: ClassVar[About] = _ABOUT

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        self._videos: list[Path] = []
        self._sounds: dict[tuple[str, int], Path] = {}
        subjects, instances, tasks, emotions = [], [], [], []
        for subject, home in _people(folder):
            sounds = _instances(home / "Audio", ".wav")
            self._sounds |= {(subject, instance): path for instance, (path, *_) in sounds.items()}
            for instance, (path, task, emotion) in sorted(_instances(home / "Video", ".mp4").items()):
                if instance in sounds and sounds[instance][1:] != (task, emotion):
                    raise ValueError(
                        f"{sounds[instance][0]} and {path.name} differ; wanted one task and emotion for both"
                    )
                self._videos.append(path)
                subjects.append(subject)
                instances.append(instance)
                tasks.append(task)
                emotions.append(emotion)
        self.instance: NDArray[np.int64] = np.array(instances, np.int64)
        self.task: NDArray[np.str_] = np.array(tasks, np.str_)
        share = one_hot(emotions, EMOTIONS)
        super().__init__(
            subjects,
            trial=[str(k) for k in (self.instance + 1) // 2],
            vad=derived_vad(share),
            labels=EMOTIONS,
            share=share,
        )

    def signal(self, index: int) -> str:
        return str(self._videos[index])

    def sound(self, index: int) -> str:
        """The path of what the person says in video ``index``; FileNotFoundError if there is none, as in listening."""
        subject, instance = str(self.subject[index]), int(self.instance[index])
        if (subject, instance) not in self._sounds:
            raise FileNotFoundError(
                f"{self._videos[index]} has no sound in Audio; only those in which the person speaks have"
            )
        return str(self._sounds[subject, instance])


class EavEeg(Trials):
    """The EEG of EAV as :class:`Trials`: subjects "1" to "42", session "1", trials "1" to "100", two of each.

    In the order of the 200 instances; the trials are those of :class:`Eav`, of which listening and speaking are two
    stretches. ``label`` is one of :data:`EMOTIONS`, ``rating`` (2,) its place there and 1 for speaking, 0 for
    listening; the VAD is derived as in :class:`Eav`. There is no baseline. Half a gigabyte is read for each person.

    Raises FileNotFoundError if ``folder`` does not hold the corpus; ValueError, on reading, for a file that is not as
    published.
    """

    ABOUT: ClassVar[About] = _ABOUT

    def __init__(self, folder: Path) -> None:
        self.ABOUT.require(folder)
        super().__init__(_people(folder), INSTANCES, ("label", "speaking"), _trials)


def derived_vad(share: NDArray[np.floating]) -> NDArray[np.float32]:
    """Term VAD (n, 3) of shares (n, 5) of :data:`EMOTIONS`; NaN where there is any calmness, which is no term.

    >>> derived_vad(np.eye(5)[3:]).round(2).tolist()
    [[0.8100000023841858, 0.5099999904632568, 0.46000000834465027], [nan, nan, nan]]
    """
    vad = expected_vad(share[:, :4], EMOTIONS[:4]).astype(np.float32)
    vad[share[:, 4] > 0] = np.nan
    return vad


def _people(folder: Path) -> list[tuple[str, Path]]:
    """Numbers and folders of the subjects, in order."""
    homes = [(match[1], home) for home in folder.iterdir() if (match := re.fullmatch(r"subject0*(\d+)", home.name))]
    if not homes:
        raise FileNotFoundError(
            f"{folder} has no folder of a subject; wanted subject1 to subject42; get the corpus again"
        )
    return sorted(homes, key=lambda person: int(person[0]))


def _instances(folder: Path, ending: str) -> dict[int, tuple[Path, str, str]]:
    """File, task and emotion of every instance in ``folder``."""
    found: dict[int, tuple[Path, str, str]] = {}
    for path in sorted(folder.glob(f"*{ending}")):
        match = _NAME.fullmatch(path.stem)
        if match is None or match[3].lower() not in EMOTIONS:
            raise ValueError(
                f"{path} is not named as EAV names its files; wanted 001_Trial_01_Listening_Neutral{ending} and so on"
            )
        if int(match[1]) in found:
            raise ValueError(
                f"{path} is a second file of instance {match[1]} beside {found[int(match[1])][0].name}; wanted one"
            )
        found[int(match[1])] = path, match[2].lower(), match[3].lower()
    return found


def _trials(person: tuple[str, Path]) -> list[Trial]:
    subject, home = person
    path, labels = (home / "EEG" / f"{home.name}{ending}" for ending in ("_eeg.mat", "_eeg_label.mat"))
    for file in (path, labels):
        if not file.is_file():
            raise FileNotFoundError(
                f"{file} is missing; wanted EEG and its labels for every subject; get the corpus again"
            )
    arrays = read_mat(path)
    key = "seg1" if "seg1" in arrays and arrays["seg1"].ndim == 3 else "seg"  # as the owners' own code chooses
    segments = np.asarray(named(arrays, (key,), str(path))[0])
    label = np.asarray(named(read_mat(labels), ("label",), str(labels))[0])
    if segments.ndim != 3 or segments.shape[1:] != (len(ELECTRODES), INSTANCES):
        raise ValueError(f"{path}: EEG {segments.shape}; wanted (10000, 30, 200) samples, channels, instances")
    if label.shape != (2 * len(EMOTIONS), INSTANCES) or not np.isin(label, (0, 1)).all() or (label.sum(0) != 1).any():
        raise ValueError(f"{labels}: label {label.shape}; wanted (10, 200) with a single 1 for each instance, else 0")
    films = _instances(home / "Video", ".mp4")
    trials = []
    for k, row in enumerate(label.argmax(0)):
        emotion, task = EMOTIONS[row // 2], TASKS[row % 2]
        if k + 1 in films and films[k + 1][1:] != (task, emotion):
            raise ValueError(
                f"{labels} has {task}, {emotion} for instance {k + 1}; wanted what {films[k + 1][0].name} says"
            )
        share = np.eye(len(EMOTIONS))[row // 2]
        signal = volts(segments[:, :, k], len(ELECTRODES), f"{path}, instance {k + 1}")
        where = subject, "1", str(k // 2 + 1)
        vad, rating = derived_vad(share[None])[0], np.array([row // 2, row % 2], np.float32)
        trials.append(Trial(*where, signal, None, ELECTRODES, RATE, vad, rating, emotion, vad_derived=True))
    return trials
