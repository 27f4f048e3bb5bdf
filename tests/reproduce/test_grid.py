"""Grids as data: the settings that each cell is trained with, grades, and that every experiment can be built."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pars.algos import ALGORITHMS
from pars.config import to_dict
from pars.envs import TASKS
from pars.errors import UsageError
from pars.reproduce import paper
from pars.reproduce.base import Study
from pars.reproduce.catalogue import CATALOGUE, find
from pars.reproduce.grid import (
    LEAST,
    SCORE,
    Grade,
    Grid,
    Key,
    make_configs,
    make_groups,
    make_plan,
    paper_grade,
    small_grade,
)
from pars.reproduce.paper.figure9 import FIGURE9
from pars.reproduce.paper.table5 import PLAIN, TABLE5
from pars.reproduce.paper.table12 import TABLE12
from pars.reproduce.paper.table14 import FIGURE17, TABLE13, TABLE14

GRIDS = [one for one in CATALOGUE.values() if isinstance(one, Grid)]
TINY = {"hidden": (8,), "actor_hidden": (8,)}


def config(grid: Grid, key: Key, grade: Grade | None = None) -> Any:
    return make_configs(grid, grade or paper_grade(grid), key.task)[key][1]


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: grid.id)
def test_every_experiment_builds_at_the_papers_grade_and_in_small(grid: Grid) -> None:
    for grade in (paper_grade(grid), small_grade(grid)):
        for task in grade.tasks:
            assert task in TASKS
            groups, cells = make_groups(grid, grade, task), make_configs(grid, grade, task)
            members = [(to_dict(cfg), seed) for group in groups for cfg, seed in zip(group.configs, group.seeds)]
            apart = {
                json.dumps((name, to_dict(cfg))) for name, cfg in cells.values()
            }  # two arms may be one and the same
            assert len(members) == grade.seeds * len(apart)  # nothing twice, nothing left out
            assert len({json.dumps(member) for member in members}) == len(members)
    assert paper_grade(grid).paper(grid) and not small_grade(grid).paper(grid)


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: grid.id)
def test_published_numbers_belong_to_cells(grid: Grid) -> None:
    """Each table has references, and each printed number of its methods is one's."""
    grade = paper_grade(grid)
    keys = [key for task in grade.tasks for key in make_configs(grid, grade, task)]
    found = [grid.published(key, quantity) for key in keys for quantity in grid.quantities]
    if grid.id.startswith("table"):
        assert sum(one is not None for one in found) >= len(keys) // 2
        assert {one.source for one in found if one} <= {name.replace("table", "Table ") for name in paper.tables()}


def test_the_penalty_of_figure_9_is_off_where_its_name_says() -> None:
    task = FIGURE9.tasks[0]
    seen = {
        arm: (cfg.layer_norm, cfg.penalty)
        for arm in ("None", "PA", "LN", "LN & PA")
        for cfg in [config(FIGURE9, Key(task, arm, 100.0))]
    }
    assert seen == {"None": ("none", False), "PA": ("none", True), "LN": ("before", False), "LN & PA": ("before", True)}
    assert config(FIGURE9, Key(task, "PA", 10_000.0)).reward_scale == 10_000.0
    assert config(FIGURE9, Key(task, "PA", 1.0)).infeasible_distance == 1000.0  # Table 9, by the preset


def test_tables_use_the_settings_that_the_paper_prints() -> None:
    cfg = config(TABLE13, Key("antmaze-ultra-play-v0", "PARS single setting"))
    assert (cfg.reward_scale, cfg.penalty_weight, cfg.bc_weight) == (10_000.0, 0.001, 0.01)
    cfg = config(TABLE12, Key("antmaze-ultra-play-v0", "LN after ReLU", 100.0))
    assert (cfg.critics, cfg.penalty, cfg.layer_norm, cfg.discount) == (2, False, "after", 0.995)
    cfg = config(TABLE14, Key("antmaze-large-diverse-v2", "PARS", 0.1))
    assert (cfg.penalty_weight, cfg.reward_scale, cfg.critics) == (0.1, 10_000.0, 4)


def test_no_more_critics_are_chosen_than_there_are() -> None:
    cfg = config(FIGURE17, Key("hopper-medium-v2", "PARS", 4))  # its preset asks for the minimum of 10
    assert (cfg.critics, cfg.target_critics, cfg.actor_critics) == (4, 4, 1)


def test_settings_of_the_caller_reach_the_arms_that_have_them() -> None:
    grade = replace(small_grade(TABLE5), settings={**TINY, "expectile": 0.8})
    cfg = config(TABLE5, Key(grade.tasks[0], "IQL with RS-LN"), grade)
    assert cfg.hidden == (8,) and cfg.expectile == 0.8
    with pytest.raises(UsageError, match="table5: unknown setting 'expectil'; did you mean expectile"):
        make_configs(TABLE5, replace(grade, settings={"expectil": 1.0}), grade.tasks[0])


def test_settings_of_methods_that_are_left_out_are_no_fault() -> None:
    table4 = CATALOGUE["table4"]
    assert isinstance(table4, Grid)
    few = replace(small_grade(table4), arms=("HIQL",))
    assert "token_width" in few.settings  # GCPC's
    assert [key.arm for key in make_configs(table4, few, few.tasks[0])] == ["HIQL"]


def test_lengths_are_scaled_and_evaluated_as_often_as_asked() -> None:
    grid = CATALOGUE["table3"]
    assert isinstance(grid, Grid)
    short = replace(paper_grade(grid), steps_scale=0.01, evaluations=5, episodes=3)
    plan = make_plan(grid, short, grid.tasks[0], ALGORITHMS["pars"])
    assert (plan.offline_steps, plan.online_steps, plan.eval_every, plan.online_eval_every) == (10_000, 3000, 2000, 600)
    assert plan.eval_episodes == 3
    assert make_plan(grid, paper_grade(grid), "antmaze-umaze-v2", ALGORITHMS["pars"]).eval_episodes == 100


def test_an_algorithm_trains_in_the_phases_it_has_for_as_long_as_its_recipe_says() -> None:
    grid = CATALOGUE["table3"]
    assert isinstance(grid, Grid)
    task, grade = "antmaze-umaze-v2", paper_grade(grid)
    plan = make_plan(grid, grade, task, ALGORITHMS["rlpd"])
    assert (plan.offline_steps, plan.online_steps) == (0, 300_000)
    table2 = CATALOGUE["table2"]
    assert isinstance(table2, Grid)
    lengths = {
        name: make_plan(table2, paper_grade(table2), "pen-cloned-v1", ALGORITHMS[name]).offline_steps
        for name in ("pars", "sac_n", "edac")
    }
    assert lengths == {"pars": 1_000_000, "sac_n": 3_000_000, "edac": 200_000}
    short = replace(grade, steps_scale=0.01)  # 3,000 environment steps, before which 5,000 random ones make no sense
    cfg = make_configs(grid, short, task)[Key(task, "RLPD")][1]
    assert cfg.random_steps == 0.01 * make_configs(grid, grade, task)[Key(task, "RLPD")][1].random_steps


def test_small_forms_train_models_before_long_enough_and_look_as_far_ahead_as_ever() -> None:
    table2, table4 = CATALOGUE["table2"], CATALOGUE["table4"]
    assert isinstance(table2, Grid) and isinstance(table4, Grid)
    small, maze = small_grade(table2), "pointmaze-umaze-diverse"
    own = make_configs(table2, small, maze)
    assert own[Key(maze, "SPOT")][1].behaviour_steps == 5000  # as our recipe for the point mass has it
    assert own[Key(maze, "SAC-RND")][1].rnd_steps == LEAST  # the default: its recipe says nothing
    short = replace(small, steps_scale=0.02)
    assert make_configs(table2, short, "hopper-medium-v2")[Key("hopper-medium-v2", "SPOT")][1].behaviour_steps == 2000
    asked = replace(short, settings={"behaviour_steps": 7})
    assert make_configs(table2, asked, "hopper-medium-v2")[Key("hopper-medium-v2", "SPOT")][1].behaviour_steps == 7
    goals = make_configs(table4, small_grade(table4), maze)
    assert goals[Key(maze, "HIQL")][1].subgoal_steps == 10 and goals[Key(maze, "DWSL")][1].hop == 3


def test_where_printed_numbers_have_other_origins_there_is_no_verdict() -> None:
    """Tuned settings on Adroit; v0 datasets behind some rows of AntMaze; the best of several settings in Table 5."""
    table2 = CATALOGUE["table2"]
    assert isinstance(table2, Grid)
    cfg = config(table2, Key("pen-cloned-v1", "TD3+BC"))
    assert (cfg.q_weight, cfg.bc_weight, cfg.bc_reduce) == (1.0, 0.4, "sum")
    seen = {
        key: table2.published(Key(*key), SCORE)
        for key in (("antmaze-umaze-v2", "IQL"), ("antmaze-umaze-v2", "PARS"), ("pen-cloned-v1", "TD3+BC"))
    }
    assert [found and found.alike for found in seen.values()] == [False, True, True]
    plain, *_, scaled = (
        TABLE5.published(Key("antmaze-large-play-v2", arm), SCORE) for arm in (*PLAIN, "IQL with RS-LN")
    )
    assert plain and scaled and (plain.alike, scaled.alike) == (False, True)
    assert (scaled.mean, scaled.std) == (60.4, 6.2)
    divided = TABLE5.published(Key("antmaze-large-play-v2", "IQL with RS-LN & PA, advantage / c"), SCORE)
    assert divided and divided.mean == 60.6


def test_a_setting_that_would_do_nothing_is_refused() -> None:
    grade = replace(small_grade(TABLE12), settings={"penalty_weight": 0.5})
    with pytest.raises(UsageError, match="penalty_weight does nothing while penalty=false"):
        make_configs(TABLE12, grade, grade.tasks[0])


def test_grades_of_unlike_conditions_have_folders_of_their_own() -> None:
    base = paper_grade(TABLE14)
    others = [
        replace(base, data="twin"), replace(base, steps_scale=0.5), replace(base, seeds=3),
        replace(base, settings=TINY), replace(base, data="twin", rows=1000), replace(base, episodes=7),
    ]  # fmt: skip
    elsewhere = replace(base, tasks=("pointmaze-umaze-diverse",))
    assert len({grade.name(TABLE14) for grade in [base, *others, elsewhere]}) == 8
    assert base.paper(TABLE14) and replace(base, seeds=3).paper(TABLE14)
    assert not any(grade.paper(TABLE14) for grade in [*others, elsewhere] if grade.seeds == 5)
    assert replace(base, tasks=base.tasks[:1]).name(TABLE14) == base.name(TABLE14)  # more tasks join the same folder


def test_a_line_says_what_results_are() -> None:
    said = small_grade(FIGURE9).text(FIGURE9)
    assert "twins of 200,000 rows (data of our own making, not D4RL's)" in said and "3 seeds" in said
    assert "1 % of the paper's steps (10,000 gradient steps)" in said and "critics=4" in said


def test_experiments_are_found_by_id() -> None:
    assert [one.id for one in find(["table5", "figure9", "table5"])] == ["figure9", "table5"]
    assert len(find(["all"])) == len(CATALOGUE)
    with pytest.raises(UsageError, match="unknown experiment 'table55'; did you mean table5"):
        find(["table55"])


@pytest.mark.parametrize("study", [one for one in CATALOGUE.values() if isinstance(one, Study)], ids=lambda one: one.id)
def test_studies_say_what_they_cost(study: Study) -> None:
    assert (study.seconds > 0) == bool(study.parts) and study.claim and study.title
