"""Moving pictures of runs: `pars film`, thin as the other subcommands."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional


def film(runs: Positional[tuple[Path, ...]], out: Path = Path("film.gif"), names: str | None = None) -> None:
    """Show Q along an action slice far beyond the data while policies train, beside the largest possible return.

    `pars train pars TASK layer_norm=none,before penalty=false,true --probes landscape --out runs/idea`, and then

    `pars film runs/idea --names TD3+BC,+LN,+PA,PARS --out film.gif`

    Args:
        runs: Folders of runs that were trained with --probes landscape; of others there are the ends of phases alone.
        out: The file to write, .gif or .mp4 (which needs the extra `video`).
        names: Titles of the panels in the order of the report, with commas between them.
    """
    from rich.console import Console

    from pars.errors import UsageError
    from pars.report.film import write  # slow to import

    if not runs:
        raise UsageError("name a run, such as runs/RUN")
    path = write(runs, out, [name.strip() for name in names.split(",")] if names else [])
    Console().print(f"film: {path} ({path.stat().st_size / 1e6:.2f} MB)", markup=False, soft_wrap=True)
