"""The course: chapters, exercises, figures; sets that lie and code that is wrong, on purpose."""

from mesocore._lazy import exports

__all__ = ["FAULTY_PORTS", "Chapter", "Folded", "compare_with_original", "course_config"]

__getattr__, __dir__ = exports(
    __name__,
    ("checks", "diagrams", "project", *(f"checks.checks_{number:02}" for number in range(1, 8))),
    ablation_plots=[],
    audit_plots=[],
    chapter=["Chapter", "course_config"],
    flawed_sets=[],
    folded=["Folded"],
    mistakes=["FAULTY_PORTS"],
    parity=["compare_with_original"],
    planted=[],
    plots=[],
    predictions=[],
    roc_widget=[],
    stylegan_plots=[],
)
