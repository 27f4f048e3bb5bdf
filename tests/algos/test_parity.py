"""The records of peers' losses are whole, and ours at the same weights, batch and noise are the same, gradients too."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.peers.record import RECORDS, main
from pars.algos import cql, edac, iql, rebrac, rlpd, sac_n, td3_bc
from pars.core import Step
from pars.nn.nets import apply, apply_ensemble
from pars.rl import ensemble
from pars.rl.critics import critic_loss, critic_net, scaled_td_target
from pars.rl.deterministic import twin_target
from pars.rl.net import make_net
from pars.rl.soft import sample, soft_actor_loss
from tests.algos.recorded import (
    COLUMNS,
    FOLDER,
    Record,
    check_actor,
    check_critics,
    check_temperature,
    deterministic_state,
    drawing,
    same,
    sizes,
    soft_state,
)

KEY = jax.random.key(0)
OFFLINE = Step(jnp.asarray(0), jnp.asarray(10), "offline")


def test_a_record_for_every_name_and_no_other() -> None:
    assert {path.stem for path in FOLDER.glob("*.npz")} == set(RECORDS)
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in RECORDS)


@pytest.mark.parametrize("name", RECORDS)
def test_records_are_small_and_whole(name: str) -> None:
    record = Record(name)
    assert (FOLDER / f"{name}.npz").stat().st_size < 60_000
    assert all(value.dtype == np.float32 and np.isfinite(value).all() for value in record.arrays.values())
    if name == "gcpc":  # windows without rewards
        assert len(record["obs"]) == len(record["action"]) == 6
    else:
        batch = record.batch()
        assert {len(getattr(batch, column)) for column in COLUMNS} == {6}
        assert batch.terminal.sum() == 2 and batch.reward.min() < 0 < batch.reward.max()
    assert "loss/actor" in record.arrays
    assert {"loss/critic", "loss/value", "loss/trajectory"} & set(record.arrays)
    for key in [key for key in record.arrays if key.startswith("grad/")]:
        assert record[key].shape == record[key.removeprefix("grad/")].shape
        assert np.abs(record[key]).max() > 1e-6, f"{key} is zero"


def test_td3_bc_has_the_losses_of_corl() -> None:
    record = Record("corl_td3_bc")
    settings = record.settings("discount", "policy_noise", "noise_clip")
    cfg = td3_bc.Config(**sizes(record), q_weight=float(record["alpha"]), **settings)
    state, batch = deterministic_state(record, cfg), record.batch()
    with drawing(record.noise):
        y = twin_target(cfg, state, batch, KEY)
    check_critics(record, state.critic.params, lambda p: critic_loss(cfg, p, batch, y, None)[0])
    check_actor(record, state.actor.params, lambda p: td3_bc.actor_loss(cfg, p, state.critic.params, batch)[0])


def test_rebrac_has_the_losses_of_corl() -> None:
    record = Record("corl_rebrac")
    weights = {"bc_weight": float(record["actor_bc_coef"]), "critic_bc_weight": float(record["critic_bc_coef"])}
    cfg = rebrac.Config(**sizes(record), **weights, **record.settings("discount", "policy_noise", "noise_clip"))
    state, batch = deterministic_state(record, cfg), record.batch("next_action")
    with drawing(record.noise):
        y = rebrac.target(cfg, state, batch, KEY, OFFLINE)
    check_critics(record, state.critic.params, lambda p: critic_loss(cfg, p, batch, y, None)[0])
    check_actor(record, state.actor.params, lambda p: rebrac.actor_loss(cfg, p, state.critic.params, batch)[0])


@pytest.mark.parametrize("name", ["corl_sac_n", "corl_edac"])
def test_sac_n_and_edac_have_the_losses_of_corl(name: str) -> None:
    record, algo = Record(name), {"corl_sac_n": sac_n, "corl_edac": edac}[name]
    cfg: Any = algo.Config(critics=3, **sizes(record), **record.settings("discount"))
    state, batch = soft_state(record, cfg), record.batch()
    with drawing(record.noise):
        entropy = -sample(cfg, state.actor.params, batch.obs, KEY)[1].mean()
        with drawing(record.noise[1:2]):
            check_actor(record, state.actor.params, lambda p: soft_actor_loss(cfg, p, state, batch, KEY)[0])
        jax.random.normal(KEY, (6, 2))  # the actor's, taken above
        y = algo.target(cfg, state, batch, KEY)
    check_temperature(record, cfg, state, entropy)
    if algo is sac_n:
        check_critics(record, state.critic.params, lambda p: critic_loss(cfg, p, batch, y, None)[0])
        return
    cfg = edac.Config(critics=3, **sizes(record), diversity_weight=float(record["eta"]), **record.settings("discount"))
    new, metrics = edac.critic_step(cfg, state, batch, y, None)
    grads = jax.tree.map(lambda mu: mu / 0.1, new.critic.opt.mu)  # of Adam after one step
    same(grads, record.mlp("grad/critic"))
    same(metrics["similarity"].mean(), record["loss/diversity"])
    total = metrics["critic_loss"].sum() + cfg.diversity_weight * metrics["similarity"].mean()
    same(total, record["loss/critic"])


@pytest.mark.parametrize(("name", "share"), [("corl_iql", 0.5), ("implicit_q_learning", 1.0)])
def test_iql_has_the_losses_of_its_authors_and_of_corl(name: str, share: float) -> None:
    """CORL averages over the twins, the authors sum."""
    record = Record(name)
    cfg = iql.Config(**sizes(record), advantage_scale=float(record["beta"]), **record.settings("discount", "expectile"))
    actor = record.mlp("actor") | {"log_std": jnp.asarray(record["log_std"])}
    batch, value, critic = record.batch(), record.mlp("value"), record.mlp("critic")
    q = jnp.min(apply_ensemble(critic_net(cfg), record.mlp("target"), batch.obs, batch.action), axis=0)
    loss, grads = jax.value_and_grad(lambda p: iql.value_loss(cfg, p, batch, q)[0])(value)
    same((loss, grads), (record["loss/value"], record.mlp("grad/value")))
    advantage = q - apply(iql.value_net(cfg), value, batch.obs)
    loss, grads = jax.value_and_grad(lambda p: iql.actor_loss(cfg, p, batch, advantage, KEY)[0])(actor)
    wanted = record.mlp("grad/actor") | {"log_std": jnp.asarray(record["grad/log_std"])}
    same((loss, grads), (record["loss/actor"], wanted))
    y = scaled_td_target(cfg, batch, apply(iql.value_net(cfg), value, batch.next_obs))
    check_critics(record, critic, lambda p: critic_loss(cfg, p, batch, y, None)[0], share)


@pytest.mark.parametrize("name", ["corl_cql", "corl_cql_lagrange", "corl_cql_clipped", "corl_cal_ql"])
def test_cql_and_cal_ql_have_the_losses_of_corl(name: str) -> None:
    record = Record(name)
    # no initialiser that draws by the functions that `drawing` replaces: flax asks it for shapes
    settings = {"initializer": "flax", "conservative_weight": float(record["cql_alpha"]), **record.settings("discount")}
    if "cql_lagrange" in record.arrays:
        more = {"target_gap": float(record["cql_target_action_gap"]), "gap_min": float(record["cql_clip_diff_min"])}
        settings |= more | {"lagrange": True, "clip_gap": True, "max_backup": True}
    cfg: Any = cql.Config(**sizes(record), sampled_actions=3, calibrate="mc_return" in record.arrays, **settings)
    soft, batch = soft_state(record, cfg), record.batch(*(["mc_return"] if cfg.calibrate else []))
    state = cql.State(*soft[:3], make_net(jnp.asarray(record["log_alpha_prime"])), soft.norm)
    of_actor, of_target, uniform, own, following = record.noise
    with drawing([of_actor]):
        check_actor(record, state.actor.params, lambda p: soft_actor_loss(cfg, p, state, batch, KEY)[0])
    with drawing([of_actor]):
        check_temperature(record, cfg, soft, -sample(cfg, state.actor.params, batch.obs, KEY)[1].mean())
    with drawing([of_target.reshape(-1, 2), following, own]), drawing([uniform], "uniform"):
        y = cql.target(cfg, state, batch, KEY)
        at = cql.sampled(cfg, state.actor.params, batch, KEY)
    multiplier = state.log_multiplier.params
    gaps = jax.vmap(lambda p: cql.gap(cfg, p, batch, apply(critic_net(cfg), p, batch.obs, batch.action), at))
    same(gaps(state.critic.params), record["loss/difference"])

    def loss(params: Any) -> jnp.ndarray:
        gap = cql.gap(cfg, params, batch, apply(critic_net(cfg), params, batch.obs, batch.action), at)
        return critic_loss(cfg, params, batch, y, None)[0] + cql.conservative_loss(cfg, gap, multiplier)

    check_critics(record, state.critic.params, loss)
    if cfg.lagrange:
        stepped = cql.multiplier_step(cfg, state.log_multiplier, gaps(state.critic.params))
        same(stepped.opt.mu / 0.1, record["grad/log_alpha_prime"])


@pytest.mark.parametrize("name", ["rlpd", "rlpd_no_entropy"])
def test_rlpd_has_the_losses_of_its_authors(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Theirs are averaged over the critics."""
    record = Record(name)
    settings = {"backup_entropy": bool(record["backup_entropy"]), **record.settings("discount")}
    cfg: Any = rlpd.Config(critics=4, **sizes(record), **settings)
    state, batch = soft_state(record, cfg), record.batch()
    monkeypatch.setattr(ensemble, "subset", lambda *args: jnp.asarray(record["subset"], jnp.int32))
    with drawing(record.noise[:1]):
        y = rlpd.target(cfg, state, batch, KEY)
    check_critics(record, state.critic.params, lambda p: critic_loss(cfg, p, batch, y, None)[0], 0.25)
    mean = partial(jnp.mean, axis=0)
    with drawing(record.noise[1:]):
        check_actor(record, state.actor.params, lambda p: soft_actor_loss(cfg, p, state, batch, KEY, mean)[0])
    with drawing(record.noise[1:]):
        check_temperature(record, cfg, state, -sample(cfg, state.actor.params, batch.obs, KEY)[1].mean())


def test_recording_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("PARS_PEER_RLPD", raising=False)
    assert main(["rlpd", "out.npz"]) == 2 and "set PARS_PEER_RLPD to a checkout" in capsys.readouterr().err
    assert main(["lost", "out.npz"]) == 2 and "names: corl_td3_bc" in capsys.readouterr().err
