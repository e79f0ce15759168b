"""The entry point of the `mesocore` command and of `python -m mesocore`."""

import sys


def main() -> None:
    """Runs the doctor without importing what it is there to check; anything else is `cli`'s."""
    if sys.argv[1:] == ["doctor"]:
        from mesocore import doctor
        from mesocore.core import terminal  # needs nothing either

        sys.exit(terminal.run("mesocore", doctor.main))
    from mesocore.cli import main as command

    sys.exit(command())


if __name__ == "__main__":
    main()
