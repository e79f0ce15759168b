"""The one door through which our own files are read back, each checked against its schema.

A file may have been edited by hand, cut by a full disk, or come from a stranger. What fits is
returned as plain values; what does not is a `UserError` of one line with file, field and fix.
"""

import functools
import io
import json
import math
import os
import re
import reprlib
import tokenize
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NotRequired

import numpy as np
from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    with_config,
)
from typing_extensions import TypedDict

from mesocore.core.errors import UserError
from mesocore.core.images import Preparation

if TYPE_CHECKING:
    import pandas as pd

_LARGEST = 2**63  # no number of ours is as large, and most libraries end here
_DIGITS = 20
_FIXES = {  # pydantic's kinds of errors: what to write instead
    "string_type": "write a text",
    "int_type": "write a whole number",
    "float_type": "write a number",
    "bool_type": "write true or false",
    "extra_forbidden": "no key that is known here",
    "tuple_type": "write a list",
    "list_type": "write a list",
    "dict_type": "write keys and values",
    "greater_than_equal": "write a number from {ge:g}",
    "less_than_equal": "write a number up to {le:g}",
    "model_type": "write keys and values",
    "dataclass_type": "write keys and values",
}
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


def is_inside(path: str) -> bool:
    """True for a path, with "/", that stays within the folder it is relative to."""
    inside = path != "" and not path.startswith("/") and "\0" not in path
    return inside and ".." not in path.split("/")


def _inside(path: str) -> str:
    if not is_inside(path):
        raise ValueError("write a path within the folder")
    return path


Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Inside = Annotated[str, AfterValidator(_inside)]


@with_config(ConfigDict(extra="forbid"))
class _Preparation(TypedDict):
    size: int
    fit: str
    resample: str
    quality: int | None
    margin: NotRequired[float]


def _prepares(values: dict) -> dict:
    Preparation.from_dict(values)  # raises ValueError
    return values


PreparationDict = Annotated[_Preparation, AfterValidator(_prepares)]  # of Preparation.to_dict


def read_text(path: Path, fix: str) -> str:
    """A whole UTF-8 file. `fix` ends the line of a `UserError`, as in all functions here."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text; {fix}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {(error.strerror or 'error').lower()}; {fix}"
                        ) from None  # fmt: skip


def read_json(path: Path, schema: object, fix: str) -> dict:
    """A JSON object that fits `schema`, a `TypedDict`; keys beyond the schema stay as they are."""
    text = read_text(path, fix)
    try:
        return parse_json(text, schema)
    except ValueError as error:
        raise UserError(f"{path}: {error}; {fix}") from None


def parse_json(text: str, schema: object) -> Any:
    """A text's values. Raises `ValueError` naming the field; NaN and infinity are no numbers."""
    try:
        tree = json.loads(text, parse_constant=_number, parse_float=_number, parse_int=_whole)
        _adapter(schema).validate_json(text, strict=True)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is no whole JSON ({error})") from None
    except ValidationError as error:
        raise ValueError(sentence(error.errors()[0])) from None
    return tree


@functools.cache
def _adapter(schema: object) -> TypeAdapter:
    return TypeAdapter(schema)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"holds {text[:_DIGITS]}, which is no finite number")
    return value


def _whole(text: str) -> int:
    value = int(text) if len(text) <= _DIGITS else _LARGEST
    if abs(value) >= _LARGEST:
        raise ValueError(f"holds {text[:_DIGITS]}..., a number too large for anything here")
    return value


def key(error: dict) -> str:
    """Where pydantic found an error, as `sources.a[0]`; "" for the whole."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]]
    return "".join(parts).lstrip(".").removesuffix(".[key]")


def sentence(error: dict) -> str:
    """One of pydantic's findings in the words of a `UserError`: key, value, and what to write."""
    place, said = key(error) or "the whole", error["msg"].removeprefix("Value error, ")
    if error["type"] == "json_invalid":
        return f"is no whole JSON ({error['ctx']['error']})"
    if error["type"] == "missing":
        return f"{place} is missing"
    if error["type"] == "literal_error":
        said = f"write {error['ctx']['expected'].replace(chr(39), '')}"
    elif error["type"] != "value_error":
        fix = _FIXES.get(error["type"])
        said = fix.format(**error.get("ctx", {})) if fix else said[0].lower() + said[1:]
    return f"{place} is {_SHORT.repr(error['input'])}; {said}"


class Column(NamedTuple):
    """What a column of a CSV table may hold: `fits` says it of a cell as text, `write` in words.

    `dtype` is that of the column in memory.
    """

    fits: Callable[[str], object]
    write: str
    dtype: object = object


def one_of(*words: str) -> Column:
    """A column of these words."""
    return Column(words.__contains__, f"write {' or '.join(words)}")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


TEXT = Column(lambda _: True, "write a text")
NAME = Column(len, "write a name")
PLACE = Column(is_inside, "write a path within the folder")
OPTIONAL_PLACE = Column(lambda text: not text or is_inside(text), PLACE.write)
WHOLE = Column(re.compile(r"\d{1,15}", re.A).fullmatch, "write a whole number from 0", np.int64)
NUMBER = Column(_is_number, "write a number", float)
FLAG = Column(("True", "False").__contains__, "write True or False", bool)


def read_table(
    path: Path, columns: Mapping[str, Column], fix: str, ours: bool = False
) -> "pd.DataFrame":
    """A CSV table in UTF-8 with at least these columns. Further ones are text, as they stand.

    `ours`: its last row ends in a newline, as all that we write do, or it was cut.
    """
    try:
        data = Path(path).read_bytes()
        if ours and not data.endswith(b"\n"):
            raise ValueError("its last row was cut")
        table = _parsed(data)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {(error.strerror or 'error').lower()}; {fix}"
                        ) from None  # fmt: skip
    except ValueError as error:
        raise UserError(f"{path} is no readable CSV table: {_one_line(error)}; {fix}") from None
    for name, column in columns.items():
        if name not in table:
            raise UserError(f"{path}: the column {name} is missing; {fix}")
        wrong = {cell for cell in table[name].unique() if not column.fits(cell)}
        if wrong:
            row = int(table[name].isin(wrong).to_numpy().argmax())
            raise UserError(f"{path}, row {row + 1}: {name} is {_SHORT.repr(table[name][row])}; "
                            f"{column.write}; {fix}")  # fmt: skip
        if column.dtype is bool:
            table[name] = table[name] == "True"
        elif column.dtype is not object:
            table[name] = table[name].astype(column.dtype)
    return table


def _parsed(data: bytes) -> "pd.DataFrame":
    """All cells as text; those that a row lacks are "". Raises `ValueError` for what is no table.

    A spreadsheet program may have put a byte order mark before it.
    """
    import pandas as pd  # late: a verdict on a photograph needs no table

    if b"\0" in data:
        raise ValueError("zero bytes")
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # longer rows than the header
        try:
            return pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False,
                                index_col=False, encoding="utf-8-sig")  # fmt: skip
        except pd.errors.ParserWarning as warning:
            raise ValueError(str(warning)) from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


def read_array(
    path: Path, dtype: str, shape: tuple[int | None, ...], fix: str, mapped: bool = False
) -> np.ndarray:
    """A NumPy file of this dtype and shape, None for any length; never a pickle.

    `mapped`: copy on write, so that memory stays flat and the file as it is. The file's size is
    compared with what its header says before anything is reserved.
    """
    try:
        with open(path, "rb") as file:
            version = np.lib.format.read_magic(file)
            read = {(1, 0): np.lib.format.read_array_header_1_0,
                    (2, 0): np.lib.format.read_array_header_2_0}[version]  # fmt: skip
            found, by_column, kind = read(file)
            begins, size = file.tell(), os.fstat(file.fileno()).st_size
        fits = len(found) == len(shape) and all(
            want in (None, length) for want, length in zip(shape, found, strict=True)
        )
        if not fits or by_column or kind != np.dtype(dtype) or min(found) < 0:
            raise ValueError(f"holds {kind} {found}, not {dtype} {shape}")
        if size != begins + math.prod(found) * kind.itemsize:
            raise ValueError(f"has {size} bytes, other than its header says")
        return np.load(path, mmap_mode="c" if mapped else None, allow_pickle=False)
    except OSError as error:
        said = (error.strerror or "error").lower()
    except (
        ValueError, LookupError, TypeError, EOFError, SyntaxError, tokenize.TokenError
    ) as error:  # fmt: skip
        said = _one_line(error)
    raise UserError(f"{path} cannot be used: {said}; {fix}")
