"""`pars` without a command: every command stands in a group, with an example that it understands."""

import inspect
import re
import shlex

import pytest

from pars.cli import main as cli
from pars.cli.overview import GROUPS, OTHERS, lines

EXAMPLES = {name: example for group in GROUPS.values() for name, example in group.items()}


def test_every_command_stands_in_a_group() -> None:
    assert EXAMPLES.keys() == cli.COMMANDS.keys()
    said = list(lines({**cli.COMMANDS, "another": print}, "About.", "End."))
    assert [line for line in said if line in (*GROUPS, OTHERS)] == [*GROUPS, OTHERS]
    assert max(map(len, said)) <= 110 and "  another    Prints the values" in "\n".join(said)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_options_that_there_are(name: str) -> None:
    words = shlex.split(EXAMPLES[name])
    assert words[:2] == ["pars", name]
    known = inspect.signature(cli.DATA_COMMANDS[words[2]] if name == "data" else cli.COMMANDS[name]).parameters
    for option in re.findall(r"--([\w-]+)", EXAMPLES[name]):
        assert option.replace("-", "_") in known
