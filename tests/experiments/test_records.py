"""Every committed record has a command that makes it, and that command is taken."""

import re
import shlex

import pytest

from experiments import (
    ablation,
    cli,
    combination,
    generalisation,
    leave_one_out,
    pruning,
    receptive_field,
    recommended,
    records,
)
from experiments.runner import SEEDS, Experiment, Job
from mesocore.core.runtime import project_root

RESULTS = project_root() / "results"
PREFIX = "python -m experiments "
EXPERIMENTS = {
    path: command.removeprefix(PREFIX)
    for path, command in records.COMMANDS.items()
    if command.startswith(PREFIX)
}


def test_every_committed_record_has_a_command_and_every_command_its_record():
    files = [*RESULTS.rglob("*.json"), *RESULTS.rglob("*.md")]
    found = {file.relative_to(RESULTS).as_posix() for file in files
             if file.name not in ("model.json", "README.md")}  # fmt: skip
    assert found == set(records.COMMANDS)


@pytest.mark.parametrize("path", EXPERIMENTS)
def test_the_command_of_a_record_is_taken_and_leads_to_it(path):
    words = shlex.split(EXPERIMENTS[path])
    given = cli.parse(words)
    experiment = cli.EXPERIMENTS[given.name]
    assert records.command(*words) == records.COMMANDS[path]
    if isinstance(experiment, Experiment):
        sets, rows = experiment.arguments(given.words, given.train, given.scale, given.outside)
        assert not rows
        job = Job(tuple(sets), given.scale)
        parts = pruning.MODELS if given.name == "pruning" else [""]
        assert RESULTS / path in [experiment.record_path(job, part) for part in parts]


def test_files_that_other_commands_name_are_there():
    others = {command for command in records.COMMANDS.values() if not command.startswith(PREFIX)}
    for command in others:
        program, first, *rest = shlex.split(command)
        assert (program, first) in {("mesocore", "audit"), ("mesocore", "evaluate")} or (
            program == "python" and (project_root() / first).is_file()
        )
        for word in rest:
            assert not word.startswith("results/") or (project_root() / word).exists()


def test_committed_runs_are_those_that_the_tables_know():
    titles = set()
    for command in EXPERIMENTS.values():
        given = cli.parse(shlex.split(command))
        if given.name in ("ablation", "generalisation"):
            titles |= {given.scale.title(word) for word in given.words}
    found = {run.relative_to(RESULTS / "runs").as_posix()
             for run in (RESULTS / "runs").glob("*/*") if run.name != "ensemble"}  # fmt: skip
    rows = [
        *ablation.ROWS,
        *receptive_field.ROWS,
        *(f"combination-{row}" for row in combination.FINE_TUNED),
    ]
    known = {f"{title}/{row}-{seed}" for title in titles for row in rows for seed in SEEDS}
    joint = recommended.rows(None)
    for row in leave_one_out.SETTINGS:
        without = leave_one_out.LEFT_OUT.get(row, ())
        without = records.LEFT_OUT if without is None else without
        joint += [row, *(f"{row}{leave_one_out.BETWEEN}{family}" for family in without)]
    known |= {f"joint-faces/{row}-{seed}" for row in joint for seed in SEEDS}
    loaded = re.compile(r'\\"(0\d-[a-z0-9-]+)\\"')  # runs that a notebook's JSON names
    known |= {f"synthfaces/{run}" for chapter in (project_root() / "notebooks").glob("*.ipynb")
              for run in loaded.findall(chapter.read_text(encoding="utf-8"))}  # fmt: skip
    assert generalisation.MODEL in ablation.ROWS
    assert found and found <= known


def test_the_list_has_every_experiment_in_a_line_and_every_record(capsys):
    assert cli.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, experiment in cli.EXPERIMENTS.items():
        (line,) = [line for line in lines if line.startswith(f"{experiment.usage}  ")]
        assert line.endswith((".", "?")), name
    for path, command in records.COMMANDS.items():
        assert any(line.split(maxsplit=1) == [path, command] for line in lines)


def test_an_experiment_says_what_it_writes_and_how_it_is_called(capsys):
    assert cli.main(["transfer", "--help"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("usage: python -m experiments transfer DATA SOURCE [ROW...]\n")
    for name, experiment in cli.EXPERIMENTS.items():
        assert "results/" in experiment.about, name
