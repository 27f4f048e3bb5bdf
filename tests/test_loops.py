"""A table of cases in one test fails with the names of all cases that fail."""

from __future__ import annotations

import pytest

from tests.loops import for_each


def test_every_case_is_checked_and_all_that_fail_are_named() -> None:
    seen = []

    @for_each([("a", 1), ("b", 2), ("c", 3)])
    def check(name: str, number: int) -> None:
        seen.append(name)
        assert number == 2, "not two"

    with pytest.raises(pytest.fail.Exception, match=r"(?s)2 of 3 cases fail\na, 1: .*not two.*\nc, 3: .*not two"):
        check()
    assert seen == ["a", "b", "c"]


def test_an_empty_table_is_no_proof() -> None:
    with pytest.raises(pytest.fail.Exception, match="0 of 0 cases"):
        for_each([])(print)()
