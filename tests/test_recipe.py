"""What is trained on, and with which settings."""

import json
import re
from dataclasses import fields, replace
from typing import Any

import pytest

from core.errors import CorpusTooShort, RecipeUnknown
from core.lyrics.corpus import Corpus, read_bundled
from core.lyrics.decoding import Decoding
from core.lyrics.recipe import ARTICLE, DEFAULT, RECIPES, Network, Recipe, recipe_named
from core.lyrics.vocabulary import Vocabulary

TINY = replace(DEFAULT, batch_size=2, num_steps=3, offset="none")


def test_the_article_recipe_is_the_articles_to_the_letter() -> None:
    wanted = {
        "line_ends": "as spaces",
        "max_characters": 10_000,
        "held_out": 0.0,
        "has_unknown": False,
        "network": Network(cell="rnn", num_hiddens=256, num_embed=None, start="normal 0.01"),
        "batch_size": 32,
        "num_steps": 35,
        "num_epochs": 250,
        "optimizer": "sgd",
        "lr": 100.0,
        "clip": 0.01,
        "offset": "none",
        "noise": 0.0,
        "patience": None,
        "schedule": "constant",
        "warmup": 0,
        "weight_decay": 0.0,
        "average": 0.0,
        "products": "float32",
        "report_every": 50,
        "decoding": Decoding(temperature=0.0, characters=50),
    }
    assert {name: getattr(ARTICLE, name) for name in wanted} == wanted


def other(value: Any) -> Any:
    """Another value than that, of no particular sense."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case None:
            return 1
        case str():
            return value + "!"
        case Decoding():
            return replace(value, temperature=value.temperature + 0.1)
        case Network():
            return replace(value, dropout_output=value.dropout_output + 0.1)
        case _:
            raise AssertionError(value)


@pytest.mark.parametrize("recipe", [ARTICLE, DEFAULT], ids=lambda recipe: recipe.name)
def test_the_hash_changes_with_every_setting_but_names_and_reports(recipe: Recipe) -> None:
    assert re.fullmatch("[0-9a-f]{12}", recipe.hash)
    hashes = {recipe.hash}
    names = [field.name for field in fields(Recipe)]
    for name in names:
        changed = replace(recipe, **{name: other(getattr(recipe, name))})
        if name in ("name", "report_every"):
            assert changed.hash == recipe.hash, name
        else:
            hashes.add(changed.hash)
    ways = [field.name for field in fields(Decoding)]
    for name in ways:
        changed_to: dict[str, Any] = {name: other(getattr(recipe.decoding, name))}
        decoding = replace(recipe.decoding, **changed_to)
        hashes.add(replace(recipe, decoding=decoding).hash)
    shapes = [field.name for field in fields(Network)]
    untied = replace(recipe.network, tied=False)
    hashes.add(replace(recipe, network=untied).hash)
    for name in shapes:
        if name != "tied" and not name.startswith("dropout"):
            network = replace(untied, **{name: other(getattr(untied, name))})
            hashes.add(replace(recipe, network=network).hash)
    assert len(hashes) == 1 + len(names) - 2 + len(ways) + 4 + recipe.network.tied


@pytest.mark.parametrize("recipe", [ARTICLE, DEFAULT], ids=lambda recipe: recipe.name)
def test_a_recipe_comes_back_from_its_json(recipe: Recipe) -> None:
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_settings_of_another_version_are_refused() -> None:
    with pytest.raises(TypeError, match="dropout"):
        Recipe.from_json({**DEFAULT.to_json(), "dropout": 0.5})
    with pytest.raises(TypeError, match="num_epochs"):
        Recipe.from_json({k: v for k, v in DEFAULT.to_json().items() if k != "num_epochs"})


def test_recipes_are_found_by_their_names() -> None:
    assert recipe_named("article") is ARTICLE
    assert recipe_named("default") is DEFAULT
    assert recipe_named("article", num_epochs=3) == replace(ARTICLE, num_epochs=3)
    assert all(recipe.name == name for name, recipe in RECIPES.items())


def test_an_unknown_recipe_is_refused_with_those_there_are() -> None:
    with pytest.raises(RecipeUnknown, match=r"'lstm'.*article, default"):
        recipe_named("lstm")


def test_the_article_reads_the_first_ten_thousand_characters_with_spaces_for_line_ends() -> None:
    corpus = read_bundled()
    material = ARTICLE.prepare(corpus)
    assert material.train == "".join(" " if c == "\n" else c for c in corpus.text[:10_000])
    assert material.held_out == ""
    assert material.vocabulary.unknown is None
    assert material.vocabulary.characters == "".join(sorted(set(material.train)))
    # The rest of the bundled lyrics has characters of its own; this model has never heard of them.
    assert len(material.vocabulary) < len(set(corpus.text))


def test_the_default_keeps_lines_and_drops_what_is_around_them() -> None:
    lines = [" 分开的雨", "", "不分开\t", "\u3000\u3000", "月光 落", "", ""]
    material = replace(TINY, held_out=0.0).prepare(Corpus("x", "\n".join(lines)))
    assert material.train == "分开的雨\n不分开\n月光 落\n"
    assert replace(TINY, held_out=0.0).prepare(Corpus("x", "分开" * 9)).train == "分开" * 9 + "\n"


@pytest.mark.parametrize(("length", "held_out"), [(99, 9), (100, 10), (109, 10), (110, 11)])
def test_the_last_tenth_is_held_out_but_its_characters_are_known(
    length: int, held_out: int
) -> None:
    text = "".join(chr(0x4E00 + i) for i in range(length - 1)) + "\n"
    material = TINY.prepare(Corpus("x", text))
    assert material.train == text[: length - held_out]
    assert material.held_out == text[length - held_out :]
    assert material.vocabulary == Vocabulary.of(text)


def test_a_corpus_that_fills_one_minibatch_is_enough_and_one_character_less_is_not() -> None:
    need = 2 * (3 + 1)
    recipe = replace(TINY, held_out=0.0)
    assert len(recipe.prepare(Corpus("x", "分" * (need - 1))).train) == need
    with pytest.raises(CorpusTooShort, match=r"x leaves 7 .*default needs 8 \(2 rows of 3 steps"):
        recipe.prepare(Corpus("x", "分" * (need - 2)))


def test_what_is_held_out_does_not_count_towards_a_minibatch() -> None:
    recipe = replace(TINY, held_out=0.5)
    with pytest.raises(CorpusTooShort, match="leaves 7 "):
        recipe.prepare(Corpus("x", "分" * 13))
    assert len(recipe.prepare(Corpus("x", "分" * 15)).train) == 8


def test_a_pass_that_begins_anywhere_needs_so_much_more_text() -> None:
    recipe = replace(TINY, held_out=0.0, offset="drawn")
    need = 2 * (3 + 1) + 3 - 1
    assert len(recipe.prepare(Corpus("x", "分" * (need - 1))).train) == need
    with pytest.raises(CorpusTooShort, match=f"needs {need} "):
        recipe.prepare(Corpus("x", "分" * (need - 2)))


def test_networks_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="as many embedding units as hiddens, not 8 and 16"):
        Network(num_hiddens=16, num_embed=8, tied=True, start="scaled")
    with pytest.raises(ValueError, match="not None and 16"):
        Network(num_hiddens=16, tied=True, start="scaled")
    with pytest.raises(ValueError, match="needs an embedding"):
        Network(dropout_input=0.5, start="scaled")
