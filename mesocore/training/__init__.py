"""Training: settings, one loop for one device or many, exact resume, ensembles of seeds."""

from mesocore._lazy import exports

__all__ = ["TrainConfig", "ensemble", "fine_tuning_config", "range_test", "speed_run", "train"]

__getattr__, __dir__ = exports(
    __name__,
    config=["TrainConfig"],
    distributed=[],
    ensembles=["ensemble"],
    loop=[],
    lr_finder=["range_test"],
    run_folder=[],
    schedule=[],
    speed_runs=["speed_run"],
    trainer=["fine_tuning_config", "train"],
)
