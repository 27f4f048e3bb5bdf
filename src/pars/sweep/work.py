"""What a worker does: train one unit in this process, as `pars train` would, from wherever its folder stands."""

from __future__ import annotations

import importlib
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pars import api
from pars.algos import import_modules
from pars.errors import Interrupted, InUse, ParsError, ResourceError
from pars.sweep.units import Unit, name_of, read_order
from pars.training.launch import train_runs
from pars.training.parts import part
from pars.training.plan import How, Request


class Ended(NamedTuple):
    """How a unit came back: "busy" has its folder in the hands of another process, "died" had its worker killed."""

    state: Literal["finished", "failed", "interrupted", "busy", "died"]
    message: str = ""
    code: int = 0  # exit code of what failed


def work(root: Path, number: int, by: str = __name__) -> Ended:
    """Train a unit of the sweep in `root`. Never raises: what is wrong is in what it returns.

    Args:
        by: the module whose `train_unit` does it.
    """
    try:
        order = read_order(root)
        if order is None:
            raise ResourceError(
                f"{os.uname().nodename} does not see {root}; a sweep needs a shared folder as --out, or --fetch"
            )
        importlib.import_module(by).train_unit(root, order.units[number], order.options)
        return Ended("finished")
    except Interrupted as error:
        return Ended("interrupted", str(error))
    except InUse as error:
        return Ended("busy", str(error), error.exit_code)
    except ParsError as error:
        return Ended("failed", str(error), error.exit_code)
    except (OSError, MemoryError) as error:
        return Ended("failed", f"{type(error).__name__}: {error}", ResourceError.exit_code)
    except Exception as error:
        return Ended("failed", f"internal error: {type(error).__name__}: {str(error).partition(chr(10))[0]}", 1)


def train_unit(root: Path, unit: Unit, given: Mapping[str, Any]) -> None:
    """One that `pars sweep` ordered. given: options of `pars.api.train`, and modules to import."""
    options = dict(given) | {"quiet": True, "out": root}
    import_modules(options.pop("imports"))
    api.train(**options, trainer=partial(_train, unit, root))


def _train(
    unit: Unit, root: Path, requests: Sequence[Request], how: How, command: str, _root: Path | None = None
) -> None:
    """Of all that is asked for only this unit."""
    request = next(one for one in requests if name_of(one, root) == unit.run)
    groups = zip(request.groups, request.plans, strict=True)
    group, plan = next((group, plan) for group, plan in groups if group.name == unit.group)
    own = group if len(unit.members) == len(group.seeds) else part(group, unit.members)
    train_runs([replace(request, groups=[own], plans=[plan])], how, command)


def serve(root: Path, by: str = __name__) -> None:
    """Train the units whose numbers come on standard input, a line each, and answer in lines of JSON. The end of the
    input, as when whoever asks was killed, stops training after a checkpoint. by: see `work`."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever is printed here is no answer
    orders: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    while line := orders.get():
        ended = work(root, int(line), by)
        print(json.dumps(ended), file=answers, flush=True)
        if ended.state == "interrupted":
            return


def _listen(orders: queue.Queue[str]) -> None:
    for line in sys.stdin:
        orders.put(line)
    orders.put("")
    os.kill(os.getpid(), signal.SIGTERM)


def options_of(given: dict[str, Any]) -> dict[str, Any]:
    """Options of `api.train` as JSON can hold them, for workers that may run in other folders."""
    plain = json.loads(json.dumps(given, default=str))
    for name in ("out", "data", "start_from"):
        if plain.get(name) and Path(plain[name]).exists():
            plain[name] = str(Path(plain[name]).resolve())
    return dict(plain)
