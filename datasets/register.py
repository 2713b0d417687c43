"""Every corpus that has a reader: by its key, the module, and the class in it, by modality in the order of the docs."""

from importlib import import_module

from affectstream.datasets.base import About

CORPORA: tuple[tuple[str, str, str], ...] = tuple(
    (module, f"affectstream.datasets.{module}", name)
    for module, name in (
        # faces
        ("affectnet", "AffectNet"),
        ("affwild2", "AffWild2"),
        ("emotic", "Emotic"),
        ("fer2013", "Fer2013"),
        ("ferplus", "FerPlus"),
        ("rafdb", "RafDb"),
        ("baffectnet", "BAffectNet"),
        ("london", "London"),
        # voices
        ("emodb", "EmoDB"),
        ("ravdess", "Ravdess"),
        ("cremad", "CremaD"),
        ("iemocap", "Iemocap"),
        ("msp_podcast", "MspPodcast"),
        ("nemo", "Nemo"),
        ("tess", "Tess"),
        ("savee", "Savee"),
        ("labelled_files", "LabelledFiles"),
        # brain waves
        ("deap", "Deap"),
        ("dreamer", "Dreamer"),
        ("seed", "Seed"),
        ("seed4", "Seed4"),
        ("faced", "Faced"),
        ("dasps", "Dasps"),
        ("annotated", "Annotated"),
        # words
        ("emobank", "EmoBank"),
        ("goemotions", "GoEmotions"),
        ("meld", "Meld"),
        ("emorynlp", "EmoryNlp"),
        ("dailydialog", "DailyDialog"),
        ("peld", "Peld"),
        ("semeval2018", "SemEval2018"),
        # sight and sound
        ("cremad_votes", "CremadVotes"),
        ("omg_empathy", "OmgEmpathy"),
        ("bah", "Bah"),
        ("eav", "Eav"),
    )
)


def corpora() -> dict[str, About]:
    """What each corpus of :data:`CORPORA` is, by its key and in that order. No data are read."""
    return {key: getattr(import_module(module), name).ABOUT for key, module, name in CORPORA}
