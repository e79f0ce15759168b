"""Rooms that open on first use: a package's public names, imported when they are asked for.

`import mesocore` then loads no torch, and a command loads what it needs and nothing else.
"""

import importlib
from collections.abc import Callable, Mapping


def exports(
    package: str,
    rooms: tuple[str, ...] = (),
    deeper: Mapping[str, str] = {},  # noqa: B006 (never changed)
    /,
    **modules: list[str],
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` (PEP 562) of a package.

    `modules`: the names that each module of the package gives; `deeper`: a name and the module
    within a sub-package that gives it. The modules, and the sub-packages `rooms`, are attributes
    too: `nets.layers` needs no import of its own. So are modules of sub-packages that stand among
    the `rooms` ("checks.checks_01").
    """
    module_of = {n: module for module, names in modules.items() for n in names} | dict(deeper)
    parts = {part.rpartition(".")[2]: part for part in (*modules, *rooms)}

    def get(name: str) -> object:
        if name in module_of:
            return getattr(importlib.import_module(f"{package}.{module_of[name]}"), name)
        if name in parts:
            return importlib.import_module(f"{package}.{parts[name]}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get, lambda: sorted({*parts, *module_of})
