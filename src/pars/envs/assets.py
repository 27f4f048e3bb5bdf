"""MJCF texts of the robots, from the packages that carry them. Nothing of those packages is imported."""

from importlib.util import find_spec
from pathlib import Path

from pars.errors import TaskError


def gymnasium_xml(name: str) -> str:
    """The text of one of Gymnasium's MuJoCo models, for instance `hopper.xml`."""
    path = package_folder("gymnasium") / "envs" / "mujoco" / "assets" / name
    try:
        return path.read_text()
    except OSError as error:
        raise TaskError(f"{path}: cannot be read ({error.strerror}); install gymnasium 1.x again") from error


def package_folder(package: str) -> Path:
    """Where an installed package lies. Raises TaskError if it is absent."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise TaskError(f"the package {package} is not installed; install it beside pars")
    return Path(next(iter(spec.submodule_search_locations)))
