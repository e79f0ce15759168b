"""YAML of strangers: refused before it exhausts the stack, the memory or the time."""

import re

import yaml

from mesocore.core.errors import UserError

MAX_BYTES = 100_000
MAX_DEPTH = 20  # of lists and mappings within each other
_LONG_NUMBER = re.compile(r"[-+]?(0x[\da-f_]{30,}|[\d_:.]{40,}|0b[01_]{70,})", re.IGNORECASE)


def load(text: str, file: str) -> object:
    """Plain values; `file` is what errors call the text. Raises `UserError` for what is no YAML.

    So it does for more than `MAX_BYTES` or `MAX_DEPTH`, for numbers of hundreds of digits, and for
    aliases, of which a few lines may stand for gigabytes.
    """
    if len(text) > MAX_BYTES:
        raise UserError(f"{file} is larger than {MAX_BYTES // 1000} kB; shorten it")
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise UserError(f"{file} nests lists or mappings more than {MAX_DEPTH} deep; "
                                "write it flat")  # fmt: skip
            if isinstance(event, yaml.AliasEvent):
                raise UserError(f"{file} repeats a part as *{event.anchor}; write the part out")
            if isinstance(event, yaml.ScalarEvent) and _LONG_NUMBER.fullmatch(event.value):
                raise UserError(f"{file}: {event.value[:20]}... is too long for a number")
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # of values: numbers and dates that there are not
        raise UserError(f"{file} is not YAML: {' '.join(str(error).split())[:300]}") from None
