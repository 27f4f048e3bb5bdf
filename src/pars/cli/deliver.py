"""`pars export` and `pars replay`, as thin as the subcommands in main.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tyro.conf import Positional

from pars.cli.options import Import


def export(
    run: Positional[Path],
    member: int = 0,
    out: Path | None = None,
    at: str | None = None,
    fallback: str | None = None,
    check: bool = False,
    imports: Import = (),
) -> None:
    """Write a policy as a folder that runs without pars: ONNX, C, a runner for numpy and onnxruntime, its passport.

    `pars export runs/mine --out policy`

    `pars export policy --check`: whether a policy folder is whole and unchanged.

    Args:
        run: A folder that `pars train` wrote; with --check one that `pars export` wrote.
        member: Which of the run's members.
        at: The step of a policy that is kept, such as 20000 or online-500; by default the newest.
        out: The folder to write; by default RUN/policy. One of `pars export` is replaced.
        fallback: Action where there is no observation to act on, such as 50,0,1500 in units; by default the middles of
            the ranges.
        check: Look at a policy folder instead: one line of what it is, or of what is wrong with it.
    """
    from pars.cli import commands
    from pars.errors import UsageError
    from pars.export import folder

    commands.import_modules(imports)
    if check:
        if out or fallback or member or at:
            raise UsageError("--check looks at a policy folder and takes no other option")
        found = folder.check(run)
        print(f"{run}: whole and unchanged, {found.contract['sha256'][:12]}: {found.policy}")
        return
    numbers = None if fallback is None else _numbers(fallback)
    made = folder.export(run, out or run / "policy", member, numbers, at)
    print(f"policy: {made.folder}, {len(made.files)} files; ONNX Runtime acts alike to {made.apart:.1g} of the range")
    print(f"passport: {made.folder / 'passport.html'}")


def replay(
    run: Positional[Path],
    data: str,
    episode: int = 0,
    member: int = 0,
    at: str | None = None,
    map: str | None = None,
    action_range: str | None = None,
    out: Path | None = None,
    imports: Import = (),
) -> None:
    """Show an episode of logs beside what the policy would have done in each of its rows, and the critic's opinion.

    `pars replay runs/mine --data logs.hdf5 --episode 7`

    Args:
        run: A folder that `pars train` wrote.
        data: Logs, as `pars train --data` takes them.
        episode: Which of their episodes, counted from 0.
        member: Whose policy; those of the run's other members are shown as a band.
        at: The step of policies that are kept, as of `pars export`.
        map: Our names to the names in your file, as of `pars train`.
        action_range: Of the actions in the logs, as of `pars train`.
        out: The page to write; by default RUN/replay-EPISODE.html.
    """
    from pars import api
    from pars.cli import commands
    from pars.data.formats.mapping_file import reading
    from pars.export import replay as replays

    commands.import_modules(imports)
    dataset = api.open_dataset(data, None, mapping=reading(map), action_range=action_range, rewarded=False)
    found = replays.replay(run, dataset, episode, member, at)
    outputs = zip(found.restored.outputs, replays.apart(found))
    print("apart: " + ", ".join(f"{one.name} {share:.1f}% of its range" for one, share in outputs))
    print(f"page: {replays.write_page(found, out or run / f'replay-{episode}.html')}")


def _numbers(text: str) -> list[float]:
    """`50,0,1500`. Raises UsageError."""
    from pars.errors import UsageError

    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--fallback {text}: write a number for every action, as in 50,0,1500") from None


DELIVERY: dict[str, Callable[..., None]] = {"export": export, "replay": replay}
