"""A callable of the user's own, named on the command line."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def callable_named(name: str) -> Callable[..., Any]:
    """What ``name``, "module:callable", names, the module taken from the current folder or from what is installed.

    Raises ValueError if there is no such module, if it fails while it is imported, or if it holds no such callable.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ValueError(f"{name!r} names no callable; wanted module:callable, such as my_model:answer for my_model.py")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = import_module(module_name)
    except Exception as error:  # whatever a module of the user's may raise
        raise ValueError(
            f"{module_name} cannot be imported ({type(error).__name__}: {error}); wanted a module in {here}, or installed"
        ) from error
    found = getattr(module, attribute, None)
    wrong = "" if callable(found) else "is not there" if found is None else f"is a {type(found).__name__}"
    if wrong:
        raise ValueError(f"{attribute} {wrong} in {module_name}; wanted a callable; check the name")
    return found  # pyright: ignore[reportReturnType]
