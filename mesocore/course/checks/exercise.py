"""Self-checks for the exercises of the chapters.

A reader calls `checks.name(their_function)` and reads one line: OK, what is wrong, or "not
attempted yet". A check never raises for a wrong answer, so "run all cells" gets to the end.

Writing an exercise, in four steps that tests/course/test_exercises.py holds together:

1. In checks_NN.py beside this file, the checks of chapter NN, a generator that takes the reader's
   function and yields one sentence for each thing that is wrong with it. Decorated with
   `exercise`, it becomes the check that readers call.

       @exercise
       def halve(f):
           "Half of x."
           if f(4) != 2:
               yield f"f(4) is {f(4)}, should be 2"

2. In the notebook, a code cell with tag `exercise` and metadata `{"exercise": "halve"}`. It brings
   its own imports, defines a stub that raises NotImplementedError or returns None, and ends in the
   call of the check (`_ =` keeps `False` out of the output; a semicolon would too, but nbval does
   not honour it):

       def halve(x):
           raise NotImplementedError
       _ = checks.halve(halve)

3. In a markdown cell after it, before the next exercise, graded hints and the solution. Blank
   lines around the fence are what makes it render as code:

       <details><summary>Solution</summary>

       ```python
       def halve(x):
           return x / 2
       ```

       </details>

4. Nothing else: the test runs stub and solution with only `from mesocore.course.checks import
   checks_NN as checks` before them, and requires that the check passes with the solution and says
   "not attempted yet" to the stub.
"""

import functools
from collections.abc import Callable, Iterator


class _NotAttempted(Exception):
    """The reader's function gave no answer."""


def exercise(problems: Callable[[Callable], Iterator[str]]) -> Callable[[Callable], bool]:
    """Turns a generator of problems into a check that prints a verdict and returns whether OK."""

    @functools.wraps(problems)
    def check(answer: Callable) -> bool:
        name = problems.__name__
        try:
            found = list(problems(_attempt(answer)))
        except (_NotAttempted, NotImplementedError):
            print(f"{name}: not attempted yet (no answer, or no `return`)")
            return False
        except Exception as error:  # a reader's code may fail in any way: say how, and go on
            found = [f"your code raised {type(error).__name__}: {error}"]
        return _verdict(name, found)

    return check


def _attempt(answer: object) -> object:
    """`answer`, made to raise `_NotAttempted` where it has nothing to say."""
    if answer is None or answer is ...:
        raise _NotAttempted
    if not callable(answer):
        return answer

    @functools.wraps(answer, updated=())
    def call(*args: object, **kwargs: object) -> object:
        result = answer(*args, **kwargs)
        if result is None or result is ...:
            raise _NotAttempted
        return result

    return call


def _verdict(name: str, problems: list[str]) -> bool:
    """Prints what is wrong, a line each, or OK; returns whether nothing is."""
    print("\n".join(f"{name}: {problem}" for problem in problems) or f"{name}: OK")
    return not problems
