"""The `pars` command: thin, one function per subcommand. Exit codes are those of pars.errors."""

from __future__ import annotations

import os
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

import pars
from pars.cli import overview, streams
from pars.cli.data import DATA_COMMANDS
from pars.cli.deliver import DELIVERY
from pars.cli.explain import explain, one_line
from pars.cli.judge import judge
from pars.cli.options import EnvArg, Fill, Import, Words, beside
from pars.cli.parse import parse
from pars.cli.pictures import film, video
from pars.cli.reproduce import reproduce
from pars.cli.results import evaluate, ls, report
from pars.cli.search import search
from pars.cli.sweep import sweep

FLAGS = tuple(
    f"--{no}{name}" for name in ("quiet", "small", "dry-run", "keep-policies", "isolate", "fetch") for no in ("", "no-")
)

EPILOG = (
    "Exit codes: 0 done, 2 usage, 3 data, 4 checkpoint or run folder, 5 environment, 6 divergence, 7 resources, 75 \
interrupted (the same command continues). --debug shows the traceback of an error."
)


def train(
    words: Annotated[Words, arg(metavar="ALGO[,ALGO] [TASK[,TASK]] [NAME=VALUE[,VALUE]]...")],
    data: str | None = None,
    env: str | None = None,
    env_arg: EnvArg = (),
    env_timeout: float | None = None,
    isolate: bool = False,
    next_obs: Literal["shift", "file"] = "shift",
    map: str | None = None,
    fill: Fill | None = None,
    split_gap: float | None = None,
    data_goal: str | None = None,
    action_range: str | None = None,
    goal_columns: str | None = None,
    data_in: Literal["auto", "memory", "stream"] = "auto",
    overlap_eval: Literal["auto", "yes", "no"] = "auto",
    physics: Literal["d4rl", "stock"] | None = None,
    goal: str | None = None,
    preset: str = "paper",
    steps: int | None = None,
    online_steps: int = 0,
    eval_every: int | None = None,
    online_eval_every: int | None = None,
    eval_episodes: int | None = None,
    out: Path | None = None,
    keep_policies: bool = False,
    action_limits: str | None = None,
    stop_below: float | None = None,
    holdout: float | None = None,
    start_from: Path | None = None,
    start_seed: int | None = None,
    probes: tuple[str, ...] = ("actions", "neurons", "balance", "order"),
    imports: Import = (),
    verify: Literal["once", "always"] = "once",
    track: Literal["wandb", "mlflow"] | None = None,
    quiet: bool = False,
) -> None:
    """Train offline and, with --online-steps, fine-tune online. Running the same command again continues a run.

    `pars algos ALGO`: the settings of an algorithm, with defaults, ranges and meanings.

    `pars train pars pointmaze-umaze-diverse seed=0..4`

    `pars train pars,td3_bc pointmaze-medium-play reward_scale=10,100 seed=0..2 --steps 20000 --online-steps 3000`

    `pars train pars pointmaze-umaze-diverse,pointmaze-medium-play seed=0..4`: several tasks, one program if they fit.

    `pars train pars --data logs.hdf5`: your own data, no environment, so offline only and no scores.

    `pars train pars TASK bc_weight_online=0,0.01 --start-from runs/RUN --online-steps 10000`: one policy, two ways on.

    `pars train pars --data logs.hdf5 --env Hopper-v5`: any Gymnasium environment with continuous actions.

    Args:
        words: Algorithms, task ids (see `pars tasks`), and settings (see `pars algos ALGO`): a list of values or a
            range such as seed=0..4 trains a population.
        data: A dataset id or your own data (HDF5, npz, CSV, Parquet; a file, several, a pattern such as 'logs/*.csv',
            a folder, also Minari's or LeRobot's); by default the task's dataset.
            `twin`: data of our own making for a D4RL task.
        env: The environment to evaluate and fine-tune in, if the task is not named: a task id or a Gymnasium id, of a
            module of yours too, such as my_package:MyEnv-v0.
        env_arg: An argument of a Gymnasium environment, as JSON or text; may be repeated.
        env_timeout: Seconds that one step of a Gymnasium environment may take; by default 300, 0: any time.
        isolate: Step them in a process of their own, which native code of theirs may crash; the same numbers.
        next_obs: Next observations from the following row (as D4RL) or from the file's own column.
        map: Our names to the names in your file, such as obs=pos_*+vel_*,action=u,reward=r,terminal=done; or a file
            that holds them, NAME.toml.
        fill: What is done about missing values: take the last one, drop the row, or drop the episode.
        split_gap: Seconds without a row after which an episode has ended; takes times, --map time=COLUMN.
        data_goal: The x,y that OGBench's files, which have no rewards, are relabelled for.
        action_range: Of the actions in your data: 0..100,-5..5, one LOW..HIGH for all, or `scaled` if they are in
            [-1, 1] already; by default the environment's box, what the file says, or inferred and said.
        goal_columns: Names of the observations that a goal gives, such as x,y, for methods that are told one.
        data_in: Keep the data in memory or fetch rows from the disk; auto: what fits.
        overlap_eval: Evaluate while the next block trains; auto: beside a GPU.
        physics: Of D4RL's tasks: the engine as the datasets were made, or MuJoCo as installed.
        goal: Of AntMaze: drawn for every `episode`, or `fixed`; of OGBench's also `task1` to `task5`.
        preset: Published settings of the algorithm to start from, see `pars algos`.
        steps: Offline gradient steps; by default the preset's, of own data one for each row (50,000 to a million). More
            of them, or of online steps, make a run that is in --out longer.
        online_steps: Environment steps of each member after that.
        eval_every: Gradient steps between evaluations.
        online_eval_every: Environment steps between evaluations.
        eval_episodes: Episodes of each evaluation.
        out: Folder of the run; by default runs/ALGO-TASK-HASH.
        holdout: A share of the episodes, such as 0.1, that nothing trains on, to measure errors on them.
        keep_policies: Keep the policies of every evaluation, so that `pars judge` can choose among them.
        action_limits: What actions are kept within online and in evaluations, in units: 0..80,-1..1, or one LOW..HIGH
            for all.
        stop_below: End the online phase at the first evaluation whose mean score is below this; the policies of all
            evaluations are kept.
        start_from: A run of the same algorithm and seeds to begin with: online, with the same data and offline
            settings; without --online-steps offline anew, on any data.
        start_seed: All begin as its member of this seed ended, instead of each as that of its own seed.
        probes: What to look at inside the networks at every evaluation; `landscape` is for `pars film`.
        verify: Compare the checksums of converted data once, and again when it has changed, or at every start.
        track: Write the curves to a tracker, too (extras `wandb`, `mlflow`); nothing is sent unless WANDB_MODE or
            MLFLOW_TRACKING_URI says so.
        quiet: Print only warnings and where the report is.
    """
    from pars.cli import commands

    commands.import_modules(imports)
    commands.train(
        words,
        data=data,
        env=env,
        env_arg=env_arg,
        env_timeout=env_timeout,
        isolate=isolate,
        next_obs=next_obs,
        map=map,
        fill=fill,
        split_gap=split_gap,
        data_goal=data_goal,
        action_range=action_range,
        goal_columns=goal_columns,
        data_in=data_in,
        overlap_eval=overlap_eval,
        physics=physics,
        goal=goal,
        preset=preset,
        steps=steps,
        online_steps=online_steps,
        eval_every=eval_every,
        online_eval_every=online_eval_every,
        eval_episodes=eval_episodes,
        out=out,
        keep_policies=keep_policies,
        action_limits=action_limits,
        stop_below=stop_below,
        holdout=holdout,
        start_from=start_from,
        start_seed=start_seed,
        probes=probes,
        verify=verify,
        track=track,
        quiet=quiet,
        command=shlex.join(["pars", *sys.argv[1:]]),
    )


def algos(
    words: Annotated[Words, arg(metavar="[ALGO]...")] = (),
    presets: bool = False,
    markdown: bool = False,
    imports: Import = (),
) -> None:
    """List the algorithms (ours, those of installed packages, those of --import), or all settings of those that are
    named: defaults, ranges, meanings, the papers' symbols.

    Args:
        words: Print the settings of these.
        presets: Print the settings that each starts from on D4RL's datasets, where they come from, and which are
            fallbacks because none are published.
        markdown: Print the settings as a page in Markdown, of all algorithms or of those that are named.
    """
    from pars.cli import commands

    commands.import_modules(imports)
    commands.algos(words, presets, markdown)


def tasks(measure: bool = False, seconds: float = 1.0, csv: Path | None = None) -> None:
    """List the tasks.

    Args:
        measure: Measure their speed on this machine too, and ask Gymnasium's check_env about them.
        seconds: How long to measure each.
        csv: Write the table to this file too.
    """
    from pars.cli import commands

    commands.tasks(measure, seconds, csv)


def demo(out: Path = Path("runs/demo"), short: bool = False, quiet: bool = False) -> None:
    """Collect a PointMaze dataset, train PARS beside TD3+BC, fine-tune PARS online, write a report: a few minutes.

    Args:
        out: Folder of the run; an unfinished demo continues.
        short: A tenth of the steps, to see that everything works.
        quiet: Print only the summary.
    """
    from pars.cli import demo as experiment

    experiment.run(out, short, quiet)


def data() -> None:
    """Collect, list and check datasets: `pars data --help`."""


COMMANDS: dict[str, Callable[..., Any]] = {
    "train": train,
    "sweep": beside(train)(sweep),
    "search": beside(train)(search),
    "eval": evaluate,
    "report": report,
    "ls": ls,
    "film": film,
    "video": video,
    "judge": judge,
    **DELIVERY,
    "algos": algos,
    "tasks": tasks,
    "demo": demo,
    "reproduce": reproduce,
    "data": data,  # for the help; its own subcommands are DATA_COMMANDS
}


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of `pars`; exits with a code of pars.errors."""
    streams.open_closed()
    os.environ["MPLBACKEND"] = "Agg"  # pictures go to files, whatever draws in a user's notebooks
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        with warnings.catch_warnings():
            warnings.showwarning = one_line
            _run(words)
    except BrokenPipeError:  # whoever read our output has seen enough, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if debug:
            raise
        sys.exit(explain(error))
    except KeyboardInterrupt:
        sys.exit(130)


def _run(words: list[str]) -> None:
    if words == ["--version"]:
        print(f"pars {pars.__version__}")
        return
    if words[:1] in (["--tyro-print-completion"], ["--tyro-write-completion"]):
        from pars.cli.completion import complete

        complete(COMMANDS, {"data": DATA_COMMANDS}, words)
        return
    if words[:1] == ["data"]:
        table, prog, about = DATA_COMMANDS, "pars data", "Collect, list and check datasets."
        words = words[1:]
    else:
        table, prog = COMMANDS, "pars"
        about = "Reinforcement learning with offline data. See also: pars data --help, pars --version."
        if words in ([], ["-h"], ["--help"]):
            print(*overview.lines(table, about, EPILOG), sep="\n")
            sys.exit(0)
    words = gather(joined_files(words))
    parse(table, words or ["--help"], prog, about)()


def joined_files(words: list[str]) -> list[str]:
    """Files that stand in a row where data is named, as the shell leaves them of a pattern, as one word."""
    begin = words.index("--data") + 1 if "--data" in words else 1 if words[:1] in (["check"], ["clean"]) else len(words)
    end = begin + 1
    while end < len(words) and Path(words[end]).is_file() and Path(words[begin]).is_file():
        end += 1
    return [*words[:begin], ",".join(words[begin:end]), *words[end:]] if end > begin + 1 else words


def gather(words: list[str]) -> list[str]:
    """Settings may stand anywhere in the words of `train` and its like; put them behind the first one, where tyro wants
    all of them."""
    if words[:1] not in (["train"], ["sweep"], ["search"], ["reproduce"]) or len(words) < 2 or words[1].startswith("-"):
        return words
    settings: list[str] = []
    rest: list[str] = []
    for before, word in pairwise(words):
        free = not before.startswith("--") or "=" in before or before in FLAGS
        (settings if re.match(r"[a-z]\w*=", word) and free else rest).append(word)
    return [words[0], rest[0], *settings, *rest[1:]] if rest and not rest[0].startswith("-") else words


if __name__ == "__main__":
    main()
