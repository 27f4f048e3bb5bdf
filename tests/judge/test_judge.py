"""Runs are judged whole: kept policies, files, page, command."""

import csv
import json
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from pars import api
from pars.data import from_arrays
from pars.data.split import split
from pars.errors import CheckpointError, DataError, TaskError, UsageError
from pars.export.load import load_policy
from pars.judge.candidates import candidates
from pars.judge.evidence import evidence
from pars.judge.fitted import Fit
from pars.judge.judging import _dataset, judge
from pars.judge.page import render
from pars.judge.ranking import ranked, records, table, verdict
from pars.judge.truth import starts
from pars.training.kept import moments
from tests import runs
from tests.cli.said import Pars, one_line
from tests.report.pages.test_page import Page

HOW = Fit(critics=2, hidden=(8, 8), steps=10, batch=16)


@cache
def kept_run():
    return runs.train(runs.SESSION / "runs" / "kept", seeds=(0, 1), online_steps=0, keep_policies=True)


@cache
def judged():
    return judge(kept_run(), runs.few_rows(), truth=2, rows=500, how=HOW)


def test_policies_of_every_evaluation_stay():
    folder = runs.group(kept_run())
    assert [one.position.step for one in moments(folder)] == [20, 40, 60]
    newest = list(candidates([kept_run()]))[-1]
    obs = np.asarray(runs.few_rows().columns.obs[:5])
    np.testing.assert_array_equal(newest.actions(obs)[1], load_policy(folder, member=1)(obs))
    sizes = [path.stat().st_size for path in (folder / "policies").rglob("state.safetensors")]
    whole = [path.stat().st_size for path in (folder / "checkpoints").rglob("state.safetensors")]
    assert len(sizes) == 4 and max(sizes) < 0.5 * min(whole)


def test_every_policy_is_judged_and_written():
    found = judged()
    assert len(found.policies) == 6 and found.discount == pytest.approx(1 - 4 / 59)
    saved = json.loads((kept_run() / "judge.json").read_text())
    assert saved["format"] == 1 and len(saved["estimates"]) == 6 * 4 and len(saved["truth"]) == 6
    row = saved["estimates"][0]
    assert row["member"] == f"{runs.group(kept_run()).name}/0" and row["step"] == 20 and row["estimator"] == "fqe"
    assert row["low"] <= row["estimate"] <= row["high"] and row["trust"] == (not row["flags"])


def test_ends_that_lie_further_than_estimates_look_are_said():
    near, far = (replace(judged(), ends=np.array(rows), discount=0.95) for rows in ([3, 19, 90], [3, 21.5, 90]))
    assert not near.warnings and not replace(judged(), ends=np.zeros(0)).warnings
    (line,) = far.warnings
    assert line.startswith(f"3 of {far.episodes} episodes were ended by the task, after 22 rows in the median; ")
    assert "look some 20 rows ahead" in line and line.endswith("--discount 0.9535 looks as far")
    assert f"{line}." in verdict(far, ranked(far))
    assert replace(far, ends=np.array([25_000])).warnings[0].endswith("--discount 0.99996 looks as far")


def test_ends_are_those_of_the_task_alone():
    data = from_arrays(
        {
            "observations": np.eye(20),
            "actions": np.linspace(-1, 1, 20)[:, None],
            "rewards": np.arange(20.0),
            "terminals": np.isin(np.arange(20), (3, 14)),
            "timeouts": np.isin(np.arange(20), (7, 11, 17, 19)),
        }
    )
    known = evidence(data, 100)
    assert known.ends.tolist() == [4, 3] and len(known.begin) == 6


def test_data_of_a_run_that_holds_some_out_is_found():
    data = runs.few_rows()
    told = {"fingerprint": split(data, 0.1).fingerprint, "name": data.name, "holdout": 0.1}
    one = SimpleNamespace(there=SimpleNamespace(description={"dataset": told}))
    assert _dataset([one], data, None, None) is data


def test_logs_are_read_again_as_in_training(tmp_path):
    """The mapping and the range of the actions stand in the run."""
    rng, rows = np.random.default_rng(0), ["x;y;u;gain;run"]
    rows += [f"{x:.3f};{y:.3f};{50 + 40 * x:.3f};{-(x * x):.3f};{i // 20}".replace(".", ",")
             for i, (x, y) in enumerate(rng.uniform(-1, 1, (120, 2)))]  # fmt: skip
    (tmp_path / "logs.csv").write_text("\n".join(rows) + "\n")
    mapping = {"obs": ["x", "y"], "action": "u", "reward": "gain", "terminal": np.int64(0), "episode": "run"}
    options = dict(settings={"actor_hidden": [(8,)]}, steps=2, out=tmp_path / "run", quiet=True)
    run = api.train("bc", data=tmp_path / "logs.csv", mapping=mapping, action_range="0..100", **options)
    assert judge(run, how=Fit(steps=2)).rows == 114
    with pytest.raises(DataError, match=r"is not the data that .* and --map and --action-range as in training"):
        judge(run, action_range="-10..200", how=Fit(steps=2))


def test_truth_is_that_of_evaluations():
    (result,) = api.evaluate(kept_run(), episodes=2)
    last = [one for one in judged().policies if one.name.step == 60]
    for one, returns in zip(last, result.evaluation.returns, strict=True):
        np.testing.assert_array_equal(one.truth[1], returns)
        assert (one.truth[0] <= returns).all()


def test_own_critics_are_asked():
    moment = next(candidates([kept_run()]))
    obs = np.asarray(runs.few_rows().columns.obs[:3])
    action = moment.actions(obs)
    assert moment.own_q(obs, action).shape == (2, 2, 3)
    assert judged().policies[0].td_error > 0


def test_the_order_and_what_is_said():
    places = ranked(judged(), "dr")
    trusts = [place.said.trust for place in places]
    assert trusts == sorted(trusts, reverse=True)
    behind = [place.said.low for place in places if not place.said.trust]
    assert behind == sorted(behind, reverse=True)
    lines = verdict(judged(), places)
    assert lines[0].startswith(("Pick pars", "None of 6")) and "In the simulator (2 episodes each)" in lines[3]
    header, rows = table(judged(), places)
    assert header[-1] == "return" and len(rows) == 7 and rows[0][0] == "the data's own behaviour"
    assert all(all(row) for row in rows)  # on a phone an empty cell is a name without a word
    assert len(records(judged())) == 24
    with pytest.raises(UsageError, match="did you mean fqe"):
        ranked(judged(), "fqp")


def test_the_policy_that_is_picked_can_be_had():
    (first, *_), (early, *_) = ranked(judged()), list(candidates([kept_run()]))
    line = verdict(judged(), [first._replace(said=replace(first.said, flags=[]))])[-1]
    name = first.policy.name
    group, member = runs.group(kept_run()), int(name.member[-1])
    assert line == f"To deliver it: pars export {group} --member {member} --at offline-{name.step}"
    obs = np.asarray(runs.few_rows().columns.obs[:5])
    np.testing.assert_array_equal(early.actions(obs)[1], load_policy(group, 1, at="20")(obs))
    (then,), (now,) = api.evaluate(group, 1, at="offline-20"), api.evaluate(group, 1)
    assert (then.position.step, now.position.step) == (20, 60)
    with pytest.raises(CheckpointError, match="no policies at 21; it has offline-20, offline-40, offline-60 "):
        load_policy(group, at="21")
    with pytest.raises(UsageError, match="at 'last': give a step"):
        load_policy(group, at="last")


def test_the_page_is_whole_and_loads_nothing():
    text = render(judged(), "fqe")
    page = Page(text)
    assert "Judged without an environment" in page.text and "Estimate against truth" in page.text
    assert "url(" not in text and "<script" not in text and list(page.tables()) == ["judged.csv"]


def test_without_a_simulator_the_data_is_what_policies_are_held_against():
    alone = replace(judged(), policies=[replace(one, truth=None) for one in judged().policies])
    sure = [
        replace(one, estimates=[replace(said, flags=[], low=9.0) for said in one.estimates]) for one in alone.policies
    ]
    assert len(verdict(alone, ranked(alone))) == 2 + len(alone.warnings)
    first, second, *_, third = verdict(alone, ranked(replace(alone, policies=sure)))
    assert third.startswith("To deliver it: pars export ")
    assert first.endswith("better than what made the data.") and "where the data's episodes begin" in second
    assert "Estimates and the data's own return" in Page(render(alone, "fqe")).text


def test_the_command(capsys, tmp_path, monkeypatch):
    found, asked = judged(), {}
    monkeypatch.setattr("pars.judge.judging.judge", lambda runs, **options: asked.update(options, runs=runs) or found)
    words = ["--data", "a.hdf5", "--map", "obs=x,action=u", "--rows", "500", "--csv", tmp_path / "a.csv"]
    done = Pars(capsys)("judge", kept_run(), *words, "--fit-steps", "10", "--json", tmp_path / "a.json")
    out = done.out
    assert done.code == 0, done
    assert out.splitlines()[-1].startswith("page: ")  # nothing is trusted here
    sure = [replace(one, estimates=[replace(said, flags=[]) for said in one.estimates]) for one in found.policies]
    monkeypatch.setattr("pars.judge.judging.judge", lambda runs, **options: replace(found, policies=sure))
    *_, page, delivery = Pars(capsys)("judge", kept_run()).out.splitlines()
    assert page.startswith("page: ") and delivery.startswith("To deliver it: pars export ")
    assert "the data's own behaviour" in out and "page: " in out and (kept_run() / "judge.html").is_file()
    assert asked["runs"] == (kept_run(),) and asked["data"] == "a.hdf5" and asked["mapping"]["observations"] == "x"
    assert asked["rows"] == 500 and asked["how"] == Fit(steps=10) and asked["truth"] == 0
    with open(tmp_path / "a.csv", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == len(json.loads((tmp_path / "a.json").read_text())) == 24
    one_line(Pars(capsys)("judge"), 2, "name a run to judge")


def test_other_data_and_missing_simulators_are_refused(tmp_path):
    with pytest.raises(DataError, match="is not the data that"):
        judge(kept_run(), replace(runs.few_rows(), fingerprint="another"))
    with pytest.raises(CheckpointError, match="is not a run"):
        judge(tmp_path)
    with pytest.raises(UsageError, match="rows=0 must be a whole number from 1 on"):
        judge(kept_run(), runs.few_rows(), rows=0)
    alone = SimpleNamespace(there=SimpleNamespace(description={"task": None}), folder=tmp_path)
    with pytest.raises(TaskError, match="leave out --truth"):
        starts([alone], 1)
