"""XML, read from anybody and written for anybody: no entities, bounded sizes, no character that XML forbids."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

LARGEST = 64 * 2**20  # bytes of a document that is read
MOST = 1_000_000  # elements of one
DEEPEST = 32  # elements inside one another

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBERS = re.compile(r"[0-9eE+.\s-]*", re.ASCII)


def read_xml(path: Path) -> Element:
    """The root of the document in ``path``; names are ``{namespace}local``.

    Raises ValueError for a file that is not XML, has a document type (and so may have entities), or is larger or deeper than
    any document that is meant; OSError if it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"{path} is larger than {LARGEST >> 20} MiB; wanted a document of less; cut it into parts")
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    builder, depth, count = TreeBuilder(), 0, 0

    def refuse(*_: object) -> NoReturn:
        raise ValueError("it has a document type (DOCTYPE), which could define entities; take that out")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > DEEPEST or count > MOST:
            raise ValueError(f"it has more than {MOST} elements or {DEEPEST} inside one another; cut it into parts")
        builder.start(_named(name), {_named(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_named(name))

    parser.StartDoctypeDeclHandler, parser.EntityDeclHandler = refuse, refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(content, True)  # at once: in blocks, a long attribute would be begun anew with each
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as XML: {error}") from error
    return builder.close()


def _named(name: str) -> str:
    return "{" + name if "}" in name else name


def element(name: str, attributes: Mapping[str, str], content: str = "") -> str:
    """One element as text; ``content`` is XML already, attributes are not.

    >>> element("a", {"b": 'x < "y"'}, escaped("c & d"))
    '<a b=\\'x &lt; "y"\\'>c &amp; d</a>'
    """
    head = " ".join([name, *(f"{key}={quoteattr(_clean(value))}" for key, value in attributes.items())])
    return f"<{head}>{content}</{name}>" if content else f"<{head}/>"


def escaped(text: str) -> str:
    """``text`` as the content of an element; characters that XML cannot hold become U+FFFD."""
    return escape(_clean(text), {"\r": "&#13;"})


def numbers(text: str) -> Iterator[float]:
    """The numbers in ``text``, with spaces between; raises ValueError for anything else, also for NaN and infinity.

    >>> list(numbers("0.5 1e-3"))
    [0.5, 0.001]
    """
    if not _NUMBERS.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is there; wanted numbers")
    return map(float, text.split())


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
