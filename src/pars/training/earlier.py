"""What run folders of earlier versions have under other names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pars.config import Fixed, facts
from pars.core import LoopSettings

HALF = 0.5  # the share where the rows did not fit the batch, as no online phase read them


def of_today(settings: Mapping[str, Any], cls: type) -> dict[str, Any]:
    """Settings out of a run.json as a config class has them now.

    `offline_rows` has become a share of the batch: the roundest one that is as many rows.
    """
    found = dict(settings)
    if "offline_rows" in found and "offline_rows" not in facts(cls):
        rows, size = found.pop("offline_rows"), found["batch_size"]
        shares = [round(rows / size, 2), rows / size]
        alike = (share for share in shares if LoopSettings(size, offline_share=Fixed(share)).offline_rows == rows)
        found["offline_share"] = next(alike, HALF)
    return found
