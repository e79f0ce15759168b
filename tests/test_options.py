"""Every option of every command, found by asking the command line: odd values are one line."""

from pathlib import Path

import pytest
import typer

from mesocore.cli import app
from tests.commands import mesocore

VALID = {
    "assemble": ["{work}/raw", "--out", "{work}/new"],
    "merge": ["{work}/new"],
    "audit": ["{work}/raw"],
    "train": ["meso4", "--data", "{work}/set", "--out", "{work}/new"],
    "prune": ["{work}/run", "--amount", "0.2", "--data", "{work}/set", "--out", "{work}/new"],
    "ensemble": ["{work}/run", "{work}/run", "--data", "{work}/set", "--out", "{work}/new"],
    "evaluate": ["{work}/run", "--data", "{work}/set"],
    "predict": ["{work}/a.jpg"],
    "models": [],
    "demo": [],
    "export": ["{work}/run", "--onnx", "{work}/new.onnx"],
    "doctor": [],
}
COMMANDS = typer.main.get_command(app).commands
OPTIONS = [
    (command, parameter.opts[0], parameter.metavar)
    for command, found in COMMANDS.items()
    for parameter in found.params
    if parameter.opts[0].startswith("--") and not parameter.is_flag and parameter.opts != ["--help"]
]
NO_NUMBERS = (
    "nan",
    "inf",
    "-1",
    "-0.5",
    "٣",
    "1_0",
    " 1",
    "1e400",
    "1e",
    "½",
    str(2**63),
    "9" * 999,
)
FINITE = {
    "--consistency",
    "--learning-rate",
    "--weight-decay",
    "--clip-norm",
}  # of which a large number is one


def refused(work: Path, command: str, option: str, value: str) -> str:
    """The line with which the command refuses the value, having done nothing."""
    given = [word.format(work=work) for word in VALID[command]]
    if option in given:
        at = given.index(option)
        del given[at : at + 2]
    done = mesocore(command, *given, f"{option}={value}")
    assert done.returncode == 2 and done.stdout == "", (value, done.stdout)
    (line,) = done.stderr.splitlines()
    assert list(work.iterdir()) == [] and len(line) < 500, line
    return line


def test_all_commands_are_known_here():
    assert set(COMMANDS) == set(VALID)
    assert len(OPTIONS) > 40 and all(metavar for _, _, metavar in OPTIONS)


@pytest.mark.parametrize(("command", "option", "metavar"), OPTIONS)
def test_an_empty_value_is_refused(command, option, metavar, tmp_path):
    assert option in refused(tmp_path, command, option, "")


@pytest.mark.parametrize(
    ("command", "option"), [(c, o) for c, o, kind in OPTIONS if kind in ("INTEGER", "FLOAT")]
)
def test_what_is_no_number_in_range_is_refused_before_any_work(command, option, tmp_path):
    for value in NO_NUMBERS:
        if option in FINITE and value in (str(2**63), "9" * 999):
            continue
        assert refused(tmp_path, command, option, value).startswith(f"mesocore: {option} is ")


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        ("assemble", "--size", "0"),
        ("assemble", "--quality", "0"),
        ("assemble", "--count", "1"),
        ("train", "--epochs", "0"),
        ("train", "--batch-size", "1"),
        ("train", "--weight-decay", "-1e-9"),
        ("prune", "--amount", "1"),
        ("predict", "--fake-class", "2"),
        ("predict", "--prior", "0"),
        ("predict", "--prior", "1"),
        ("assemble", "--out", "n" * 300),
        ("assemble", "--shard", "٣/٤"),
        ("assemble", "--shard", "²/4"),
        ("assemble", "--split", "٠.٧/٠.١/٠.٢"),
        ("assemble", "--split", "nan/nan/nan"),
    ],
)
def test_values_that_were_taken_for_others(command, option, value, tmp_path):
    assert option in refused(tmp_path, command, option, value)


@pytest.mark.parametrize(
    ("command", "option"), [(c, o) for c, o, kind in OPTIONS if kind == "PATH"]
)
def test_an_output_that_cannot_be_is_refused_before_any_work(command, option, tmp_path):
    for value in ("/proc/none", "/dev/null/x", "n" * 300):
        assert option in refused(tmp_path, command, option, value)


def test_a_number_in_the_help_has_its_range():
    for command, option, metavar in OPTIONS:
        if metavar in ("INTEGER", "FLOAT"):
            found = next(p for p in COMMANDS[command].params if p.opts[0] == option)
            assert "; a number" in found.help or "; a whole number" in found.help, option
