"""What is known of D4RL's own files (Fu et al. 2020, arXiv 2004.07219), to tell them from files that only bear a name.

Row counts are exact: of the MuJoCo v2 files as WillDudley/d4rl-to-minari counted them, of the others as in the
normalisation statistics published with policies trained on them, which give two observation means of the MuJoCo v2
files too. The number of terminal or cut rows is that of the episodes in TensorFlow Datasets' copies (for MuJoCo the
same as the former's) and is compared loosely.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pars.data.d4rl import D4RL

MEAN_TOLERANCE = 1e-3
LOOSE = 0.01  # share; of ends, which the sources count in different ways


class Known(NamedTuple):
    """One file of D4RL's."""

    rows: int
    ends: int | None = None  # rows that are terminal or cut; None: unknown
    dim: int | None = None  # of the forward velocity in the observation
    means: tuple[float, float] | None = None  # of observation 0 and of the forward velocity


class Likeness(NamedTuple):
    """A file beside the D4RL file it may be."""

    name: str
    matches: bool
    sentence: str


KNOWN: dict[str, Known] = {
    "halfcheetah-random-v2": Known(1_000_000, 1_000, 8),
    "halfcheetah-medium-v2": Known(1_000_000, 1_000, 8, (-0.06845774, 5.1730075)),
    "halfcheetah-medium-replay-v2": Known(202_000, 202, 8, (-0.12880704, 3.4768248)),
    "halfcheetah-medium-expert-v2": Known(2_000_000, 2_000, 8, (-0.05667463, 8.110626)),
    "halfcheetah-expert-v2": Known(1_000_000, 1_000),
    "hopper-random-v2": Known(1_000_000, 45_240, 5),
    "hopper-medium-v2": Known(1_000_000, 2_187, 5, (1.311279, 2.1066856)),
    "hopper-medium-replay-v2": Known(402_000, 2_041, 5, (1.2305138, 1.3694725)),
    "hopper-medium-expert-v2": Known(1_999_906, 3_214, 5, (1.3293816, 2.3577216)),
    "hopper-expert-v2": Known(1_000_000, 1_028),
    "walker2d-random-v2": Known(1_000_000, 48_908, 8),
    "walker2d-medium-v2": Known(1_000_000, 1_191, 8, (1.218966, 2.3948874)),
    "walker2d-medium-replay-v2": Known(302_000, 1_093, 8, (1.2093647, 1.4701707)),
    "walker2d-medium-expert-v2": Known(1_999_995, 2_191, 8, (1.2294334, 3.1624751)),
    "walker2d-expert-v2": Known(1_000_000, 1_001),
    "antmaze-umaze-v2": Known(1_000_000, 10_154),
    "antmaze-umaze-diverse-v2": Known(1_000_000, 1_036),
    "antmaze-medium-play-v2": Known(1_000_000, 10_768),
    "antmaze-medium-diverse-v2": Known(1_000_000, 2_959),
    "antmaze-large-play-v2": Known(1_000_000, 13_517),
    "antmaze-large-diverse-v2": Known(1_000_000, 7_189),
    "pen-expert-v1": Known(499_206, 5_000),
    "pen-cloned-v1": Known(500_000, 3_755),
    "door-expert-v1": Known(1_000_000, 5_000),
    "door-cloned-v1": Known(1_000_000),
    "hammer-expert-v1": Known(1_000_000, 5_000),
    "hammer-cloned-v1": Known(1_000_000),
    "relocate-expert-v1": Known(1_000_000, 5_000),
    "relocate-cloned-v1": Known(1_000_000, 3_758),
}


def named_like(name: str) -> str | None:
    """The id of `KNOWN` that the name of a file stands for."""
    plain = name.lower().replace("_", "-")
    for known in KNOWN:
        if known in plain or (known in D4RL and Path(D4RL[known].name).stem.lower() in name.lower()):
            return known
    return None


def compare(card: Mapping[str, Any], name: str) -> Likeness | None:
    """The data card beside the D4RL file that its numbers, or else the file's name, point to; None if neither does."""
    by_means = [name for name, known in KNOWN.items() if known.means and not _differences(card, known)]
    if by_means:
        found = by_means[0]
        return Likeness(found, True, f"matches D4RL's {found}: rows, ends and observation means agree")
    named = named_like(name)
    if named is None:
        return None
    known = KNOWN[named]
    wrong = _differences(card, known)
    if wrong:
        return Likeness(named, False, f"named like D4RL's {named} but differs: {'; '.join(wrong)}")
    return Likeness(named, True, f"agrees with D4RL's {named} in rows and ends; nothing more is known of that file")


def _differences(card: Mapping[str, Any], known: Known) -> list[str]:
    """What is unlike the known file, in words."""
    found = []
    rows, ends, mean = card["rows"], card["ends"], card["obs"]["mean"]
    if rows != known.rows:
        found.append(f"{rows:,} rows instead of {known.rows:,}")
    if known.ends is not None and abs(ends - known.ends) > LOOSE * known.ends + 1:
        found.append(f"{ends:,} terminal or cut rows instead of about {known.ends:,}")
    if known.means and known.dim is not None:
        for dim, expected in zip((0, known.dim), known.means, strict=True):
            if dim >= len(mean):
                found.append(f"no observation column {dim}")
            elif abs(mean[dim] - expected) > MEAN_TOLERANCE:
                found.append(f"mean of observation column {dim} is {mean[dim]:.5g} instead of {expected:.5g}")
    return found
