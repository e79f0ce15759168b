"""Threads work ahead of who takes what they make, and not far."""

import threading
import time

import pytest

from mesocore.core.parallel import ahead


def test_results_come_in_order_from_other_threads():
    here = threading.current_thread().name

    def task(number: int) -> tuple[int, str]:
        time.sleep(0.01 * (number % 3))
        return number, threading.current_thread().name

    numbers, names = zip(*ahead(task, range(20), 2), strict=True)
    assert numbers == tuple(range(20))
    assert here not in names and len(set(names)) == 2


def test_little_is_made_that_nobody_has_taken():
    made = []
    results = ahead(lambda number: made.append(number) or number, range(1000), 2)
    assert next(results) == 0
    time.sleep(0.2)
    assert len(made) <= 7
    results.close()  # as when its reader ends early
    assert len(made) <= 7


def test_a_fault_of_a_task_is_raised_where_its_result_is_taken():
    results = ahead(lambda number: 1 / (2 - number), range(5), 2)
    assert [next(results), next(results)] == [0.5, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(ahead(str, [], 2)) == []
