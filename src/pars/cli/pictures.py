"""Moving pictures of runs: `pars film` and `pars video`, thin as the other subcommands."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from pars.cli.options import Import


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


def video(
    run: Positional[Path],
    out: Path | None = None,
    member: int = 0,
    episode: int = 0,
    steps: int | None = None,
    size: int = 240,
    imports: Import = (),
) -> None:
    """Film an episode of a run's policies: the data, the end of the offline phase and that of the online one, side by
    side.

    `pars video runs/RUN --out video.mp4`

    Args:
        run: A folder that `pars train` wrote; of several groups all are shown, in rows of three.
        out: The file to write, .gif or .mp4 (which needs the extra `video`); by default RUN/video.gif.
        member: Which of the run's policies.
        episode: Evaluation episodes are numbered and always start alike.
        steps: Actions that are shown; by default all in mazes, elsewhere 200.
        size: Pixels of each picture's sides, 16 to 2000.
    """
    from rich.console import Console

    from pars.cli import commands
    from pars.export.video import write

    commands.import_modules(imports)
    console = Console()

    def note(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    path = write(run, out or run / "video.gif", member, episode, steps, size, note)
    console.print(f"video: {path} ({path.stat().st_size / 1e6:.2f} MB)", markup=False, soft_wrap=True)
