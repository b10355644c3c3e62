"""Model files: whole ones come back, all others are refused by name."""

import hashlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories import SMALL, TEXT, make_checkpoint
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from core.errors import CheckpointError
from core.lyrics.checkpoint import (
    FORMAT,
    Checkpoint,
    EpochFigures,
    digest_of,
    weight_shapes,
    write_aside,
)
from core.lyrics.recipe import ARTICLE, DEFAULT, CellName, Network, Recipe

TESTS = Path(__file__).parent
EMBEDDED = replace(SMALL, network=Network(cell="lstm", num_hiddens=6, num_embed=5, start="scaled"))
TIED = replace(
    SMALL, network=Network(cell="gru", num_hiddens=6, num_embed=6, tied=True, start="scaled")
)


def refusal(path: Path) -> str:
    """Why `path` is refused; it names the file."""
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.load(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def start_of_tensors(raw: bytes) -> int:
    return 8 + int.from_bytes(raw[:8], "little")


def described(
    checkpoint: Checkpoint, change: Callable[[dict[str, Any]], Any], *, sealed: bool = False
) -> bytes:
    """The file of `checkpoint` with another description, with its right sum where `sealed`."""
    raw = checkpoint.to_bytes()
    header = json.loads(raw[8 : start_of_tensors(raw)])
    about = json.loads(header["__metadata__"][FORMAT])
    about = change(about)
    weights = load_tensors(raw)
    if sealed:
        rest = {key: value for key, value in about.items() if key != "sha256"}
        about = rest | {"sha256": digest_of(rest, dict(sorted(weights.items())))}
    return save_tensors(weights, {FORMAT: json.dumps(about)})


def with_network(**settings: object) -> dict[str, Any]:
    """A description of the recipe of `make_checkpoint` with another network."""
    described = SMALL.to_json()
    return described | {"network": described["network"] | settings}


def same(one: Checkpoint, two: Checkpoint) -> bool:
    return (
        replace(one, weights={}) == replace(two, weights={})
        and one.weights.keys() == two.weights.keys()
        and all(np.array_equal(one.weights[name], two.weights[name]) for name in one.weights)
    )


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    figures = (EpochFigures(1, math.inf, None), EpochFigures(2, 5.0, 0.1 + 0.2))
    for one in (
        make_checkpoint("random", seed=3),
        replace(make_checkpoint("consecutive", text=TEXT + "𠮷€🎵"), figures=figures),
        make_checkpoint(recipe=replace(ARTICLE, network=replace(ARTICLE.network, num_hiddens=8))),
        replace(make_checkpoint(), epoch=1, updates=7),
        make_checkpoint(recipe=EMBEDDED),
        make_checkpoint(recipe=TIED),
        make_checkpoint(recipe=replace(DEFAULT, network=TIED.network)),
    ):
        one.save(tmp_path / "one.safetensors")
        back = Checkpoint.load(tmp_path / "one.safetensors")
        assert same(back, one)
        assert {weight.dtype for weight in back.weights.values()} == {np.dtype(np.float32)}


def test_what_was_reached_are_the_figures_of_the_epoch_whose_weights_these_are() -> None:
    one = make_checkpoint()
    assert one.reached == one.figures[1]
    assert replace(one, epoch=1).reached == one.figures[0]


@pytest.mark.parametrize(("cell", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_the_weights_of_a_network_have_the_shapes_of_its_formulas(
    cell: CellName, gates: int
) -> None:
    plain = Network(cell=cell, num_hiddens=6, start="scaled")
    shapes: dict[str, tuple[int, ...]] = {
        "W_xh": (9, 6 * gates),
        "W_hh": (6, 6 * gates),
        "b_h": (6 * gates,),
        "W_hq": (6, 9),
        "b_q": (9,),
    }
    assert weight_shapes(plain, 9) == shapes
    embedded = {**shapes, "E": (9, 5), "W_xh": (5, 6 * gates)}
    assert weight_shapes(replace(plain, num_embed=5), 9) == embedded
    tied = {**shapes, "E": (9, 6), "W_xh": (6, 6 * gates)}
    del tied["W_hq"]
    assert weight_shapes(replace(plain, num_embed=6, tied=True), 9) == tied


def test_saving_makes_the_folder_replaces_the_file_and_leaves_nothing_else(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new" / "folder" / "one.safetensors"
    make_checkpoint(seed=1).save(path)
    make_checkpoint(seed=2).save(path)
    assert Checkpoint.load(path).seed == 2
    assert [*path.parent.iterdir()] == [path]


def test_a_failing_rename_leaves_no_file_behind(tmp_path: Path) -> None:
    path = tmp_path / "taken"
    (path / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        make_checkpoint().save(path)
    assert [*tmp_path.iterdir()] == [path]


def test_a_write_that_fails_midway_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "one.safetensors"
    old = make_checkpoint()
    old.save(path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # as if the disk were full
    try:
        with pytest.raises(OSError, match="large"):
            write_aside(path, b"x" * 30_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]


def test_equal_checkpoints_are_equal_files_also_in_other_processes(tmp_path: Path) -> None:
    one = make_checkpoint()
    backwards = {name: one.weights[name] for name in reversed([*one.weights])}
    assert replace(one, weights=backwards).to_bytes() == one.to_bytes()
    one.save(tmp_path / "one")
    assert Checkpoint.load(tmp_path / "one").to_bytes() == one.to_bytes()
    assert replace(one, seed=1).to_bytes() != one.to_bytes()
    digest = hashlib.sha256(one.to_bytes()).hexdigest()
    program = (
        "import hashlib; from factories import make_checkpoint;"
        "print(hashlib.sha256(make_checkpoint().to_bytes()).hexdigest())"
    )
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    for hash_seed in ("1", "2"):
        environment = os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, check=True
        )
        assert done.stdout.decode().strip() == digest


def test_weights_that_are_not_contiguous_are_saved_as_they_read(tmp_path: Path) -> None:
    one = make_checkpoint()
    turned = {name: np.asfortranarray(weight) for name, weight in one.weights.items()}
    replace(one, weights=turned).save(tmp_path / "one")
    assert same(Checkpoint.load(tmp_path / "one"), one)


# Damaged files


def test_a_file_cut_short_anywhere_is_refused_by_name(tmp_path: Path) -> None:
    raw = make_checkpoint().to_bytes()
    tensors = start_of_tensors(raw)
    path = tmp_path / "cut.safetensors"
    for length in (0, 1, 7, 8, 9, tensors // 2, tensors - 1, tensors, tensors + 1, len(raw) - 1):
        path.write_bytes(raw[:length])
        refusal(path)
    path.write_bytes(raw + b"\0")
    refusal(path)


def test_one_flipped_bit_in_the_tensors_is_refused_by_name(tmp_path: Path) -> None:
    raw = make_checkpoint().to_bytes()
    path = tmp_path / "damaged.safetensors"
    places = [*range(start_of_tensors(raw), len(raw), 331), len(raw) - 1]
    for place in places:
        damaged = bytearray(raw)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        assert "damaged" in refusal(path)


def test_a_flipped_byte_in_the_header_is_met_with_no_other_error(tmp_path: Path) -> None:
    raw = make_checkpoint().to_bytes()
    path = tmp_path / "damaged.safetensors"
    refused = 0
    for place in range(start_of_tensors(raw)):
        damaged = bytearray(raw)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        try:
            back = Checkpoint.load(path)
            assert same(back, make_checkpoint()), place  # another way to write the same
        except CheckpointError:
            refused += 1
    assert refused > start_of_tensors(raw) // 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not a model\n" * 50,
        b"PK\x03\x04" + bytes(200),
        b"\x80\x04\x95" + bytes(200),
        save_tensors({"a": np.zeros(3, np.float32)}),
        save_tensors({"a": np.zeros(3, np.float32)}, {"format": "pt"}),
        save_tensors({"a": np.zeros(3, np.float32)}, {FORMAT: "not json"}),
        save_tensors({"a": np.zeros(3, np.float32)}, {FORMAT: "null"}),
    ],
    ids=["empty", "text", "zip", "pickle", "bare", "foreign", "garbled", "null"],
)
def test_a_foreign_file_is_refused_by_name(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "foreign.safetensors").write_bytes(raw)
    refusal(tmp_path / "foreign.safetensors")


@pytest.mark.parametrize("version", ["lyricbot 0", "lyricbot 1", "lyricbot 3"])
def test_a_model_of_another_version_is_refused_by_name_and_says_so(
    tmp_path: Path, version: str
) -> None:
    path = tmp_path / "older.safetensors"
    path.write_bytes(save_tensors(dict(make_checkpoint().weights), {version: "{}"}))
    assert "another version of lyricbot" in refusal(path)


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    refusal(tmp_path / "missing.safetensors")
    refusal(tmp_path)


@pytest.mark.parametrize("about", [[], {}, 7, "text", True])
def test_a_description_of_another_kind_is_refused_by_name(tmp_path: Path, about: object) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes(described(make_checkpoint(), lambda _: about))
    refusal(path)


@pytest.mark.parametrize(
    "key",
    [
        "vocabulary",
        "recipe",
        "sampler",
        "seed",
        "epoch",
        "updates",
        "corpus_name",
        "corpus_sha256",
        "openings",
        "unseen",
        "figures",
        "sha256",
    ],
)
def test_a_description_that_lacks_something_is_refused_by_name(tmp_path: Path, key: str) -> None:
    path = tmp_path / "odd.safetensors"
    one = make_checkpoint()
    for sealed in (False, True):
        path.write_bytes(described(one, lambda about: about, sealed=sealed))
        assert same(Checkpoint.load(path), one)
    path.write_bytes(
        described(
            one, lambda about: {k: v for k, v in about.items() if k != key}, sealed=key != "sha256"
        )
    )
    refusal(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sampler", "shuffled"),
        ("vocabulary", 5),
        ("vocabulary", None),
        ("vocabulary", "短"),
        ("recipe", {}),
        ("recipe", SMALL.to_json() | {"dropout": 0.5}),
        ("recipe", SMALL.to_json() | {"network": None}),
        ("recipe", SMALL.to_json() | {"network": {}}),
        ("recipe", with_network(num_hiddens=17)),
        ("recipe", with_network(cell="gru")),
        ("recipe", with_network(cell="transformer")),
        ("recipe", with_network(num_embed=16)),
        ("recipe", with_network(num_embed=16, tied=True)),
        ("recipe", with_network(tied=True)),
        ("recipe", with_network(dropout=0.5)),
        ("recipe", SMALL.to_json() | {"has_unknown": False}),
        ("openings", None),
        ("figures", [{"epoch": 1}]),
        ("figures", [1]),
    ],
)
def test_a_description_with_a_wrong_value_is_refused_by_name(
    tmp_path: Path, key: str, value: object
) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes(described(make_checkpoint(), lambda about: about | {key: value}, sealed=True))
    refusal(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("seed", 1), ("epoch", 1), ("updates", 3), ("openings", []), ("sha256", "0" * 64)],
)
def test_a_description_that_its_sum_does_not_fit_is_refused(
    tmp_path: Path, key: str, value: object
) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes(described(make_checkpoint(), lambda about: about | {key: value}))
    assert "damaged" in refusal(path)


@pytest.mark.parametrize("recipe", [SMALL, EMBEDDED, TIED], ids=["plain", "embedded", "tied"])
def test_weights_of_a_wrong_shape_are_refused_though_their_sum_is_right(
    tmp_path: Path, recipe: Recipe
) -> None:
    one = make_checkpoint(recipe=recipe)
    path = tmp_path / "odd.safetensors"
    for name, weight in one.weights.items():
        for wrong in (weight[:-1], weight[None], np.concatenate([weight, weight])):
            replace(one, weights={**one.weights, name: wrong}).save(path)
            refusal(path)
        replace(one, weights={k: v for k, v in one.weights.items() if k != name}).save(path)
        refusal(path)
    replace(one, weights={**one.weights, "W_more": one.weights["W_hh"]}).save(path)
    refusal(path)


def test_a_turned_matrix_is_refused(tmp_path: Path) -> None:
    one = make_checkpoint()
    turned = np.ascontiguousarray(one.weights["W_xh"].T)
    assert turned.shape != one.weights["W_xh"].shape
    replace(one, weights={**one.weights, "W_xh": turned}).save(tmp_path / "odd")
    refusal(tmp_path / "odd")
