"""Which columns of a plant's table a controller sets, guessed: by the words of their names, their units, how they move.

Each piece of evidence gives or takes points, and `ENOUGH` of them make an action; what spoke for and against is said.
A guess it stays: a log does not tell what was set and what was measured.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from pars.data.column_units import unit_of

ENOUGH = 2
COMMANDED, ACTUATOR, DRIVEN, MOVES = 3, 2, 1, 1  # points for
MEASURED, SENSED, FED_BACK = -3, -1, -4  # points against
WORDS = {
    "command": """action u cmd command commanded control ctrl setpoint stpt set sp setting duty pwm op mv xmv dm
        manipulated reference ref""",
    "actuator": """valve vlv pump heater heating vent fan motor damper dmpr burner throttle blower compressor conveyor
        feeder injector servo gate nozzle chiller cooler mixer stirrer agitator thruster propeller rudder aileron
        elevator steering brake torque pid controller boiler winch drive dosing""",
    "feedback": "feedback fb pv xmeas meas measured measurement actual readback sensor obs observation status",
    "quantity": """temp temperature flow flowrate press pressure level pos position current vibration humidity ph
        conductivity concentration density viscosity turbidity oxygen acceleration acc weight mass load consumption
        energy efficiency thickness noise ambient""",
}
KIND = {word: kind for kind, words in WORDS.items() for word in words.split()}
DRIVE = ("%", "rpm", "Hz", "kW", "W", "V", "mA", "Nm", "l/min", "l/s", "kg/h")  # in which actuators are set
SENSE = ("°C", "°F", "K", "bar", "mbar", "Pa", "hPa", "kPa", "MPa", "psi", "ppm", "ppb", "mm/s", "m/s²", "dB")
HELD, JUMP = 0.5, 3  # share of rows that a command is held; its median jump in steps of the column's resolution
RESTS, OFTEN = 0.02, 5  # share of rows at an end of what rests there; times as many as at any value between


class Role(NamedTuple):
    """What is guessed of a column."""

    is_action: bool
    why: str


def roles(courses: Mapping[str, np.ndarray]) -> dict[str, Role]:
    """The guess for every column of numbers, from its name and its values [n], one a row."""
    commanded = {device for name in courses if is_command(name) for device in _devices(name)}
    return {name: _role(name, course, commanded) for name, course in courses.items()}


def _role(name: str, course: np.ndarray, commanded: set[tuple[str, ...]]) -> Role:
    kinds, unit, moves = _kinds(name), unit_of(name), motion(course)
    evidence: list[tuple[int, str]] = []
    if word := kinds.get("command"):
        evidence.append((COMMANDED, f"named a command ({word})"))
    if word := kinds.get("actuator"):
        evidence.append((ACTUATOR, f"named as an actuator ({word})"))
        evidence += [(DRIVEN, f"in {unit}, as actuators are set")] if unit in DRIVE else []
        if "command" not in kinds and commanded.intersection(_devices(name)):
            evidence.append((MEASURED, f"another column is the {word}'s command"))
    if word := kinds.get("feedback"):
        evidence.append((FED_BACK, f"named as measured ({word})"))
    if "command" not in kinds:
        if word := kinds.get("quantity"):
            evidence.append((MEASURED, f"a quantity that is measured ({word})"))
        evidence += [(SENSED, f"in {unit}, as sensors read")] if unit in SENSE else []
    evidence += [(MOVES, said) for said in moves]
    points = sum(score for score, _ in evidence)
    agreeing = [said for score, said in evidence if (score > 0) == (points >= ENOUGH)]
    return Role(points >= ENOUGH, "; ".join(agreeing) or "nothing says that it is set")


def words_of(name: str) -> list[str]:
    """Its words and numbers in lower case: valveCmd_2 is valve, cmd, 2."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return [word.casefold() for word in re.findall(r"[^\W\d_]+|\d+", apart)]


def _kinds(name: str) -> dict[str, str]:
    """The kinds of words that a name has, with the first of each."""
    found: dict[str, str] = {}
    for i, word in enumerate(words_of(name)):
        kind = KIND.get(word) or KIND.get(word.removesuffix("s"))
        if word == "act":  # act_2 is an action, speed_act the actual speed
            kind = "feedback" if i else "command"
        if kind:
            found.setdefault(kind, word)
    return found


def is_command(name: str) -> bool:
    """Whether a column is named as what a controller sets."""
    return "command" in _kinds(name)


def _devices(name: str) -> list[tuple[str, ...]]:
    """The actuators of a name, each with the numbers in it: valve 2."""
    words = words_of(name)
    numbers = tuple(word for word in words if word.isdigit())
    return [(word, *numbers) for word in words if KIND.get(word) == "actuator"]


def counts_rows(course: np.ndarray) -> bool:
    """Whether a column [n] counts from 0 or 1: one more in every row, but where it begins again."""
    step = np.diff(course)
    return len(step) > 1 and bool(course[0] in (0, 1) and (step == 1).mean() > 0.5 and ((step == 1) | (step < 0)).all())


def motion(course: np.ndarray) -> list[str]:
    """What in the course of a column [n] is a command's: held and then jumping, or resting where it can go no further.

    A coarse sensor is held too, but goes on by one step of its resolution.
    """
    values = course[np.isfinite(course)]
    levels, counts = np.unique(values, return_counts=True)
    if len(levels) < 3:
        return []
    ends = (values == levels[0]) | (values == levels[-1])
    steps, free = np.abs(np.diff(values)), ~(ends[1:] & ends[:-1])
    said = []
    held = bool(free.any()) and (steps[free] == 0).mean() >= HELD
    if held and np.median(steps[steps > 0]) >= JUMP * np.diff(levels).min():
        said.append("is held and jumps")
    if max(counts[0], counts[-1]) >= max(RESTS * len(values), OFTEN * counts[1:-1].max()):
        said.append("rests at an end of its range")
    return said
