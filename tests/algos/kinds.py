"""Which algorithms the quick tier tries where all would take long."""

from __future__ import annotations

from typing import Any

import pytest

# One of each kind; the others, which differ from one of them in their losses, in the longer tier.
KINDS = {"pars", "iql", "cql", "edac", "rlpd", "spot", "msg", "off2on", "ppo", "uni_o4"}


def longer(names: list[str], kinds: set[str]) -> list[Any]:
    """Names, those that are not of `kinds` marked as slow."""
    return [name if name in kinds else pytest.param(name, marks=pytest.mark.slow) for name in names]
