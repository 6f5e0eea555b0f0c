"""The project's own files: locks, registry hosts, licence, sizes, documentation, commands."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from scripts import completeness

ROOT = completeness.ROOT
LOCKS = ("requirements.lock", "requirements-dev.lock")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def pins(lock: str) -> dict[str, str]:
    """Name → the requirement with its hashes, of a lock file."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    return {line.split("==")[0]: line for line in text.splitlines() if line.strip()}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_hashes_and_no_addresses(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--index|--extra-index|--find-links|#)", text, re.MULTILINE)
    assert len(pins(lock)) > 20
    for name, requirement in pins(lock).items():
        assert re.match(rf"{re.escape(name)}==[\w.!+]+\s", requirement), requirement[:60]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", requirement), requirement[:60]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_covers_what_pyproject_asks_for(lock: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    if "dev" in lock:
        for extra in project["optional-dependencies"].values():
            wanted += extra
    missing = {canonical(requirement) for requirement in wanted} - set(pins(lock))
    assert not missing, f"{lock} lacks {missing}: run `make lock`"


def canonical(requirement: str) -> str:
    """The normalised name of a requirement."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def test_the_locks_agree() -> None:
    run, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert set(run) < set(dev)
    version = re.compile(r"==([^\s;]+)")
    for name, requirement in run.items():
        assert version.search(requirement)[1] == version.search(dev[name])[1], name


def test_no_file_is_a_lock_with_addresses() -> None:
    names = {path.name for path in completeness.tracked_files()}
    assert not names & {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"}


def test_nothing_names_a_registry_host() -> None:
    found = [
        complaint
        for path in completeness.tracked_files()
        for complaint in completeness.registry_hosts(path)
    ]
    assert found == []


def test_a_registry_host_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("a\n--index-url https://" + ".".join(("PyPI", "org")) + "/simple\n")
    assert len(list(completeness.registry_hosts(path))) == 1


def test_files_of_the_product_hold_one_idea() -> None:
    long = [x for path in completeness.source_files() for x in completeness.too_long(path)]
    assert long == []


def test_everything_public_is_documented() -> None:
    files = completeness.source_files()
    promised = completeness.promised_methods(files)
    found = [x for path in files for x in completeness.undocumented(path, promised)]
    assert found == []


def test_a_missing_docstring_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "class Port(Protocol):\n"
        "    '''A port.'''\n"
        "    @property\n"
        "    def field(self): ...\n"
        "    def promise(self):\n"
        "        '''Keep it.'''\n"
        "class Open:\n"
        "    def method(self): ...\n"
        "    def promise(self): ...\n"
        "    @override\n"
        "    def inherited(self): ...\n"
        "    def _own(self): ...\n"
        "def _hidden(): ...\n"
        "def promise(): ...\n"
        "async def asked():\n"
        "    '''Told.'''\n"
    )
    promised = completeness.promised_methods([path])
    assert promised == {"promise"}
    complaints = list(completeness.undocumented(path, promised))
    assert len(complaints) == 4
    for told, name in zip(complaints[1:], ("Open", "Open.method", "promise"), strict=True):
        assert f"'{name}'" in told


def test_a_long_file_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("x = 1\n" * (completeness.MOST_LINES + 1))
    assert len(list(completeness.too_long(path))) == 1


def test_the_licence_is_there() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0" in text


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_commands_that_are_shown_exist(name: str) -> None:
    path = ROOT / name
    assert list(completeness.unknown_commands(path, MAKEFILE)) == []
    assert {"run", "test"} <= completeness.make_commands(path.read_text(encoding="utf-8"))


def test_an_unknown_command_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("Do `make run`, then `make tea`.\n")
    assert len(list(completeness.unknown_commands(path, MAKEFILE))) == 1


def test_make_lists_every_target_by_default() -> None:
    listed = subprocess.run(
        ["make"], cwd=ROOT, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    ).stdout
    for target in completeness.make_targets(MAKEFILE):
        assert re.search(rf"^  make {target}\s+\w", listed, re.MULTILINE), target


def test_a_python_that_is_too_old_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)
    find = ROOT / "scripts" / "find_python"
    for environment in (
        {"PATH": "/bin:/usr/bin", "PYTHON": str(old)},
        {"PATH": str(tmp_path), "PYTHON": ""},
    ):
        done = subprocess.run(
            ["/bin/sh", str(find)], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "3.11 or newer" in done.stderr
        assert done.stdout == ""


def test_a_python_that_fits_is_found() -> None:
    done = subprocess.run(
        ["/bin/sh", str(ROOT / "scripts" / "find_python")],
        env={"PATH": "/bin:/usr/bin", "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == sys.executable


def test_ci_runs_check_and_test_and_stops_at_the_first_failure(tmp_path: Path) -> None:
    """The script is run for real, with a `make` that notes what it is asked for."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "shared" / "data").mkdir(parents=True)
    (tmp_path / "main" / ".ci").mkdir(parents=True)
    script = tmp_path / "main" / ".ci" / "run"
    script.write_bytes((ROOT / ".ci" / "run").read_bytes())
    make = tmp_path / "bin" / "make"
    make.write_text('#!/bin/sh\necho "$1 $PERSX_DATA"\n[ "$1" != "$FAIL" ]\n')
    make.chmod(0o755)

    def run(fail: str, data: str | None = None) -> tuple[int, list[str]]:
        environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "FAIL": fail}
        if data is not None:
            environment["PERSX_DATA"] = data
        done = subprocess.run(
            ["bash", str(script)], env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout.splitlines()

    found = str((tmp_path / "shared" / "data").resolve())
    assert run("") == (0, [f"check {found}", f"test {found}"])
    assert run("", data="/elsewhere") == (0, ["check /elsewhere", "test /elsewhere"])
    status, asked = run("check")
    assert status != 0
    assert asked == [f"check {found}"]
    assert run("test")[0] != 0


def imported_distributions(folder: Path) -> dict[str, set[str]]:
    """Distribution → files that import it, of a folder's code; ours and the standard left out."""
    provided = packages_distributions()
    ours = {"persx", "benchmarks", "scripts", "proofs", "tests"} | {
        p.stem for p in folder.rglob("*.py")
    }
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            for top in {module.partition(".")[0] for module in modules}:
                if top not in ours and top not in sys.stdlib_module_names:
                    for name in provided.get(top, [top]):
                        found.setdefault(canonical(name), set()).add(str(path.relative_to(ROOT)))
    return found


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks", "proofs", "scripts"])
def test_what_is_imported_is_declared(folder: str) -> None:
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = whole["project"]
    declared = {canonical(requirement) for requirement in project["dependencies"]}
    if folder == "proofs":
        declared |= {canonical(each) for each in whole["dependency-groups"]["peers"]}
    if folder != "src":
        for extra in project["optional-dependencies"].values():
            declared |= {canonical(requirement) for requirement in extra}
    imported = imported_distributions(ROOT / folder)
    undeclared = {name: files for name, files in imported.items() if name not in declared}
    if folder == "src":
        # Contract suites run where pytest and hypothesis are; nothing below them imports them.
        suites = undeclared.pop("pytest", set()) | undeclared.pop("hypothesis", set())
        assert all(file.startswith("src/persx/testing/") for file in suites)
        # The extra `otel` is for traces alone, which load it where they are wanted.
        assert "otel" in project["optional-dependencies"]
        traced = [name for name in undeclared if name.startswith("opentelemetry-")]
        assert all(undeclared.pop(name) == {"src/persx/app/tracing.py"} for name in traced)
    assert undeclared == {}


def test_every_vendored_folder_is_named_and_has_its_licence() -> None:
    notice = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    lists = [path for path in completeness.tracked_files() if path.name == "VENDORED.md"]
    assert lists
    for path in lists:
        assert f"`{path.parent.relative_to(ROOT)}/`" in notice
        assert any("LICENSE" in each.name for each in path.parent.iterdir())


def test_make_installs_once_and_again_when_a_lock_changes(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(MAKEFILE)
    made = ["pyproject.toml", *LOCKS, ".venv/pyvenv.cfg", ".make/run", ".make/dev"]
    for age, name in enumerate(reversed(made)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))

    def planned(target: str) -> str:
        return subprocess.run(
            ["make", "-n", target], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    assert "install" not in planned("run")
    assert "install" not in planned("bench")
    os.utime(tmp_path / "requirements-dev.lock", (1_800_000_000, 1_800_000_000))
    assert "install" not in planned("run")
    assert "scripts/install requirements-dev.lock" in planned("bench")
    os.utime(tmp_path / "requirements.lock", (1_800_000_000, 1_800_000_000))
    assert "scripts/install requirements.lock" in planned("run")
    (tmp_path / ".venv" / "pyvenv.cfg").unlink()
    assert "scripts/make_venv" in planned("run")
