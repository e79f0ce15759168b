"""The entry point of the `mesocore` command and of `python -m mesocore`."""

import os
import sys


def main() -> None:
    """Runs the doctor without importing what it is there to check; anything else is `cli`'s.

    A command uses all the cores that it is given, unless `MESO_THREADS` says otherwise.
    """
    os.environ.setdefault("MESO_THREADS", str(_cores()))
    if sys.argv[1:] == ["doctor"]:
        from mesocore import doctor
        from mesocore.core import terminal  # needs nothing either

        sys.exit(terminal.run("mesocore", doctor.main))
    from mesocore.cli import main as command

    sys.exit(command())


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # a container may have fewer than the machine
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    main()
