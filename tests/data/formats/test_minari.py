"""Minari's files: read with h5py alone, no row lost, in the order of the episodes' numbers."""

import re

import h5py
import numpy as np
import pytest

from pars.data.formats import minari
from pars.data.formats.files import read_columns
from pars.data.formats.sources import find
from pars.errors import DataError, ResourceError, UsageError
from tests.data.files import minari_episodes, write_minari

LENGTHS = [4, 1, 3, 2, 5, 2, 1, 3, 2, 1, 6, 2]  # twelve, so that episode_10 and episode_2 can be confused


def stacked(episodes: list[dict], key: str, part: slice = slice(None)) -> np.ndarray:
    return np.concatenate([episode[key][part] for episode in episodes])


@pytest.mark.parametrize("where", ["", "data", "data/main_data.hdf5"])
def test_every_row_in_order_with_its_own_next_observation(tmp_path, where):
    episodes = minari_episodes(LENGTHS)
    path = write_minari(tmp_path / "x-v0", episodes) / where
    read = read_columns(path)
    assert read.next_obs == "file"
    assert find(path).files == [tmp_path / "x-v0" / "data" / "main_data.hdf5"]
    assert (read["observations"] == stacked(episodes, "observations", slice(-1))).all()
    assert (read["next_observations"] == stacked(episodes, "observations", slice(1, None))).all()
    assert (read["actions"] == stacked(episodes, "actions")).all()
    assert (read["rewards"] == stacked(episodes, "rewards")).all()
    assert np.flatnonzero(read["terminals"]).tolist() == [3]
    ends = np.cumsum(LENGTHS) - 1
    assert np.flatnonzero(read["timeouts"]).tolist() == ends[1:].tolist()  # the unfinished one ends too
    assert len(read) == 6


def test_infos_and_the_goal_only_when_asked_for(tmp_path):
    episodes = minari_episodes([3, 2], ant=27)
    read = read_columns(write_minari(tmp_path / "x", episodes), infos=True)
    assert (read["infos/qpos"] == stacked(episodes, "infos/qpos", slice(-1))).all()
    assert read["infos/deep/number"].tolist() == [0, 1, 2, 0, 1]
    assert read["infos/goal"][:, 0].tolist() == [0, 0, 0, 1, 1]
    assert "infos/text" not in read


@pytest.mark.parametrize("width", [27, 105])
def test_antmaze_becomes_d4rls_29_values(tmp_path, width):
    episodes = minari_episodes([3, 2], ant=width)
    read = read_columns(write_minari(tmp_path / "x", episodes))
    assert read["observations"].shape == (5, 29) and read["observations"].dtype == np.float32
    xy = stacked(episodes, "observations/achieved_goal", slice(-1)).astype(np.float32)
    body = stacked(episodes, "observations/observation", slice(1, None)).astype(np.float32)
    assert (read["observations"][:, :2] == xy).all() and (read["next_observations"][:, 2:] == body[:, :27]).all()


def test_of_other_dicts_the_observation_alone(tmp_path):
    episodes = minari_episodes([3, 2], ant=4)
    read = read_columns(write_minari(tmp_path / "x", episodes))
    assert (read["observations"] == stacked(episodes, "observations/observation", slice(-1))).all()


def test_a_goal_that_the_policy_does_not_see_is_said(tmp_path):
    (note,) = read_columns(write_minari(tmp_path / "x", minari_episodes([3, 2], ant=4))).notes
    assert "desired_goal of the observations is the task's goal" in note


def test_dicts_without_an_observation_are_joined_in_the_order_of_their_names(tmp_path):
    episodes = minari_episodes([3, 2])
    for episode in episodes:
        plain = episode.pop("observations")
        episode |= {"observations/b/speed": plain[:, 0], "observations/a": plain[:, 1:]}
    read = read_columns(write_minari(tmp_path / "x", episodes))
    assert read.names["observations"] == ("a_0", "a_1", "b/speed")
    assert read.notes == ("observations are a dict, joined in this order: a, b/speed",)
    speed = stacked(episodes, "observations/b/speed", slice(1, None)).astype(np.float32)
    assert (read["next_observations"][:, 2] == speed).all()


def damaged(change: str):
    episodes = minari_episodes([3, 2, 4])
    if change == "short":
        episodes[1]["observations"] = episodes[1]["observations"][:-1]
    elif change == "missing":
        del episodes[2]["actions"]
    elif change == "wide":
        episodes[2]["actions"] = np.zeros((4, 3))
    elif change == "dict":
        for episode in episodes:
            episode["observations/image"] = np.zeros((len(episode.pop("observations")), 8, 8))
    return episodes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("short", "'episode_1/observations' has 2 rows, expected 3"),
        ("missing", "no 'episode_2/actions'"),
        ("wide", "'actions' has rows of shape (3,) in episode_2, (2,) in episode_0"),
        ("dict", "'observations' are a dict of image, and image is of shape (8, 8) in each step; leave it out"),
    ],
)
def test_what_does_not_fit(tmp_path, change, words):
    with pytest.raises(DataError, match=re.escape(words)):
        read_columns(write_minari(tmp_path / "x", damaged(change)))


@pytest.mark.parametrize("key", ["episode_1", "episode_1/actions", "episode_0/observations"])
def test_links_are_refused_wherever_they_are(tmp_path, key):
    path = write_minari(tmp_path / "x", minari_episodes([3, 2]))
    outside = write_minari(tmp_path / "y", minari_episodes([3, 2])) / "data" / "main_data.hdf5"
    with h5py.File(path / "data" / "main_data.hdf5", "a") as file:
        del file[key]
        file[key] = h5py.ExternalLink(str(outside), f"/{key}")
    with pytest.raises(DataError, match="is a link, and links are not followed"):
        read_columns(path)


def test_folders_and_options_that_do_not_fit(tmp_path):
    with pytest.raises(DataError, match=r"a folder without Minari's data/main_data\.hdf5"):
        read_columns(tmp_path)
    path = write_minari(tmp_path / "x", minari_episodes([3, 2]))
    with pytest.raises(UsageError, match="leave --map and --data-goal out"):
        read_columns(path, mapping={"obs": "x"})


def test_ids_are_found_in_minaris_own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    path = write_minari(tmp_path / "D4RL" / "pen" / "expert-v2", minari_episodes([3]))
    assert minari.find("D4RL/pen/expert-v2") == path / "data" / "main_data.hdf5"
    assert minari.download("D4RL/pen/expert-v2") == minari.find("D4RL/pen/expert-v2")
    for name in ("D4RL/pen/human-v2", "../pen/expert-v2", "D4RL/pen/expert", "/etc/x-v0"):
        assert minari.find(name) is None
    monkeypatch.delenv("MINARI_DATASETS_PATH")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert minari.data_folder() == tmp_path / ".minari" / "datasets"


def test_a_remote_id_takes_the_package(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ResourceError, match="install the package minari to fetch it, or run 'minari download"):
        minari.download("D4RL/pen/expert-v2")


@pytest.mark.parametrize(
    ("outcome", "words"), [("fails", r"could not fetch it \(no network\)"), ("arrow", "without a main_data.hdf5")]
)
def test_a_fetch_that_fails(tmp_path, monkeypatch, outcome, words):
    class Package:
        @staticmethod
        def download_dataset(dataset_id):
            if outcome == "fails":
                raise OSError("no network\nat all")

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    monkeypatch.setattr("importlib.import_module", lambda name: Package)
    with pytest.raises(ResourceError, match=words):
        minari.download("D4RL/pen/expert-v2")
