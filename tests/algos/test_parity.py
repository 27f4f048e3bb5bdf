"""The records of peers' losses are whole, and TD3+BC here has the losses and gradients of CORL's."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.peers.record import RECORDS, main
from pars.algos import td3_bc
from pars.core import Spec, make_net
from tests.algos.recorded import COLUMNS, FOLDER, Record, drawing, same

KEY = jax.random.key(0)


def test_a_record_for_every_name_and_no_other() -> None:
    assert {path.stem for path in FOLDER.glob("*.npz")} == set(RECORDS)
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in RECORDS)


@pytest.mark.parametrize("name", RECORDS)
def test_records_are_small_and_whole(name: str) -> None:
    record = Record(name)
    assert (FOLDER / f"{name}.npz").stat().st_size < 60_000
    assert all(value.dtype == np.float32 and np.isfinite(value).all() for value in record.arrays.values())
    batch = record.batch()
    assert {len(getattr(batch, column)) for column in COLUMNS} == {6}
    assert batch.terminal.sum() == 2 and batch.reward.min() < 0 < batch.reward.max()
    assert "loss/critic" in record.arrays and "loss/actor" in record.arrays
    for key in [key for key in record.arrays if key.startswith("grad/")]:
        assert record[key].shape == record[key.removeprefix("grad/")].shape
        assert np.abs(record[key]).max() > 1e-6, f"{key} is zero"


def test_td3_bc_has_the_losses_of_corl() -> None:
    record = Record("corl_td3_bc")
    settings = record.settings("discount", "policy_noise", "noise_clip")
    cfg = td3_bc.Config(hidden=(8, 8), actor_hidden=(8, 8), q_weight=float(record["alpha"]), **settings)
    nets = {name: record.mlp(name) for name in ("actor", "actor_target", "critic", "target")}
    state = td3_bc.init(cfg, Spec(3, 2), KEY)._replace(
        actor=make_net(nets["actor"])._replace(target=nets["actor_target"]),
        critic=make_net(nets["critic"])._replace(target=nets["target"]),
    )
    batch = record.batch()
    with drawing(record.noise):
        y = td3_bc.target(cfg, state, batch, KEY)

    def critic_loss(params: object) -> jnp.ndarray:
        return jax.vmap(lambda one: td3_bc.critic_loss(cfg, one, batch, y)[0])(params).sum()

    loss, grads = jax.value_and_grad(critic_loss)(nets["critic"])
    same((loss, grads), (record["loss/critic"], record.mlp("grad/critic")))
    loss, grads = jax.value_and_grad(lambda p: td3_bc.actor_loss(cfg, p, nets["critic"], batch)[0])(nets["actor"])
    same((loss, grads), (record["loss/actor"], record.mlp("grad/actor")))


def test_recording_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("PARS_PEER_RLPD", raising=False)
    assert main(["rlpd", "out.npz"]) == 2 and "set PARS_PEER_RLPD to a checkout" in capsys.readouterr().err
    assert main(["lost", "out.npz"]) == 2 and "names: corl_td3_bc" in capsys.readouterr().err
