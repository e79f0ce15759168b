"""Experiments: what trains detectors or measures them, and leaves a record in results/.

    python -m experiments --list
    python -m experiments NAME DATA [ROW...] [--reduced | --epochs N]

An experiment is a table of rows, each trained with several seeds (`runner.Experiment`); a command
does something with runs that are there (`runner.Command`). Nothing in `mesocore` imports them.
"""
