"""Words for a :class:`Telling`: short, hedged, never an order, and all from this file."""

from collections.abc import Sequence

from affectstream.multimodal.agent.telling import OTHER, Telling
from affectstream.multimodal.types import DIMENSIONS, Dimension

BY_LEVEL = {
    "valence": ("very negative", "negative", "somewhat negative", "", "somewhat positive", "positive", "very positive"),
    "arousal": ("very low in energy", "low in energy", "", "", "somewhat activated", "activated", "highly activated"),
    "dominance": (
        "very low in control",
        "low in control",
        "a little low in control",
        "",
        "fairly in control",
        "in control",
        "very much in control",
    ),
}
QUIET = {-1: "subdued", 0: "quiet", 1: "relaxed"}  # arousal of level -1, by the side of valence
SIDES = {
    "valence": ("negative", "positive"),
    "arousal": ("calm", "activated"),
    "dominance": ("low in control", "in control"),
}
MORE = {
    "valence": ("more negative", "more positive"),
    "arousal": ("calmer", "more activated"),
    "dominance": ("less in control", "more in control"),
}
SPELLS = {
    "valence": ("a negative spell", "a positive spell"),
    "arousal": ("a spell of little energy", "an activated spell"),
    "dominance": ("a spell of low control", "a spell of being in control"),
}
EMOTIONS = {
    "happiness": "happy",
    "surprise": "surprised",
    "sadness": "sad",
    "anger": "angry",
    "disgust": "disgusted",
    "fear": "afraid",
    "contempt": "contemptuous",
}
AGO = ("just now", "some seconds ago", "half a minute or so ago")
LASTING = ("", "for some seconds", "for half a minute or so")
SURENESS = ("a rough guess", "fairly sure", "quite sure")
SHOW = {"face": ("looks", "looked"), "voice": ("sounds", "sounded"), "words": ("sound", "sounded")}
SHOW |= {"brain waves": ("look", "looked"), OTHER: ("looks", "looked")}
NAMES = {
    "face": "the face",
    "voice": "the voice",
    "words": "the words",
    "brain waves": "the brain waves",
    OTHER: OTHER,
}
WANTS = {  # by the sides of valence and arousal: what people in such a state often want
    (-1, 1): "want to be heard first, and then one clear next step",
    (-1, 0): "want what bothers them acknowledged before anything else",
    (-1, -1): "want patience and little asked of them at once",
    (0, 1): "want things to move along without detours",
    (0, 0): "want to get on with what they came for",
    (0, -1): "want a gentle pace",
    (1, 1): "want their enthusiasm shared",
    (1, 0): "are open to going further",
    (1, -1): "want things unhurried, as they are",
}


def hint(telling: Telling) -> str:
    """The one dimension that stands out, as a clause."""
    k = max(range(3), key=lambda d: abs(telling.levels[d]))
    level = telling.levels[k]
    if not level:
        words = state_words(telling.levels, telling.relative)
    elif telling.relative:
        words = f"{_than_usual(DIMENSIONS[k], level)} than usual"
    else:
        words = _level_words(telling.levels)[k]
    return f"{_verb(telling)} {words}{_numbers(telling)}"


def description(telling: Telling) -> str:
    """How the person is, what changed and since when, how sure that is and by what, and what contradicts it; in sentences."""
    emotion = f", perhaps {EMOTIONS[telling.emotion]}" if telling.emotion else ""
    seems = f"{_verb(telling)} {state_words(telling.levels, telling.relative)}{emotion}{_numbers(telling)}"
    said = [seems, _change(telling), _mood(telling), _sure(telling), discord_words(telling.discord)]
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in said if part)


def suggestion(telling: Telling) -> str:
    """What people in such a state often want, as a sentence; nothing where the state is a guess."""
    if not telling.sure:
        return ""
    valence, arousal = (_side(level) for level in telling.levels[:2])
    return f"People in such a state often {WANTS[valence, arousal]}."


def state_words(levels: tuple[int, int, int], relative: bool = False) -> str:
    """The levels of valence, arousal and dominance in words, the middle ones left out where others say enough.

    >>> state_words((-1, 2, 0)), state_words((0, 0, 0)), state_words((0, 2, -2))
    ('somewhat negative and activated', 'calm and neutral', 'activated and low in control, neither positive nor negative')
    >>> state_words((-2, -1, 0), relative=True)
    'more negative and a little calmer than usual'
    """
    if relative:
        words = [_than_usual(d, level) for d, level in zip(MORE, levels, strict=True) if level]
        return f"{listed(words)} than usual" if words else "much as usual"
    valence, arousal, _ = levels
    words = _level_words(levels)
    if not valence and not arousal:
        words[:2] = ["calm", "neutral"]
    flat = ", neither positive nor negative" if not valence and arousal else ""
    return listed([word for word in words if word]) + flat


def discord_words(discord: tuple[str, str, Dimension] | None, past: bool = False) -> str:
    """Who shows more of what than whom, as a clause.

    >>> discord_words(("words", "face", "valence"))
    'the words sound more positive than the face'
    """
    if discord is None:
        return ""
    higher, lower, dimension = discord
    more = MORE[dimension][1]
    if higher == lower:
        of = "other sources" if higher == OTHER else NAMES[higher]
        return f"two readings of {of} {'differed' if past else 'differ'}: one {'was' if past else 'is'} {more}"
    return f"{NAMES[higher]} {SHOW[higher][past]} {more} than {NAMES[lower]}"


def listed(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _verb(telling: Telling) -> str:
    return "seems" if telling.sure else "may be"


def _side(level: int) -> int:
    return (level > 0) - (level < 0)


def _level_words(levels: tuple[int, int, int]) -> list[str]:
    """A word for each dimension, empty for a middle level."""
    words = [BY_LEVEL[d][level + 3] for d, level in zip(BY_LEVEL, levels, strict=True)]
    return [words[0], QUIET[_side(levels[0])] if levels[1] == -1 else words[1], words[2]]


def _than_usual(dimension: str, level: int) -> str:
    return ("a little ", "", "much ")[abs(level) - 1] + MORE[dimension][level > 0]


def _change(telling: Telling) -> str:
    parts = []
    if telling.changes:
        first = telling.changes[0]
        sides = MORE if telling.relative else SIDES
        changed = {change.dimension: sides[change.dimension][change.direction > 0] for change in telling.changes}
        shown = [d for d, level in zip(DIMENSIONS, telling.levels, strict=True) if level]
        words = "so" if list(changed) == shown else listed(list(changed.values()))
        spell = SPELLS[first.dimension][first.direction > 0]
        if first.what == "turned" and not telling.relative:
            before, after = SIDES[first.dimension][:: first.direction]
            parts.append(f"turned from {before} to {after} {AGO[first.since]}")
        elif first.what in ("began", "turned"):
            parts.append(f"has been {words} {LASTING[first.since]}" if first.since else f"turned {words} just now")
        elif first.what == "ended":
            parts.append(f"{spell} ended {AGO[first.since]}")
        else:
            parts.append(f"recovered from {spell} {AGO[first.since]}")
    if telling.trend:
        valence = telling.levels[0]
        against = valence * telling.trend < 0
        kept = "positive" if (valence or telling.trend) > 0 else "negative"
        parts.append(f"getting {'less' if against else 'more'} {kept}")
    return "; ".join(parts)


def _mood(telling: Telling) -> str:
    return f"on the whole {SIDES['valence'][telling.mood > 0]} over the last minutes" if telling.mood else ""


def _sure(telling: Telling) -> str:
    by = f", from {listed(telling.sources)}{' alone' if len(telling.sources) == 1 else ''}" if telling.sources else ""
    return f"{SURENESS[telling.sure]}{by}{'; nothing new for some seconds' if telling.silent else ''}"


def _numbers(telling: Telling) -> str:
    said = [f"{d} {value / 10:+.1f} (sd {sd / 20:.2f})" for d, value, sd in telling.tenths]
    return f"; {', '.join(said)}" if said else ""
