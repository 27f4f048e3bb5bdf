"""One test for a table of cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def for_each(cases: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """Make a test that checks every case and names all that fail. A case is an argument, or a tuple of arguments.

    For hundreds of quick cases; `pytest.mark.parametrize` where each is worth a line of its own.
    """
    table = [case if isinstance(case, tuple) else (case,) for case in cases]

    def wrap(check: Callable[..., None]) -> Callable[[], None]:
        def test() -> None:
            failed = []
            for case in table:
                try:
                    check(*case)
                except Exception as error:
                    failed.append(f"{', '.join(map(str, case))}: {type(error).__name__}: {error}")
            if failed or not table:
                pytest.fail(f"{len(failed)} of {len(table)} cases fail\n" + "\n".join(failed), pytrace=False)

        test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
        return test

    return wrap
