"""The four hand tasks: against gymnasium-robotics' own environments from equal states, and against D4RL's formulas."""

import warnings

import mujoco
import numpy as np
import pytest

from pars.envs import assets, make_task
from pars.envs.adroit import HANDS, euler
from pars.envs.adroit_hand import FRAME_SKIP, Adroit, adroit_model
from pars.envs.engine import margins_add_up
from pars.errors import TaskError, UsageError

OWN = {"pen": "AdroitHandPen-v1", "door": "AdroitHandDoor-v1"}
OWN |= {"hammer": "AdroitHandHammer-v1", "relocate": "AdroitHandRelocate-v1"}
ZERO = np.zeros(1, np.int64)


def hand(name: str, n: int = 1, **options) -> Adroit:
    return HANDS[name](n, **options)


def stock(name: str):
    """gymnasium-robotics' environment, without the notes it prints and warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import gymnasium
        import gymnasium_robotics

        gymnasium.register_envs(gymnasium_robotics)
        return gymnasium.make(OWN[name], disable_env_checker=True).unwrapped


def recorded(env) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """State of a stock environment in the columns of D4RL's files, [1, .] each."""
    state = {key: value[None] for key, value in env.get_env_state().items()}
    return state.pop("qpos"), state.pop("qvel"), state


def reach(name: str, e: Adroit) -> float:
    """The distance whose sign the stock environments have turned round."""
    if name == "pen":
        return 0.0
    other = {"door": "handle", "hammer": "hammer", "relocate": "ball"}[name]
    return float(np.linalg.norm(e.see(ZERO, "palm") - e.see(ZERO, other)))


@pytest.mark.parametrize("name", HANDS)
def test_steps_equal_the_stock_environments_but_for_the_reach_term(name):
    theirs, ours = stock(name), hand(name, mode="stock")
    rng = np.random.default_rng(1)
    for episode in range(2):
        seen, _ = theirs.reset(seed=episode)
        for _ in range(50):
            ours.restore(ZERO, *recorded(theirs))
            ours.physics.warmstart[0] = theirs.data.qacc_warmstart
            for action in rng.uniform(-1.2, 1.2, (1, ours.action_dim)):
                seen, paid, _, _, info = theirs.step(action)
                obs, reward, terminal, _ = ours.step(ZERO, action[None])
                np.testing.assert_allclose(obs[0], seen, rtol=1e-6, atol=1e-9)
                assert reward[0] == pytest.approx(paid - 0.2 * reach(name, ours), rel=1e-5, abs=1e-7)
                assert ours.achieved[0] == info["success"]
                assert terminal[0] == (name == "pen" and seen[26] < 0.075)


@pytest.mark.parametrize("name", HANDS)
def test_resets_equal_the_stock_environments_and_restore_recalls_the_scene(name):
    theirs, ours = stock(name), hand(name, mode="stock")
    seen, _ = theirs.reset(seed=7)
    obs = ours.restore(ZERO, *recorded(theirs))
    np.testing.assert_allclose(obs[0], seen, rtol=1e-6, atol=1e-9)
    for action in np.random.default_rng(0).uniform(-1, 1, (30, ours.action_dim)):
        theirs.step(action)
    ours.restore(ZERO, *recorded(theirs))
    for (array, target), own in zip(ours.varies, ours.own):
        part = theirs.model.site(target).id if array == "site_pos" else theirs.model.body(target).id
        np.testing.assert_allclose(own[0], getattr(theirs.model, array)[part], atol=1e-9)


@pytest.mark.parametrize("name", HANDS)
def test_sensors_lag_as_in_a_plain_loop_of_mj_step(name):
    """Positions read after a step are those of the simulator step before. The solver starts as warm as there."""
    e = hand(name)
    e.reset(ZERO, ZERO)
    model, data = e.physics.model_of(0), mujoco.MjData(e.physics.model)
    kind, target = e.sees["palm"] if "palm" in e.sees else e.sees["pen"]
    where = data.site(target).xpos if kind == "site" else data.body(target).xpos
    data.qpos[:] = e.physics.qpos[0]
    for action in np.random.default_rng(2).uniform(-1, 1, (40, 1, e.action_dim)):
        data.ctrl[:] = e.control(action)[0]
        mujoco.mj_step(model, data, nstep=FRAME_SKIP)
        e.step(ZERO, action)
        np.testing.assert_allclose(e.physics.qpos[0], data.qpos, atol=1e-12)
        np.testing.assert_allclose(e.see(ZERO, "palm" if "palm" in e.sees else "pen")[0], where, atol=1e-12)
        lagging = where.copy()
        fresh = e.physics.forward(0)
        fresh = fresh.site(target).xpos if kind == "site" else fresh.body(target).xpos
        assert np.abs(fresh - lagging).max() > 1e-6


@pytest.mark.parametrize("name", HANDS)
def test_d4rl_mode_changes_the_contacts(name):
    models = {mode: adroit_model(name, {}, mode) for mode in ("d4rl", "stock")}
    margin = {mode: model.geom_margin.max() for mode, model in models.items()}
    assert margin["d4rl"] == margin["stock"] / (2 if margins_add_up() else 1) > 0
    flags = [int(f) for f in (getattr(mujoco.mjtDisableBit, b, 0) for b in ("mjDSBL_NATIVECCD", "mjDSBL_MULTICCD"))]
    assert models["d4rl"].opt.disableflags == models["stock"].opt.disableflags | sum(flags) != 0
    assert (models["d4rl"].body_mass == models["stock"].body_mass).all()


@pytest.mark.parametrize("name", ["pen", "hammer"])
def test_d4rl_contacts_move_things_differently(name):
    ends = []
    for mode in ("d4rl", "stock"):
        e = hand(name, mode=mode)
        e.reset(ZERO, ZERO)
        for action in np.random.default_rng(3).uniform(-1, 1, (20, 1, e.action_dim)):
            end = e.step(ZERO, action).obs
        ends.append(end)
    assert np.abs(ends[0] - ends[1]).max() > 1e-3


def test_actuators_and_control_range():
    e = hand("hammer")
    model = e.physics.model
    for name, gain in (("A_WRJ1", 10), ("A_WRJ0", 10), ("A_FFJ3", 1), ("A_THJ0", 1), ("A_ARRx", 500)):
        actuator = model.actuator(name)
        assert actuator.gainprm[0] == gain and actuator.biasprm[1] == (-200 if gain == 500 else -gain)
    ranges = model.actuator_ctrlrange
    assert e.control(np.array([-np.ones(26), np.zeros(26), np.ones(26)])) == pytest.approx(
        np.stack([ranges[:, 0], ranges.mean(axis=1), ranges[:, 1]])
    )


RANGES = {  # of what differs between episodes: low and high
    "door": [((-0.3, 0.25, 0.252), (-0.2, 0.35, 0.35))],
    "hammer": [((0.05, 0, 0.1), (0.05, 0, 0.25))],
    "relocate": [((-0.15, -0.15, 0.035), (0.15, 0.3, 0.035)), ((-0.2, -0.2, 0.15), (0.2, 0.2, 0.35))],
}


@pytest.mark.parametrize("name", RANGES)
def test_resets_fill_their_ranges(name):
    e = hand(name, 60)
    e.reset(np.arange(60), np.arange(60))
    for own, (low, high) in zip(e.own, RANGES[name]):
        spread = np.array(high) - low
        assert (own >= np.array(low) - 1e-9).all() and (own <= np.array(high) + 1e-9).all()
        assert (np.ptp(own, axis=0) >= 0.8 * spread).all()


def test_pen_targets_are_turned_about_x_then_y():
    e = hand("pen", 60)
    axis = e.reset(np.arange(60), np.arange(60))[:, 36:39]
    about_x, about_y = np.arctan2(-axis[:, 1], axis[:, 2]), np.arcsin(axis[:, 0])
    assert np.abs([about_x, about_y]).max() <= 1 and np.ptp([about_x, about_y], axis=1).min() > 1.6
    assert np.linalg.norm(axis, axis=1) == pytest.approx(1)


def test_euler_angles_of_known_turns():
    half = np.pi / 8
    quats = np.array([[np.cos(half), np.sin(half), 0, 0], [np.cos(half), 0, 0, -np.sin(half)], [1, 0, 0, 0]])
    assert euler(quats) == pytest.approx(np.array([[np.pi / 4, 0, 0], [0, 0, -np.pi / 4], [0, 0, 0]]))


def test_door_rewards_by_hand():
    e = hand("door", 4)
    everyone = np.arange(4)
    e.reset(everyone, everyone)
    qpos = e.physics.qpos.copy()
    qpos[:, -2] = (0.1, 0.3, 1.2, 1.4)
    e.place(everyone, qpos, np.zeros_like(qpos))
    reward, achieved, terminal = e.pay(everyone)
    distance = np.linalg.norm(e.see(everyone, "palm") - e.see(everyone, "handle"), axis=1)
    assert reward + 0.1 * distance + 0.1 * (qpos[:, -2] - 1.57) ** 2 == pytest.approx([0, 2, 10, 20])
    assert achieved.tolist() == [False, False, False, True] and not terminal.any()
    assert e.observe(everyone)[:, -1].tolist() == [-1, -1, 1, 1]


def test_success_needs_the_goal_on_more_than_25_steps():
    e = hand("door")
    e.reset(ZERO, ZERO)
    qpos = e.physics.qpos.copy()
    qpos[0, -2] = 1.5
    e.place(ZERO, qpos, np.zeros_like(qpos))
    solved = [bool((e.step(ZERO, np.zeros((1, 28))), e.success[0])[1]) for _ in range(27)]
    assert solved == [False] * 25 + [True] * 2
    e.reset(ZERO, ZERO)
    assert not e.success[0] and not e.achieved[0]


def test_dropped_pen_ends_the_episode_and_costs_5():
    e = hand("pen", 2)
    everyone = np.arange(2)
    e.reset(everyone, everyone)
    qpos = e.physics.qpos.copy()
    qpos[1, -6] = 0.2  # the pen lies: its own x points down, from a height of 0.25
    e.place(everyone, qpos, np.zeros_like(qpos))
    reward, _, dropped = e.pay(everyone)
    assert dropped.tolist() == [False, True]
    distance = np.linalg.norm(e.see(everyone, "pen") - e.see(everyone, "ball"), axis=1)
    cosine = (e.see(everyone, "axis") * e.see(everyone, "target")).sum(axis=1)
    assert reward[1] == pytest.approx(cosine[1] - distance[1] - 5)


@pytest.mark.parametrize("name", ["relocate", "pen"])
def test_bits_do_not_depend_on_threads_neighbours_or_history(name):
    seeds = np.arange(9)
    actions = np.random.default_rng(4).uniform(-1, 1, (6, 9, HANDS[name].action_dim))

    def run(e: Adroit, index: np.ndarray, seed: np.ndarray, pushes: np.ndarray) -> np.ndarray:
        return np.stack([e.reset(index, seed)] + [e.step(index, push).obs for push in pushes])

    reference = run(hand(name, 9, threads=1), seeds, seeds, actions)
    many = hand(name, 9, threads=2)
    assert (run(many, seeds, seeds, actions) == reference).all()
    some = np.array([5, 2])
    assert (run(many, np.array([8, 0]), some, actions[:, some]) == reference[:, some]).all()
    many.close()


@pytest.mark.parametrize(("name", "limit"), [("pen", 100), ("door", 200), ("hammer", 200), ("relocate", 200)])
def test_tasks(name, limit):
    task = make_task(f"{name}-expert-v1")
    assert (task.time_limit, task.eval_episodes, task.physics, task.family) == (limit, 10, "d4rl", "adroit")
    batch = task.make(2)
    obs = batch.reset(np.arange(2), np.arange(2))
    assert obs.shape == (2, task.obs_dim) and obs.dtype == np.float32
    result = batch.step(np.arange(2), np.zeros((2, task.action_dim)))
    assert result.obs.shape == obs.shape and result.reward.shape == (2,)


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(assets, "find_spec", lambda name: None)
    with pytest.raises(TaskError, match=r"pip install 'pars\[adroit\]'"):
        make_task("pen-cloned-v1").make(1)


def test_unknown_physics_is_refused():
    with pytest.raises(UsageError, match="physics='old'"):
        hand("pen", mode="old")
