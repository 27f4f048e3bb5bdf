"""The subcommands of `pars data`, as thin as those in main.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from tyro.conf import Positional

from pars.cli.options import Fill, Import


def collect(
    dataset: Positional[str | None] = None,
    rows: int | None = None,
    seed: int = 0,
    force: bool = False,
    run: Path | None = None,
    member: int = 0,
    noise: float = 0.1,
    out: Path | None = None,
    walker: Path | None = None,
    policy: Path | None = None,
    imports: Import = (),
) -> None:
    """Collect a dataset, deterministically, into the data folder: PointMaze's, twins of D4RL's, or a policy's rollouts.

    `pars data collect antmaze-medium-play-v2`: a twin, not D4RL's file: data of our own making for the same task.

    `pars data collect --run runs/RUN --rows 100000 --noise 0.1`: what a policy of yours does in its task.

    Args:
        dataset: A dataset id (see `pars data list`).
        rows: How many rows; by default as many as the original has, 100,000 for PointMaze, Adroit and runs. Medium and
            expert sets train a policy first (minutes, once), however few rows are asked for.
        seed: Another seed gives another draw.
        force: Collect again even if it is there.
        run: Collect with a policy of this run (one group's folder, or a run of one group).
        member: Which of the run's policies.
        noise: Standard deviation of the noise on the policy's actions.
        out: The file to write (only with --run).
        walker: Weights of another ant that walks an AntMaze twin: .safetensors of `pars data train-ant`, or .npz with
            w0, b0, w1, b1 .. as D4RL's own (docs/data.md).
        policy: Weights of a policy that makes a twin of Adroit, or a robot's medium or expert: .npz with w0, b0, w1,
            b1 .. as DAPG's (docs/data.md).
    """
    from pars.cli import commands

    commands.import_modules(imports)
    commands.collect(dataset, rows, seed, force, run, member, noise, out, walker, policy)


def train_ant(out: Path = Path("ant.safetensors"), steps: int = 480_000, seed: int = 0) -> None:
    """Train the walking ant that AntMaze twins are collected with (its weights come with the package).

    Args:
        out: The weights to write.
        steps: Environment steps.
        seed: Another seed gives another ant.
    """
    from pars.cli import commands

    commands.train_ant(out, steps, seed)


def list_() -> None:
    """List the datasets and where they are."""
    from pars.cli import commands

    commands.list_datasets()


def check(
    data: Positional[str],
    task: str | None = None,
    next_obs: Literal["shift", "file"] = "shift",
    map: str | None = None,
    fill: Fill | None = None,
    split_gap: float | None = None,
    data_goal: str | None = None,
    suggest: Path | None = None,
    action_range: str | None = None,
    html: Path | None = None,
) -> None:
    """Check a dataset: print what is in it, warnings with their remedies, and a verdict; refuse it with exit code 3.

    Args:
        data: A dataset id, `twin:ID`, or a file, several, a pattern such as 'logs/*.csv', or a folder.
        task: The task that the data should fit.
        next_obs: Next observations from the following row (as D4RL) or from the file's own column.
        map: Our names to the names in your file, such as obs=pos_*+vel_*,action=u,reward=r,terminal=done; or a file
            that holds them, NAME.toml.
        fill: What is done about missing values: take the last one, drop the row, or drop the episode.
        split_gap: Seconds without a row after which an episode has ended; takes times, --map time=COLUMN.
        data_goal: The x,y that OGBench's files, which have no rewards, are relabelled for.
        action_range: Of the actions: 0..100,-5..5, one LOW..HIGH for all, or `scaled` if they are in [-1, 1] already.
        suggest: Write a mapping of a table, guessed from names and values, to this file and do no more; correct it and
            give it to --map.
        html: Write the check with pictures to this file too, one self-contained page.
    """
    from pars.cli import commands

    if suggest is not None:
        commands.suggest(data, suggest)
        return
    commands.check(data, task, next_obs, commands.reading(map, fill, split_gap), data_goal, action_range, html)


def clean(
    data: Positional[str],
    out: Path,
    map: str | None = None,
    fill: Fill | None = None,
    split_gap: float | None = None,
    action_range: str | None = None,
) -> None:
    """Write data of your own as one file in D4RL's layout: named, split, filled and scaled, with a record of it inside.

    Args:
        data: A file, several, a pattern such as 'logs/*.csv', or a folder.
        out: The HDF5 file to write.
        map: Our names to the names in your file, as for `pars data check`.
        fill: What is done about missing values: take the last one, drop the row, or drop the episode.
        split_gap: Seconds without a row after which an episode has ended; takes times, --map time=COLUMN.
        action_range: Of the actions: 0..100,-5..5, one LOW..HIGH for all, or `scaled` if they are in [-1, 1] already.
    """
    from pars.cli import commands

    commands.clean(data, out, commands.reading(map, fill, split_gap), action_range)


def verify(
    data: Positional[str],
    task: str | None = None,
    rows: int = 1000,
    physics: Literal["d4rl", "stock"] | None = None,
    episodes: int = 0,
) -> None:
    """Step the simulator from recorded states and compare with the rows that follow: was this file made with it?

    States are those of `infos/qpos` and `infos/qvel`, of AntMaze and where a robot's file has none those that the
    observations show. If no physics reproduces the file, the exit code is 3.

    Args:
        data: A dataset id, `twin:ID`, or the path of an HDF5 or npz file.
        task: The task that the data was recorded in; of a dataset id, by default its own.
        rows: How many rows, evenly drawn.
        physics: Only this engine mode; by default all that the task has.
        episodes: Roll out the policy that recorded the file, if it holds one, and compare the returns.
    """
    from pars.cli import commands

    commands.verify(data, task, rows, physics, episodes)


DATA_COMMANDS: dict[str, Callable[..., Any]] = {
    "collect": collect,
    "list": list_,
    "show": check,
    "check": check,
    "clean": clean,
    "verify": verify,
    "train-ant": train_ant,
}
