"""The page is whole: what it names is there, and nothing in it reaches beyond its own server."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "multimodal" / "live" / "page"
SERVED = {"vendor/uPlot.js", "vendor/uPlot.css"}  # by the server, from the package that carries them
SCRIPTS = sorted(path.name for path in PAGE.glob("*.js"))


class _Names(HTMLParser):
    """What the page links to, its ids, what its labels are for, and whatever a strict policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.labelled: list[str] = []
        self.refused: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.links += [link for name in ("src", "href") if (link := values.get(name))]
        if name := values.get("id"):
            self.ids.append(name)
        self.labelled += [name for key in ("for", "aria-labelledby") if (name := values.get(key))]
        self.refused += [f"{tag} {name}" for name in values if name.startswith("on")]
        if tag == "script" and not values.get("src"):
            self.refused.append("inline script")


@pytest.fixture(scope="module")
def index() -> _Names:
    names = _Names()
    names.feed((PAGE / "index.html").read_text("utf-8"))
    return names


def _uncommented(name: str) -> str:
    text = re.sub(r"/\*.*?\*/", "", (PAGE / name).read_text("utf-8"), flags=re.DOTALL)
    return re.sub(r"(^|\s)//.*", "", text)


def test_what_the_page_links_to_is_served(index: _Names) -> None:
    assert "/static/app.js" in index.links and "/static/style.css" in index.links
    for link in index.links:
        assert link.startswith("/static/")
        name = link.removeprefix("/static/")
        assert name in SERVED or (PAGE / name).is_file(), link


def test_a_strict_policy_refuses_nothing(index: _Names) -> None:
    assert index.refused == []
    for name in SCRIPTS:
        assert not re.search(r"\beval\(|new Function\(|\.innerHTML|document\.write", _uncommented(name)), name


def test_ids_are_unique_and_labels_meet_theirs(index: _Names) -> None:
    assert len(index.ids) == len(set(index.ids))
    assert set(index.labelled) <= set(index.ids)


def test_every_module_is_there_and_is_used() -> None:
    named = {"app.js", "messages.js"}  # the page's own entry, and the types, which are named in comments only
    for name in SCRIPTS:
        text = _uncommented(name)
        for other in re.findall(r"""(?:from|import|URL\()\s*["']\./([^"']+)["']""", text):
            assert (PAGE / other).is_file(), f"{name} names {other}"
            named.add(other)
    assert named == set(SCRIPTS)


def test_what_is_imported_is_exported() -> None:
    for name in SCRIPTS:
        for names, other in re.findall(r'import \{([^}]+)\} from "\./([^"]+)"', _uncommented(name)):
            exported = set(re.findall(r"export (?:const|class|async function|function) (\w+)", _uncommented(other)))
            assert {part.strip() for part in names.split(",") if part.strip()} <= exported, f"{name} from {other}"


def test_elements_that_modules_ask_for_are_on_the_page(index: _Names) -> None:
    asked = {(name, found) for name in SCRIPTS for found in re.findall(r'byId\("([^"]+)"\)', _uncommented(name))}
    assert len(asked) > 40
    assert {f"{name}: {found}" for name, found in asked if found not in index.ids} == set()


def test_nothing_is_fetched_from_elsewhere() -> None:
    for path in PAGE.iterdir():
        text = path.read_text("utf-8") if path.suffix in {".html", ".svg"} else _uncommented(path.name)
        addresses = set(re.findall(r"""(?:https?:)?//[\w.-]+\.\w+[^\s"')]*""", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}, path.name


def test_colours_that_are_used_are_defined() -> None:
    sheets = [_uncommented(path.name) for path in PAGE.glob("*.css")]
    defined = {name for sheet in sheets for name in re.findall(r"(--\w[\w-]*):", sheet)}
    used = {name for sheet in sheets for name in re.findall(r"var\((--[\w-]+)\)", sheet)}
    assert used <= defined


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast(theme: int) -> None:
    """WCAG 2.2, AA: 4.5 for text, 3 for what is drawn."""
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", (PAGE / "style.css").read_text("utf-8"))
    light = {name: _luminance(both[theme]) for name, *both in pairs}

    def contrast(one: str, other: str) -> float:
        low, high = sorted((light[one], light[other]))
        return (high + 0.05) / (low + 0.05)

    for ground in ("card", "ground"):
        for text in ("ink", "muted", "alert"):
            assert contrast(text, ground) >= 4.5, (text, ground)
    assert contrast("on-action", "action") >= 4.5
    for drawn in ("state", "face", "speech", "text", "eeg", "action"):
        assert contrast(drawn, "card") >= 3, drawn
