"""The course: chapters, exercises, figures; sets that lie and code that is wrong, on purpose."""

from mesocore._lazy import exports

__all__ = ["FAULTY_PORTS", "Chapter", "compare_with_original", "course_config"]

__getattr__, __dir__ = exports(
    __name__,
    audit_plots=[],
    chapter=["Chapter", "course_config"],
    checks_01=[],
    checks_02=[],
    checks_03=[],
    checks_04=[],
    checks_05=[],
    checks_06=[],
    exercise=[],
    flawed_sets=[],
    mistakes=["FAULTY_PORTS"],
    parity=["compare_with_original"],
    plots=[],
    stylegan_plots=[],
)
