"""What is raised on purpose: one exception for a user's mistake, one for a file's fault."""


class UserError(Exception):
    """A mistake of the user's: one line that names the file or value and the fix."""


class BadImage(Exception):
    """One file that cannot be used; the message is the reason, as it goes into rejected.csv.

    What stands before its first ":" is the kind of reason, by which rejected files are counted.
    """


def one_line(reason: object, most: int = 300) -> str:
    """What a file made someone say, for a line of a `UserError`: without line breaks and control
    characters, at most `most` characters."""
    text = str(reason)
    text = text if len(text) <= most else f"{text[: most - 3]}..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
