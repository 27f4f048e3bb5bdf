"""The reference of settings: every setting of every algorithm, as it is printed and as docs/settings.md has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pars.algos import ALGORITHMS
from pars.cli import commands, listing, settings
from pars.cli.main import main
from pars.config import as_text, facts
from pars.core import LoopSettings
from pars.errors import UsageError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def printed(name: str) -> dict[str, str]:
    """Setting -> the rest of its line, as `pars algos NAME` prints it."""
    text = re.sub(r"\n {12,}", " ", "\n".join(settings.lines([name])))
    return dict(line.split(maxsplit=1) for line in text.splitlines() if line.startswith("  "))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_setting_has_a_line_with_default_range_and_meaning(name: str) -> None:
    algo, found = ALGORITHMS[name], printed(name)
    known = {key: fact for key, fact in facts(algo.config).items() if fact.phase in ("", *algo.phases)}
    assert found.keys() == known.keys()
    for key, fact in known.items():
        words = " ".join(found[key].split())
        start = f"{as_text(getattr(algo.configure(), key))} {fact.range or ''}".strip()
        assert words.startswith(f"{start} {fact.meaning}"), key
        assert f"[{fact.symbol}]" in words or not fact.symbol, key
    assert all(len(line) <= listing.WIDTH for line in settings.lines([name]))


def test_what_a_switch_turns_on_stands_below_it() -> None:
    lines, names = [*settings.lines(["pars"])], [*printed("pars")]
    first = names.index("penalty") + 1
    own = {name for name, fact in facts(ALGORITHMS["pars"].config).items() if fact.on == "penalty"}
    assert own == set(names[first : first + len(own)]) and "penalty_weight_online" in own
    assert any(line.startswith("    penalty_weight ") for line in lines)
    lines = [*settings.lines(["cql"])]
    assert any(
        line.startswith("      failure_reward ") for line in lines
    )  # below failure, which stands below calibrate


def test_settings_of_a_phase_that_is_not_there_are_left_out() -> None:
    online = {name for name, fact in facts(LoopSettings).items() if fact.phase == "online"}
    assert online == {"updates_per_step", "offline_share", "random_steps", "learning_starts", "environments"}
    assert not (online | {"exploration_noise"}) & printed("bc").keys()
    assert online <= printed("td3").keys()


def test_the_page_in_docs_is_what_the_command_writes() -> None:
    written = "\n".join(settings.page()) + "\n"
    assert PAGE.read_text(encoding="utf-8") == written, "run: pars algos --markdown > docs/settings.md"


def test_the_page_of_one_algorithm_has_the_settings_that_it_shares_and_its_own() -> None:
    page = "\n".join(settings.page(["cal_ql"]))
    heads = re.findall(r"^## (.*)$", page, re.M)
    assert [head.partition(":")[0].partition(" (")[0] for head in heads] == [
        "Every method",
        "Every Q-learning method",
        "Methods with a tanh-Gaussian policy",
        "`cal_ql`",
    ]
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \|", page, re.M)
    assert dict(rows).keys() == facts(ALGORITHMS["cal_ql"].config).keys()
    assert dict(rows)["calibrate"] == "true" and "`actor_lr=3e-05`" in page
    assert "| `gap_min` | -200 |  | where it is clipped; needs `clip_gap=true` |" in page


def test_the_command_prints_them_and_train_points_there(capsys: pytest.CaptureFixture[str]) -> None:
    main(["algos", "bc", "td3"])
    said = capsys.readouterr().out
    assert said.startswith("bc: BC, behaviour cloning; ") and "\n  random_steps           25000    at least 0 " in said
    main(["algos", "bc", "--markdown"])
    assert capsys.readouterr().out.startswith("# Settings\n")
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    assert "pars algos ALGO" in capsys.readouterr().out
    with pytest.raises(UsageError, match=r"^unknown algorithm 'rebrc'; did you mean rebrac"):
        commands.algos(["rebrc"], False, False)
    with pytest.raises(UsageError, match=r"^--presets and --markdown are two pages"):
        commands.algos([], True, True)
