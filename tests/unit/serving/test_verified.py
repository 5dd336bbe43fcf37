"""What runs is what was packaged: the check does not come with the model, and served is a copy of what was checked."""

import json
import os
import py_compile
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagelens.serving import Servable, verified
from sagelens.serving.manifest import write_manifest
from sagelens.serving.verified import NotAsPackaged, check, copy_checked
from sagelens.values import digest_files

FEATURES = Path("code") / "steps" / "features.py"
WITNESS = "import os\nopen(os.environ['WITNESS'], 'w').close()\n"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that says what it is made of."""
    folder = tmp_path / "small"
    for name in ("model/model.json", "code/steps/__init__.py", "code/steps/features.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {name}\n")
    write_manifest(folder)
    return folder


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def bytecode_beside(source: Path, text: str) -> Path:
    """Bytecode that Python takes for the source's without a look at it."""
    evil, made = source.with_suffix(".evil"), source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
    evil.write_text(source.read_text() + text)
    py_compile.compile(str(evil), cfile=str(made), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    evil.unlink()
    return made


def link_out(model: Path) -> None:
    outside = model.parent / "outside.py"
    outside.write_text("")
    (model / "code" / "linked.py").symlink_to(outside)


def link_round(model: Path) -> None:
    (model / "code" / "again").symlink_to(model)
    (model / "code" / "once more").symlink_to(model)


def other_case(model: Path) -> None:
    (model / "code" / "Steps").mkdir()
    (model / "code" / "Steps" / "features.py").write_text("")


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (lambda model: append(model / FEATURES, "x = 1"), "code/steps/features.py"),
        (lambda model: (model / FEATURES).unlink(), "code/steps/features.py"),
        (lambda model: (model / FEATURES).with_suffix(".pyc").write_bytes(b""), "code/steps/features.pyc"),
        (lambda model: (model / "code" / "sitecustomize.py").write_text(""), "code/sitecustomize.py"),
        (lambda model: (model / "code" / "own.pth").write_text("import os"), "code/own.pth"),
        (lambda model: (model / "code" / "numpy.so").write_bytes(b""), "code/numpy.so"),
        (lambda model: os.mkfifo(model / "code" / "pipe.py"), "code/pipe.py"),
        (lambda model: (model / "code" / "nowhere.py").symlink_to("/nowhere"), "code/nowhere.py"),
        (lambda model: (model / "__pycache__").write_text("a file"), "__pycache__"),
        (lambda model: (model / "line\nbreak").write_text(""), r"'line\nbreak'"),
        (link_out, "code/linked.py"),
        (link_round, "code/again"),
        (other_case, "code/Steps/features.py"),
    ],
)
def test_a_file_that_is_not_what_was_packaged_is_named(model: Path, tamper: Callable[[Path], Any], named: str) -> None:
    tamper(model)

    with pytest.raises(NotAsPackaged) as caught:
        check(model)

    assert named in str(caught.value)


def test_a_pipe_in_a_files_place_keeps_nobody_waiting(model: Path) -> None:
    (model / FEATURES).unlink()
    os.mkfifo(model / FEATURES)

    with pytest.raises(NotAsPackaged, match="features"):
        check(model)


def test_bytecode_that_python_left_is_no_reason_to_refuse_and_is_not_copied(model: Path, tmp_path: Path) -> None:
    bytecode_beside(model / FEATURES, "")
    copy = tmp_path / "copy"
    copy.mkdir()

    assert copy_checked(model, copy) == check(model)
    assert digest_files(copy).keys() == {"manifest.json", *json.loads((model / "manifest.json").read_text())["files"]}


@pytest.mark.parametrize(
    "files",
    [
        {"../../secret": "0" * 64},
        {"/etc/passwd": "0" * 64},
        {"code//a.py": "0" * 64},
        {"code/./a.py": "0" * 64},
        {"code\\a.py": "0" * 64},
        {"manifest.json": "0" * 64},
        {"code/__pycache__/a.pyc": "0" * 64},
        {f"a\n{'0' * 64}  b": "0" * 64},
        {"\ud800": "0" * 64},
        {"": "0" * 64},
        {"a.py": "0" * 63},
        {"a.py": f"{'0' * 64}  b\n{'0' * 64}"},
        {"a.py": None},
        ["a.py"],
        None,
    ],
)
def test_a_manifest_that_names_what_no_model_holds_is_none(model: Path, files: Any) -> None:
    (model / "manifest.json").write_text(json.dumps({"digest": "0" * 64, "files": files}))

    with pytest.raises(NotAsPackaged, match=r"manifest\.json' (lists something else|is no manifest)"):
        check(model)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_what_is_no_manifest_proves_nothing(model: Path, content: bytes) -> None:
    (model / "manifest.json").write_bytes(content)

    with pytest.raises(NotAsPackaged, match="is no manifest of a model"):
        check(model)


def test_a_file_that_is_changed_while_it_is_copied_does_not_pass_for_what_was_checked(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    before = check(model)

    copy_checked(model, copy)
    append(model / FEATURES, "x = 1\n")

    assert check(copy) == before


def run(command: list[str], root: Path, **environment: str) -> tuple[int, str]:
    """Start a model server in an environment of its own, and end it if it serves: its exit code, and what it said."""
    settings = {"SAGELENS_ROOT": str(root), "WITNESS": str(root / "witness"), "TMPDIR": str(root / "tmp"), **environment}
    (root / "tmp").mkdir()
    with subprocess.Popen([sys.executable, *command], env=settings, cwd=root, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        if said.startswith("Serving model"):
            process.send_signal(signal.SIGTERM)
        said += process.stderr.read()
    return process.returncode, said


@pytest.fixture
def root(copy: Path, tmp_path: Path) -> Path:
    """What a container has: the packaged model below opt/ml, to be spoilt."""
    (tmp_path / "opt" / "ml").mkdir(parents=True)
    copy.rename(tmp_path / "opt" / "ml" / "model")
    return tmp_path


IMAGE = ["-I", verified.__file__]
INSTALLED = ["-c", "import sys; sys.path.insert(0, sys.argv.pop()); from sagelens.serving.server import main; main()"]
LIBRARY = str(Path(verified.__file__).parents[2])


@pytest.mark.parametrize("command", [IMAGE, [*INSTALLED, LIBRARY]], ids=["image", "installed"])
def test_bytecode_beside_the_packaged_code_does_not_run(root: Path, command: list[str]) -> None:
    bytecode_beside(root / "opt" / "ml" / "model" / FEATURES, WITNESS)

    code, said = run(command, root, SAGEMAKER_BIND_TO_PORT="0")

    assert (code, said.startswith("Serving model")) == (0, True), said
    assert not (root / "witness").exists()
    assert list((root / "tmp").iterdir()) == []


@pytest.mark.parametrize("command", [IMAGE, [*INSTALLED, LIBRARY]], ids=["image", "installed"])
@pytest.mark.parametrize(
    "name", ["sitecustomize.py", "usercustomize.py", "json/__init__.py", "numpy.py", "uvicorn/__init__.py", "httptools.py"]
)
def test_what_was_added_to_the_code_is_refused_before_it_runs(root: Path, command: list[str], name: str) -> None:
    code = root / "opt" / "ml" / "model" / "code"
    (code / name).parent.mkdir(exist_ok=True)
    (code / name).write_text(WITNESS)
    paths = {"PYTHONPATH": str(code)} if command is IMAGE else {}

    ended, said = run(command, root, SAGEMAKER_BIND_TO_PORT="0", **paths)

    assert (ended, said.startswith("refused: The model in ")) == (8, True), said
    assert f"code/{name} differ" in said
    assert not (root / "witness").exists()


@pytest.mark.parametrize("file", ["__main__", "__init__", "server", "manifest", "verified", "servable"])
def test_a_verifier_of_the_models_own_is_not_asked(root: Path, file: str) -> None:
    append(root / "opt" / "ml" / "model" / "code" / "sagelens" / "serving" / f"{file}.py", WITNESS)

    code, said = run(IMAGE, root, SAGEMAKER_BIND_TO_PORT="0", PYTHONPATH=str(root / "opt" / "ml" / "model" / "code"))

    assert (code, f"code/sagelens/serving/{file}.py differ" in said) == (8, True), said
    assert not (root / "witness").exists()


def test_code_in_the_served_folder_hands_over_to_the_interpreters_own_library(root: Path) -> None:
    model = root / "opt" / "ml" / "model"
    append(model / "golden.jsonl", "x\n")
    append(model / "code/sagelens/serving/manifest.py", "\n\ndef copied(folder, home, expected=None):\n    return 'fine'\n")

    code, said = run(["-m", "sagelens.serving"], root, SAGEMAKER_BIND_TO_PORT="0", PYTHONPATH=str(model / "code"))

    assert (code, "is not what was packaged" in said) == (8, True), said


def test_a_loaded_model_reads_nothing_of_its_folder_any_more(copy: Path, sample: list[dict[str, Any]]) -> None:
    bytecode_beside(copy / FEATURES, "\n\ndef derive(columns):\n    raise SystemExit('bytecode ran')\n")

    model = Servable.load(copy)
    (copy / FEATURES).write_text("raise SystemExit('the folder is read')")

    assert len(model.predict_rows(sample)) == len(sample)


def test_the_images_serve_starts_a_check_that_needs_no_library_and_lies_outside_of_the_model(root: Path) -> None:
    serve = Path(LIBRARY, "infra", "image", "bin", "serve").read_text()
    alone = root / "image" / "verified.py"
    alone.parent.mkdir()
    alone.write_bytes(Path(verified.__file__).read_bytes())
    (alone.parent / "python3").symlink_to(sys.executable)
    (root / "opt" / "ml" / "model" / "sample.jsonl").write_text("")
    script = serve.replace("/usr/local/lib/sagelens/verified.py", str(alone))

    command = ["-c", "import os, sys; os.execv('/bin/sh', ['sh', '-c', sys.argv[1]])", script]
    code, said = run(command, root, PATH=f"{alone.parent}:{os.environ['PATH']}", SAGEMAKER_BIND_TO_PORT="0")

    assert script != serve
    assert (code, "sample.jsonl differ from manifest.json" in said) == (8, True), said
