"""The house keeps its own rules: package names, the lock file, file sizes, what is committed."""

import importlib.metadata
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("qimeng", "agents", "tools", "memory", "graphs", "sandboxes", "evals", "lpcm")


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / line for line in listed.stdout.splitlines()]


def test_no_other_distribution_ships_a_package_of_our_names():
    owners = importlib.metadata.packages_distributions()
    for package in PACKAGES:
        assert set(owners.get(package, ["qimeng"])) == {"qimeng"}, owners[package]


def test_the_lock_has_hashes_and_no_addresses():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    pinned = re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==", lock, re.MULTILINE)
    assert len(pinned) > 50
    assert lock.count("--hash=sha256:") >= len(pinned)


def test_source_files_stay_readable():
    long = {p.name: n for p in tracked("*.py") if (n := len(p.read_text().splitlines())) > 450}
    assert long == {}


def test_every_package_says_what_it_is():
    for package in PACKAGES:
        assert (ROOT / package / "__init__.py").read_text().startswith('"""')


def test_the_documents_that_the_readme_names_exist():
    for link in re.findall(r"\]\(([\w./-]+\.md)", (ROOT / "README.md").read_text()):
        assert (ROOT / link).exists(), link
