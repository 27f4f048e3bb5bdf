"""What stands beside the code for those who get it: changelog, citation, container, forge."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
FORGE = sorted((ROOT / ".github").rglob("*.yml"))


def test_the_changelog_begins_with_the_version() -> None:
    """pyproject.toml is the only place of the version; the changelog says what is in it."""
    versions = re.findall(r"^## (\S+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert versions[0] == PROJECT["project"]["version"]
    assert sorted(versions, key=lambda text: [int(n) for n in text.split(".")], reverse=True) == versions


def test_the_citation_names_the_paper_and_no_version_of_its_own() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= cited.keys() and "version" not in cited
    assert cited["license"] == PROJECT["project"]["license"]
    (paper,) = cited["references"]
    assert "arXiv:2507.08761" in [name["value"] for name in paper["identifiers"]]


@pytest.mark.parametrize("path", FORGE, ids=lambda path: path.name)
def test_what_the_forge_reads_is_whole(path: Path) -> None:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.parent.name == "ISSUE_TEMPLATE" and path.stem != "config":
        assert {"name", "description", "body"} <= found.keys()
        assert all(part["type"] in ("textarea", "input") and part["attributes"]["label"] for part in found["body"])
    for job in found.get("jobs", {}).values():
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)


def test_container_and_forge_run_what_is_there() -> None:
    """Their make targets and scripts exist, and so does what the sdist takes along."""
    for path in (ROOT / "Dockerfile", ROOT / ".github/workflows/ci.yml"):
        text = path.read_text(encoding="utf-8")
        wanted = re.findall(r"make (\w+)", re.sub(r'"make", "(\w+)"', r"make \1", text))
        assert wanted
        for target in wanted:
            assert re.search(rf"^{target}:", MAKEFILE, re.M), f"{path.name}: no make target {target!r}"
        for script in re.findall(r"bash (\S+)", text):
            assert (ROOT / script).exists(), script
    for name in PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]:
        assert list(ROOT.glob(name.removeprefix("/"))), name


def test_the_container_s_user_can_write() -> None:
    """The working folder is its own also where a builder makes WORKDIR as root; `runs` is made before it is mounted."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    place = re.search(r"^WORKDIR (\S+)", text, re.M)
    assert place and f"--owner=pars --group=pars {place[1]}\n" in text.partition("USER pars")[0]
    mounts = [line for line in text.splitlines() if f"{place[1]}/runs" in line]
    assert mounts and all("mkdir -p runs" in line and "--user" in line for line in mounts)
