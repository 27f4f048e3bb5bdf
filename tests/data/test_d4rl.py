"""D4RL's files: names, and where they are found on this machine."""

import os

import pytest

from pars.data import d4rl
from pars.data.cache import data_folder
from pars.errors import DataError, UsageError
from tests.data.files import columns, write_hdf5

pytestmark = pytest.mark.usefixtures("own_folders")


def test_the_files_have_names_and_sources_of_their_own():
    assert len(d4rl.D4RL) == 31 and len({file.name for file in d4rl.D4RL.values()}) == 31
    for dataset_id, file in d4rl.D4RL.items():
        assert all(source.endswith(f"/{file.name}") for source in file.sources), dataset_id
    assert d4rl.D4RL["hopper-medium-replay-v2"].sources[0].endswith("/gym_mujoco_v2/hopper_medium_replay-v2.hdf5")
    for robot in ("halfcheetah", "hopper", "walker2d"):
        for source in d4rl.D4RL[f"{robot}-expert-v2"].sources:
            assert source.endswith(f"/gym_mujoco_v2/{robot}_expert-v2.hdf5")
    with pytest.raises(UsageError, match=r"did you mean .*pen-cloned-v1"):
        d4rl.find("pen-clone-v1")


def test_files_are_found_where_d4rl_left_them(tmp_path, monkeypatch):
    name = "pen-cloned-v1"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("D4RL_DATASET_DIR", str(tmp_path / "chosen"))
    assert d4rl.locate(name, download=False) is None
    places = [tmp_path / "home" / ".d4rl" / "datasets", tmp_path / "chosen", data_folder() / "d4rl"]
    content = write_hdf5(tmp_path / "published.hdf5", columns()).read_bytes()
    for place in places:  # each is preferred to the ones before
        place.mkdir(parents=True, exist_ok=True)
        (place / "pen-cloned-v1.hdf5").write_bytes(content)
        assert d4rl.locate(name, download=False) == place / "pen-cloned-v1.hdf5"
    assert os.listdir(places[0]) == ["pen-cloned-v1.hdf5"]  # the record is in our own folder
    (places[2] / "pen-cloned-v1.hdf5").write_bytes(content + b"more")
    with pytest.raises(DataError, match="is not what it was"):
        d4rl.locate(name, download=False)


def test_a_damaged_file_in_d4rls_folder_is_not_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("D4RL_DATASET_DIR", str(tmp_path))
    (tmp_path / "pen-cloned-v1.hdf5").write_bytes(b"<html>")
    with pytest.raises(DataError, match="a web page, most likely an error page; delete the file"):
        d4rl.locate("pen-cloned-v1", download=False)
    assert not (data_folder() / "d4rl").exists()
