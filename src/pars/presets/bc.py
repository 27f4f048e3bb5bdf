"""BC: one setting for all sets (the defaults); small networks on PointMaze."""

from typing import Any

FAMILY: dict[str, dict[str, Any]] = {"pointmaze": dict(actor_hidden=(128, 128))}
ROBOT: dict[str, dict[str, Any]] = {}
TASK: dict[str, dict[str, Any]] = {}
CHOICES: dict[str, dict[str, dict[str, Any]]] = {}
