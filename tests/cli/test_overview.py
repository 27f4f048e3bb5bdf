"""`pars` without a command: every command stands in a group, with an example that it understands."""

import inspect
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from pars.cli import main as cli
from pars.cli.overview import GROUPS, OTHERS, lines

EXAMPLES = {name: example for group in GROUPS.values() for name, example in group.items()}


def test_every_command_stands_in_a_group() -> None:
    assert EXAMPLES.keys() == cli.COMMANDS.keys()
    said = list(lines({**cli.COMMANDS, "another": print}, "About.", "End."))
    assert [line for line in said if line in (*GROUPS, OTHERS)] == [*GROUPS, OTHERS]
    assert max(map(len, said)) <= 110 and "  another    Prints the values" in "\n".join(said)


def completed(script: Path, *words: str) -> list[str]:
    """What bash offers in the place of the last word."""
    said = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _tyro_pars; printf "%s\\n" "${COMPREPLY[@]}"'
    words = ("bash", "-c", said, str(script), "pars", *words)
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_shell_completes_the_commands_of_data_too(tmp_path: Path) -> None:
    script = tmp_path / "new" / "pars"
    cli.main(["--tyro-write-completion", "bash", str(script)])
    assert {*completed(script, "data", "")} >= cli.DATA_COMMANDS.keys()
    assert completed(script, "data", "check", "x", "--ac") == ["--action-range"]
    assert completed(script, "tra") == ["train"]
    assert all(word.startswith("-") for word in completed(script, "train", "--"))  # no words of descriptions


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_of_them(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--tyro-print-completion", shell])
    assert "train-ant" in capsys.readouterr().out


def test_a_shell_that_is_not_known_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--tyro-write-completion", "tcsh", "x"])
    assert stop.value.code == 2 and "bash, zsh, fish" in capsys.readouterr().err


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_options_that_there_are(name: str) -> None:
    words = shlex.split(EXAMPLES[name])
    assert words[:2] == ["pars", name]
    known = inspect.signature(cli.DATA_COMMANDS[words[2]] if name == "data" else cli.COMMANDS[name]).parameters
    for option in re.findall(r"--([\w-]+)", EXAMPLES[name]):
        assert option.replace("-", "_") in known
