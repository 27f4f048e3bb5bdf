"""The verdict says what the numbers say, whoever wins."""

from pathlib import Path

import pytest

from pars.report.load import read_run
from pars.report.pages.verdict import summary, verdict
from pars.report.series import all_series
from tests.report.fabricate import write_group

PARS = {"offline": {4000: [40, 50, 60], 10000: [62, 71, 80]}, "online": {3000: [82, 88, 94]}}
TD3_BC = {"offline": {4000: [60, 62, 64], 10000: [0, 2, 4]}, "online": {3000: [0, 3, 6]}}


def test_better_algorithm_and_a_lost_peak(tmp_path: Path):
    q = {"offline": {4000: [50, 60, 70], 10000: [85, 90, 95]}, "online": {3000: [90, 90, 90]}}
    write_group(tmp_path / "pars-1", "pars", PARS, q_max=q)
    q = {"offline": {4000: [2, 3, 4], 10000: [7.2, 7.4, 7.6]}, "online": {3000: [5, 5, 5]}}
    write_group(tmp_path / "td3_bc-1", "td3_bc", TD3_BC, q_max=q, settings=[{"reward_scale": 1.0}] * 3)
    found = verdict(read_run(tmp_path))
    assert found.headline == (
        "PARS reached 88 ± 6 (mean ± sample std of 3 seeds, 30 episodes each) after 3,000 online steps, "
        "up from 71 ± 9 at the end of offline training."
    )
    assert found.others[0].startswith(
        "TD3+BC on the same data ended at 3.0 ± 3.0 (n = 3, 3,000 online steps) after peaking at 62 ± 2 "
        "(best evaluation, offline step 4,000); lower than PARS (−85 ["
    )
    assert "with probability 1.00" in found.others[0]
    assert found.others[0].endswith("; its largest Q climbed to 7.4 times the largest possible return.")
    assert found.others[1] == "The largest Q of PARS stayed within the largest possible return (0.90 of it at most)."
    assert found.caveats == ["Fewer than five seeds: a repetition may come out differently."]


def test_the_other_algorithm_does_as_well(tmp_path: Path):
    write_group(tmp_path / "pars-1", "pars", PARS)
    write_group(tmp_path / "td3_bc-1", "td3_bc", {"offline": {10000: [60, 70, 80]}, "online": {3000: [80, 90, 97]}})
    others = verdict(read_run(tmp_path)).others
    assert "no clear difference from PARS (+1 [" in others[0]
    assert "lower" not in others[0] and "higher" not in others[0]


def test_the_other_algorithm_does_better(tmp_path: Path):
    write_group(tmp_path / "pars-1", "pars", {"offline": {10000: [5, 6, 7]}})
    write_group(tmp_path / "td3_bc-1", "td3_bc", {"offline": {10000: [90, 92, 94]}})
    found = verdict(read_run(tmp_path))
    assert found.headline.startswith("PARS ended at 6.0 ± 1.0 ")
    assert "higher than PARS (+86 [" in found.others[0] and "probability 1.00" in found.others[0]


def test_the_winner_does_not_lead_but_the_first_named(tmp_path: Path):
    command = "pars train td3_bc,pars pointmaze-umaze-diverse"
    write_group(tmp_path / "pars-1", "pars", PARS, command=command)
    write_group(tmp_path / "td3_bc-1", "td3_bc", TD3_BC, command=command)
    found = verdict(read_run(tmp_path))
    assert found.headline.startswith("TD3+BC ended at 3.0 ± 3.0") and found.others[0].startswith(
        "PARS on the same data"
    )


def test_online_training_that_hurt_or_did_nothing_clear(tmp_path: Path):
    write_group(tmp_path / "a" / "pars-1", "pars", {"offline": {10000: [80, 81, 82]}, "online": {3000: [40, 42, 41]}})
    hurt = verdict(read_run(tmp_path / "a")).headline
    assert "PARS ended at 41 ± 1 " in hurt and "down from 81 ± 1 at the end" in hurt
    write_group(tmp_path / "b" / "pars-1", "pars", {"offline": {10000: [70, 80, 60]}, "online": {3000: [80, 70, 66]}})
    assert "PARS ended at 72 ± 7 " in (text := verdict(read_run(tmp_path / "b")).headline)
    assert "no clear change (+2 [" in text and "from 70 ± 10 at the end" in text


def test_without_an_online_phase(tmp_path: Path):
    write_group(tmp_path / "pars-1", "pars", {"offline": {5000: [90, 91, 92], 10000: [10, 11, 12]}})
    assert verdict(read_run(tmp_path)).headline == (
        "PARS ended at 11 ± 1 (mean ± sample std of 3 seeds, 30 episodes each) after 10,000 gradient steps offline "
        "after peaking at 91 ± 1 (best evaluation, offline step 5,000)."
    )


def test_phases_are_compared_like_with_like(tmp_path: Path):
    write_group(tmp_path / "pars-1", "pars", PARS)
    write_group(tmp_path / "bc-1", "bc", {"offline": {10000: [20, 21, 22]}})
    text = verdict(read_run(tmp_path)).others[0]
    assert "lower than PARS at the end of the offline phase (71 ± 9) (−50 [" in text


def test_algorithms_that_stand_at_different_steps_are_not_compared(tmp_path: Path):
    write_group(tmp_path / "pars-1", "pars", {"offline": {10000: [60, 70, 80]}})
    write_group(tmp_path / "td3_bc-1", "td3_bc", {"offline": {4000: [1, 2, 3]}})
    text = verdict(read_run(tmp_path)).others[0]
    assert "not compared with PARS, which stands at offline step 10,000 instead of 4,000" in text


def test_one_seed_has_no_spread_and_proves_nothing(tmp_path: Path):
    write_group(tmp_path / "pars-1", "pars", {"offline": {10000: [70]}, "online": {3000: [88]}}, seeds=[0])
    write_group(tmp_path / "bc-1", "bc", {"offline": {10000: [20]}, "online": {3000: [25]}}, seeds=[0])
    found = verdict(read_run(tmp_path))
    assert (
        "PARS ended at 88 (one seed, so no spread, 30 episodes) after 3,000 online steps, up from 70" in found.headline
    )
    assert "±" not in found.headline
    assert "lower than PARS by 63, but one seed proves nothing" in found.others[0]


def test_two_seeds_without_spread_prove_little(tmp_path: Path):
    write_group(tmp_path / "pars-1", "pars", {"offline": {10000: [55, 55]}}, seeds=[0, 1])
    write_group(tmp_path / "bc-1", "bc", {"offline": {10000: [60, 60]}}, seeds=[0, 1])
    write_group(tmp_path / "iql-1", "iql", {"offline": {10000: [55, 55]}}, seeds=[0, 1])
    others = verdict(read_run(tmp_path)).others
    assert "higher than PARS by 5.0, but two seeds that agree prove little" in others[0]
    assert "equal to PARS, but two seeds that agree prove little" in others[1]


def test_unfinished_diverged_and_lost_members(tmp_path: Path):
    write_group(tmp_path / "pars-1", "pars", {"offline": {4000: [40, 50, 60]}}, state="running")
    nan = float("nan")
    caveat = "td3_bc-1 diverged: member 2 (seed 2) is not finite; the checkpoint at offline step 4,000 is kept"
    write_group(
        tmp_path / "td3_bc-1", "td3_bc", {"offline": {4000: [1, 2, nan]}}, state="diverged",
        status={"message": caveat, "step": 4321},
    )  # fmt: skip
    caveats = verdict(read_run(tmp_path)).caveats
    assert caveats[0] == "PARS is unfinished: offline step 4,000 of 10,000."
    assert caveats[1] == caveat + "."
    assert caveats[2] == "1 seed has no finite score at the end and is not in the mean."


def test_every_seed_lost(tmp_path: Path):
    nan = float("nan")
    write_group(tmp_path / "pars-1", "pars", {"offline": {1000: [40, 50, 60], 2000: [nan] * 3}}, state="diverged")
    assert verdict(read_run(tmp_path)).headline == (
        "PARS has no finite score at its last evaluation (offline step 2,000) after peaking at 50 ± 10 "
        "(best evaluation, offline step 1,000)."
    )


def test_without_an_environment_there_is_no_score(tmp_path: Path):
    write_group(
        tmp_path / "pars-1", "pars", task=None, metrics={"critic_loss": {"offline": {10000: [1, 1, 1]}}}, maze=False
    )
    found = verdict(read_run(tmp_path))
    assert found.headline == (
        "PARS trained for 10,000 gradient steps offline on umaze-diverse; "
        "no environment was given, so there is no score."
    )
    assert len(summary(read_run(tmp_path))) == 5


def test_before_the_first_evaluation(tmp_path: Path):
    write_group(tmp_path / "pars-1", "pars", state="running")
    assert verdict(read_run(tmp_path)).headline.endswith("it has not been evaluated yet.")


def test_a_sweep_names_its_span_and_picks_nobody(tmp_path: Path):
    settings = [{"reward_scale": scale, "critics": 4} for scale in (1.0, 1.0, 100.0, 100.0)]
    write_group(
        tmp_path / "pars-1", "pars", {"offline": {10000: [2, 4, 80, 90]}}, settings=settings, seeds=[0, 1, 0, 1]
    )
    run = read_run(tmp_path)
    assert [one.label for one in all_series(run)] == ["PARS, reward_scale=1", "PARS, reward_scale=100"]
    assert verdict(run).headline.startswith(
        "PARS with 2 settings ended between 3.0 ± 1.4 (reward_scale=1) and 85 ± 7 (reward_scale=100), "
        "mean ± sample std over 2 seeds each; the highest of several settings flatters"
    )


def test_the_same_seed_twice_is_one_run(tmp_path: Path):
    write_group(tmp_path / "pars-1", "pars", {"offline": {10000: [10, 20, 10, 20]}}, seeds=[0, 1, 0, 1])
    found = verdict(read_run(tmp_path))
    assert "15 ± 7 (mean ± sample std of 2 seeds" in found.headline
    assert found.caveats[0].startswith("2 of the members repeat a seed and a setting")


def test_other_data_is_named(tmp_path: Path):
    write_group(tmp_path / "pars-1", "pars", PARS)
    write_group(tmp_path / "bc-1", "bc", TD3_BC, dataset={"name": "umaze-play", "fingerprint": "cd34", "rows": 5})
    assert verdict(read_run(tmp_path)).others[0].startswith("BC on umaze-play ended at")


def test_structure_tells_series_apart_across_groups(tmp_path: Path):
    for folder, critics in (("pars-a", 2), ("pars-b", 4), ("pars-c", 4)):
        write_group(tmp_path / folder, "pars", PARS, settings=[{"critics": critics}] * 3)
    labels = [one.label for one in all_series(read_run(tmp_path))]
    assert labels == ["PARS, critics=2", "PARS, critics=4 (pars-b)", "PARS, critics=4 (pars-c)"]


def test_q_is_divided_by_the_scale_of_its_own_member(tmp_path: Path):
    settings = [{"reward_scale": 10.0}, {"reward_scale": 100.0}]
    q = {"offline": {1000: [20.0, 50.0]}}
    write_group(tmp_path / "pars-1", "pars", {"offline": {1000: [1, 2]}}, settings=settings, seeds=[0, 0], q_max=q)
    ratios = [one.peak_q_ratio() for one in all_series(read_run(tmp_path))]
    assert ratios == pytest.approx([2.0, 0.5])


def test_summary_is_five_lines(tmp_path: Path):
    write_group(tmp_path / "pars-1", "pars", PARS)
    lines = summary(read_run(tmp_path))
    assert [line.split()[0] for line in lines] == ["result", "beside", "data", "speed", "state"]
    assert lines[2] == "data      umaze-diverse, 100,000 rows, 1 warning"
    assert lines[3] == "speed     PARS 410 updates/s offline (median of 2), 31 s in all"
    assert lines[4] == "state     PARS finished at online step 3,000"
    assert lines[0].endswith(". Physics: stock.")


def test_summary_says_how_the_data_was_made(tmp_path: Path):
    made = "twin of hopper-medium-v2, not D4RL's file: our own SAC, seed 0"
    dataset = {"name": "hopper-medium-v2", "fingerprint": "ab", "rows": 3, "card": {"warnings": [], "made": made}}
    write_group(tmp_path / "pars-1", "pars", PARS, dataset=dataset, physics="d4rl")
    lines = summary(read_run(tmp_path))
    assert lines[0].endswith("Physics: d4rl.") and lines[2].endswith(f"hopper-medium-v2, 3 rows, 0 warnings; {made}")


ONLINE_ONLY = {"offline_steps": 0, "online_steps": 3_000, "eval_every": 1_000, "eval_episodes": 30}


def test_without_an_offline_phase_the_untrained_policy_is_the_start(tmp_path: Path):
    scores = {"offline": {0: [0, 2, 4]}, "online": {1500: [30, 40, 50], 3000: [60, 70, 80]}}
    write_group(tmp_path / "rlpd-1", "rlpd", scores, plan=ONLINE_ONLY)
    run = read_run(tmp_path)
    assert verdict(run).headline == (
        "rlpd reached 70 ± 10 (mean ± sample std of 3 seeds, 30 episodes each) after 3,000 online steps, "
        "up from 2.0 ± 2.0 before any training."
    )
    (one,) = all_series(run)
    assert one.curve("offline", "score") is None and one.final("offline") is None
    curve = one.curve("online", "score")
    assert curve is not None and curve.steps.tolist() == [0, 1500, 3000] and curve.values[:, 0].tolist() == [0, 2, 4]


def test_an_untrained_policy_is_called_so(tmp_path: Path):
    untrained = {"offline": {0: [10, 20, 30]}}
    write_group(tmp_path / "rlpd-1", "rlpd", untrained, plan=ONLINE_ONLY, state="running", status={"phase": "offline"})
    found = verdict(read_run(tmp_path))
    assert found.headline == (
        "rlpd scored 20 ± 10 (mean ± sample std of 3 seeds, 30 episodes each) before any training."
    )
    assert found.caveats[0] == "rlpd is unfinished: online step 0 of 3,000."
    scores = {"offline": {0: [80, 81, 82], 10000: [1, 2, 3]}}
    write_group(tmp_path / "b" / "bc-1", "bc", scores)
    text = verdict(read_run(tmp_path / "b")).headline
    assert text.endswith("after peaking at 81 ± 1 (best evaluation, before any training).")


def test_only_who_has_an_offline_phase_is_compared_at_its_end(tmp_path: Path):
    scores = {"offline": {0: [0, 2, 4]}, "online": {3000: [60, 70, 80]}}
    write_group(tmp_path / "rlpd-1", "rlpd", scores, plan=ONLINE_ONLY)
    write_group(tmp_path / "bc-1", "bc", {"offline": {10000: [20, 21, 22]}})
    text = verdict(read_run(tmp_path)).others[0]
    assert "lower" not in text and "higher" not in text and "no clear difference" not in text


def test_q_of_shifted_rewards_is_not_held_against_the_largest_return(tmp_path: Path):
    q = {"offline": {10000: [50, 60, 70]}}
    write_group(tmp_path / "pars-1", "pars", PARS, q_max=q, settings=[{"reward_scale": 1.0}] * 3)
    shifted = [{"reward_scale": 1.0, "reward_shift": -1.0}] * 3
    write_group(tmp_path / "iql-1", "iql", TD3_BC, q_max=q, settings=shifted)
    found = verdict(read_run(tmp_path))
    assert "largest possible return" not in " ".join(found.others[:1])


def test_what_an_environment_ended_a_run_by_is_said(tmp_path: Path):
    status = {"message": "Mine-v0: the reward is nan (step 1 of seed 5); mend the environment"}
    write_group(tmp_path / "pars", "pars", state="interrupted", status=status)
    assert verdict(read_run(tmp_path)).caveats[0] == (
        f"PARS is unfinished: offline step 0 of 10,000: {status['message']}."
    )
