"""`pars export`, as thin as the subcommands in main.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tyro.conf import Positional

from pars.cli.options import Import


def export(
    run: Positional[Path],
    member: int = 0,
    out: Path | None = None,
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
        if out or fallback or member:
            raise UsageError("--check looks at a policy folder and takes no other option")
        found = folder.check(run)
        print(f"{run}: whole and unchanged, {found.contract['sha256'][:12]}: {found.policy}")
        return
    numbers = None if fallback is None else _numbers(fallback)
    made = folder.export(run, out or run / "policy", member, numbers)
    print(f"policy: {made.folder}, {len(made.files)} files; ONNX Runtime acts alike to {made.apart:.1g} of the range")
    print(f"passport: {made.folder / 'passport.html'}")


def _numbers(text: str) -> list[float]:
    """`50,0,1500`. Raises UsageError."""
    from pars.errors import UsageError

    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--fallback {text}: write a number for every action, as in 50,0,1500") from None


DELIVERY: dict[str, Callable[..., None]] = {"export": export}
