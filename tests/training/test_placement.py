"""Placement: members over devices, padding, and one by one against all at once."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pars.algos import find_algorithm
from pars.core import Spec, Transition
from pars.errors import UsageError
from pars.nn.spread import map_ensemble, take_members
from pars.packing import pack
from pars.places import cache_folder
from pars.system import cores
from pars.training.learner import Learner
from pars.training.placement import Slot, place

pytestmark = pytest.mark.shipped


def test_each_is_a_loop_over_the_leading_axis() -> None:
    xs, ys = jnp.arange(6.0).reshape(3, 2), {"b": jnp.array([1.0, 2.0, 3.0])}
    got = map_ensemble(lambda x, y: {"sum": x.sum() * y["b"], "x": x}, xs, ys)
    assert got["sum"].tolist() == [1.0, 10.0, 27.0]
    np.testing.assert_array_equal(got["x"], xs)
    np.testing.assert_array_equal(got["sum"], jax.vmap(lambda x, b: x.sum() * b)(xs, ys["b"]))


two_devices = pytest.mark.skipif(len(jax.devices()) != 2, reason="needs exactly two cores")


@two_devices
@pytest.mark.parametrize(
    ("members", "critics", "axis", "rows"),
    [
        (1, 1, {"members": 1}, 1),
        (1, 4, {"critics": 2}, 1),
        (1, 2, {"members": 1}, 1),  # one critic each would not be worth it
        (1, 5, {"members": 1}, 1),  # five critics do not divide
        (2, 4, {"members": 2}, 2),
        (5, 4, {"critics": 2}, 5),  # else one of six places would be wasted
        (5, 1, {"members": 2}, 6),
        (45, 2, {"members": 2}, 46),
    ],
)
def test_devices_share_members_or_else_critics(
    members: int, critics: int, axis: dict[str, int], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    placement = place(members, critics)
    assert (dict(placement.mesh.shape), placement.rows) == (axis, rows)
    monkeypatch.setenv("PARS_DEVICES", "1")
    assert place(members, critics).mesh.size == 1


@pytest.mark.parametrize("text", ["0", "two", "-1", ""])
def test_a_device_limit_that_is_no_count_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARS_DEVICES", text)
    with pytest.raises(UsageError, match="PARS_DEVICES="):
        place(1)


@two_devices
def test_shared_critics_give_what_one_device_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three members of four critics, eight steps with delayed actors in between."""
    algo = find_algorithm("pars")
    cfg = algo.config(hidden=(8,), actor_hidden=(8,), batch_size=6, critics=4)
    rng = np.random.default_rng(0)
    columns = Transition(*(rng.normal(size=(20, *s)).astype(np.float32) for s in ((2,), (1,), (), (2,))), np.zeros(20))
    results = []
    for limit in ("2", "1"):
        monkeypatch.setenv("PARS_DEVICES", limit)
        learner = Learner(algo, [cfg] * 3, [0, 1, 2], Spec(2, 1))
        assert dict(learner.placement.mesh.shape) == ({"critics": 2} if limit == "2" else {"members": 1})
        learner.load(pack(columns))
        learner.start_interval("offline")
        learner.run(0, 8, 8)
        results.append((learner.placement.take(learner.state), learner.metrics(8)))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5), *results)


@two_devices
def test_some_of_shared_slices_are_those_at_the_indices(monkeypatch: pytest.MonkeyPatch) -> None:
    stacked = {"a": np.arange(24.0, dtype=np.float32).reshape(1, 4, 3, 2), "b": np.arange(4.0)[None].astype(np.float32)}
    placement = place(1, 4)
    assert "critics" in placement.mesh.axis_names
    chosen = placement.map(lambda tree, at: take_members(tree, at))
    for at in ([0, 1], [3, 0], [2, 3], [1, 1], [0, 1, 2]):  # on one device, on both, one too many to share
        got = chosen({"critic": stacked}["critic"], np.array([at]))
        jax.tree.map(lambda x, y, at=at: np.testing.assert_array_equal(x[0], y[0, np.array(at)]), got, stacked)


@pytest.mark.parametrize("members", [1, 2, 3, 5])
def test_what_is_put_comes_back_without_its_padding(members: int) -> None:
    placement = place(members)
    tree = {"a": np.arange(2.0 * members, dtype=np.float32).reshape(members, 2), "b": np.arange(members)}
    there = placement.put(tree)
    assert there["a"].shape == (placement.rows, 2) and 0 <= placement.rows - members < placement.mesh.size
    np.testing.assert_array_equal(there["a"][members:], np.repeat(tree["a"][-1:], placement.rows - members, 0))
    back = placement.take(there)
    assert all(isinstance(x, np.ndarray) for x in back.values())
    jax.tree.map(np.testing.assert_array_equal, back, tree)


@pytest.mark.parametrize("members", [1, 3, 4])
def test_map_runs_each_member_with_shared_and_whole_arguments(members: int) -> None:
    placement = place(members)

    def function(own: jax.Array, shared: jax.Array, slot: Slot) -> jax.Array:
        return own + 10 * shared[1] + slot.array[slot.member, 0]

    run = placement.map(function, shared=(1,), whole=(2,))
    own = np.arange(members, dtype=np.float32)
    whole = np.stack([100.0 * own, -own], 1).astype(np.float32)
    got = placement.take(run(placement.put(own), placement.share(np.array([7.0, 2.0])), placement.put(whole)))
    np.testing.assert_array_equal(got, 101 * own + 20)


@pytest.mark.parametrize("members", [1, 2, 3])
def test_replaced_arguments_are_gone(members: int) -> None:
    placement = place(members)
    run = placement.map(lambda x, y, z: ({"b": z["b"] + x}, y - 1), replaced=(2, 1))
    x, y, z = (placement.put(np.arange(members) + np.float32(i)) for i in (0, 10, 20))
    new_z, new_y = run(x, y, {"b": z})
    np.testing.assert_array_equal(placement.take(new_z)["b"], 2.0 * np.arange(members) + 20)
    np.testing.assert_array_equal(placement.take(new_y), np.arange(members) + 9.0)
    assert y.is_deleted() and z.is_deleted() and not x.is_deleted()


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PARS_CACHE_DIR", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("PARS_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "pars"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "pars"
    assert cores() >= 1


@two_devices
def test_what_is_mapped_inside_a_shared_map_stays_on_its_device() -> None:
    """Five agents of critics of their own, say: the devices share the outer axis alone."""
    placement = place(1, 4)
    assert "critics" in placement.mesh.axis_names
    nested = placement.map(lambda x: map_ensemble(lambda row: map_ensemble(lambda y: 2 * y, row), x))
    x = np.arange(16.0, dtype=np.float32).reshape(1, 4, 4)
    np.testing.assert_array_equal(nested(x), 2 * x)
