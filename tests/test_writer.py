"""Writing with one model: what it reads, what it writes, and what it refuses."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from factories import SMALL, TEXT, make_checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DecodingError, PrefixEmpty, PrefixError, PrefixTooLong, PrefixUnknown
from core.lyrics.checkpoint import Checkpoint
from core.lyrics.corpus import Corpus
from core.lyrics.decoding import Decoding
from core.lyrics.recipe import ARTICLE, DEFAULT, Network, Recipe
from core.lyrics.vocabulary import Vocabulary
from core.lyrics.writer import BATCH, MAX_PREFIX, Lyric, Prefix, Writer
from core.rnn.cells import CELLS
from core.rnn.model import RNNModel
from core.rnn.run import Entry
from core.rnn.train import train

SPACED = "分开 不等\n的 雨落\n月光 照 进\n" * 30
LIKELIEST = Decoding(temperature=0.0, lines=8)
MAX_LINE = LIKELIEST.line_most
SMALL_ARTICLE = replace(ARTICLE, network=replace(ARTICLE.network, num_hiddens=24))
NETWORKS = {
    f"{cell}{kind}": Network(cell=cell, num_hiddens=16, num_embed=width, tied=tied, start="scaled")
    for cell in CELLS
    for kind, width, tied in (("", None, False), (" embedded", 9, False), (" tied", 16, True))
}
networks = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def chain(*then: str, unknown: float = 0.0, characters: str = "\n 分开雨") -> Writer:
    """A model that after the first character of each pair all but surely writes the second.

    A third character of such a string is the next likely after that.
    """
    vocabulary = Vocabulary.of(characters)
    size = len(vocabulary)
    W_hq = np.zeros((size, size), np.float32)
    for step in then:
        first, *likely = vocabulary.encode(step)
        for rank, second in enumerate(likely):
            W_hq[first, second] = 40 - 15 * rank
    b_q = np.zeros(size, np.float32)
    b_q[-1] = unknown
    return Writer(
        replace(
            make_checkpoint(),
            vocabulary=vocabulary,
            recipe=replace(SMALL, network=replace(SMALL.network, num_hiddens=size)),
            weights={
                "W_xh": 20 * np.eye(size, dtype=np.float32),  # tanh gives 1 and 0: the last one
                "W_hh": np.zeros((size, size), np.float32),
                "b_h": np.zeros(size, np.float32),
                "W_hq": W_hq,
                "b_q": b_q,
            },
        )
    )


def by_hand(
    checkpoint: Checkpoint, read: str, go_on: Callable[[str], bool], mask: Callable[[str], str]
) -> str:
    """What torch's model writes after `read`, always the likeliest but what `mask` names."""
    vocabulary = checkpoint.vocabulary
    net = RNNModel(len(vocabulary), checkpoint.recipe.network, [torch.Generator()])
    net.load_state_dict({k: torch.from_numpy(v)[None] for k, v in checkpoint.weights.items()})
    written = ""
    with torch.no_grad():
        logits, state = net(torch.tensor([[vocabulary.encode(read)]]), net.begin_state(1))
        while go_on(written):
            scores = logits[0, -1, : len(vocabulary.characters)].clone()
            for character in mask(written):
                scores[vocabulary.characters.index(character)] = -torch.inf
            written += vocabulary.characters[int(scores.argmax())]
            logits, state = net(torch.tensor([[vocabulary.encode(written[-1])]]), state)
    return written


# Against the network that learned


@networks
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("prefix", ["分开", "不分开", "月", "我把歌唱给你听 分开"])
def test_it_writes_what_torchs_model_writes_by_the_articles_way(
    network: Network, seed: int, prefix: str
) -> None:
    checkpoint = make_checkpoint(seed=seed, recipe=replace(ARTICLE, network=network))
    writer = Writer(checkpoint)
    lyric = writer.write(writer.read_prefix(prefix), seed=0)
    expected = by_hand(checkpoint, prefix, lambda written: len(written) < 50, lambda _: "")
    assert lyric.text == prefix + expected
    assert lyric.decoding == ARTICLE.decoding


@networks
@pytest.mark.parametrize("seed", range(5))
def test_it_writes_what_torchs_model_writes_from_the_start_of_a_line(
    network: Network, seed: int
) -> None:
    checkpoint = make_checkpoint(seed=seed, recipe=replace(SMALL, network=network), text=SPACED)
    writer = Writer(checkpoint)
    decoding = Decoding(temperature=0.0, characters=60)
    lyric = writer.write(writer.read_prefix("分开"), seed=0, decoding=decoding)
    expected = by_hand(checkpoint, "\n分开", lambda written: len(written) < 60, lambda _: "")
    assert lyric.text == ("分开" + expected).rstrip("\n")


@networks
@pytest.mark.parametrize("seed", range(8))
def test_its_lines_are_torchs_likeliest_without_empty_lines_and_doubled_spaces(
    network: Network, seed: int
) -> None:
    recipe = replace(SMALL, network=network)
    checkpoint = make_checkpoint(seed=seed, recipe=recipe, text="分 开\n雨\n" * 100)
    writer = Writer(checkpoint)
    lyric = writer.write(writer.read_prefix("分"), seed=0, decoding=replace(LIKELIEST, lines=4))

    def go_on(written: str) -> bool:
        return written.count("\n") < 4

    def mask(written: str) -> str:
        whole = "分" + written
        line = whole[whole.rfind("\n") + 1 :]
        if len(line.replace(" ", "")) >= MAX_LINE:
            return " 分开雨"
        return "\n " if whole[-1] in "\n " else ""

    assert lyric.text == "分" + by_hand(checkpoint, "\n分", go_on, mask)[:-1]


# Prefixes


@pytest.mark.parametrize("text", [TEXT, SPACED], ids=["without a space", "with a space"])
@given(typed=st.one_of(st.text("分开不 \n\t\u3000🎵é雨", max_size=60), st.text(max_size=60)))
@settings(max_examples=150, deadline=None)
def test_whatever_is_typed_is_read_or_refused(text: str, typed: str) -> None:
    writer = Writer(make_checkpoint(text=text))
    try:
        prefix = writer.read_prefix(typed)
    except PrefixError:
        return
    assert 1 <= len(prefix.text) <= MAX_PREFIX
    assert prefix.text == " ".join(prefix.text.split())
    assert all(c in writer.vocabulary for c in prefix.text)
    assert not any(c in writer.vocabulary or c.isspace() for c in prefix.skipped)
    assert len(set(prefix.skipped)) == len(prefix.skipped)
    assert {*prefix.text, *prefix.skipped} - {" "} == {c for c in typed if not c.isspace()}
    assert writer.read_prefix(prefix.text) == replace(prefix, skipped="")


@given(typed=st.text("分开不等的人", min_size=1, max_size=10), seed=st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_the_prefix_begins_the_text(typed: str, seed: int) -> None:
    writer = Writer(make_checkpoint())
    lyric = writer.write(writer.read_prefix(f" {typed}🎵\n"), seed=seed)
    assert lyric.prefix == typed
    assert lyric.text.startswith(typed)
    assert lyric.seed == seed


def test_fifty_characters_are_accepted_and_fifty_one_are_refused_with_both_numbers() -> None:
    writer = Writer(make_checkpoint())
    assert writer.read_prefix("分" * 50).text == "分" * 50
    assert writer.read_prefix(f"  {'分' * 25}\n\n{'开' * 24}  ").text == "分" * 25 + "开" * 24
    with pytest.raises(PrefixTooLong, match=r"at most 50 .* has 51\.") as caught:
        writer.read_prefix("分" * 51)
    assert (caught.value.length, caught.value.limit) == (51, 50)


@pytest.mark.parametrize("typed", ["", " ", "\n\t \u3000"])
def test_a_prefix_of_nothing_is_refused(typed: str) -> None:
    with pytest.raises(PrefixEmpty):
        Writer(make_checkpoint()).read_prefix(typed)


def test_white_space_inside_becomes_one_space_where_the_model_has_one() -> None:
    assert Writer(make_checkpoint(text=SPACED)).read_prefix("\n分 \t\u3000开 ").text == "分 开"
    without = Writer(make_checkpoint()).read_prefix("分 \t\u3000开")
    assert (without.text, without.skipped) == ("分开", "")


def test_what_the_model_never_saw_is_skipped_and_named_once() -> None:
    prefix = Writer(make_checkpoint()).read_prefix("🎵分é🎵开🎵")
    assert (prefix.text, prefix.skipped) == ("分开", "🎵é")


def test_a_skipped_character_between_spaces_leaves_one_space() -> None:
    prefix = Writer(make_checkpoint(text=SPACED)).read_prefix("分 🎵 开")
    assert (prefix.text, prefix.skipped) == ("分 开", "🎵")


@pytest.mark.parametrize("typed", ["🎵", "é 🎵é", "hello"])
def test_a_prefix_of_which_nothing_is_left_is_refused_with_suggestions_that_work(
    typed: str,
) -> None:
    writer = Writer(make_checkpoint())
    with pytest.raises(PrefixUnknown) as caught:
        writer.read_prefix(typed)
    assert caught.value.characters == "".join(dict.fromkeys(typed.replace(" ", "")))
    assert len(caught.value.suggestions) == 3
    for suggestion in caught.value.suggestions:
        assert suggestion in str(caught.value)
        assert writer.read_prefix(suggestion).text == suggestion
        assert writer.read_prefix(suggestion).skipped == ""


def test_a_model_of_the_first_characters_suggests_only_what_it_knows() -> None:
    # The article's recipe stops at 10,000 characters; what begins most lines comes after them.
    first, rest = "分开的雨\n不分开吧\n" * 1_000, "月光照进\n我们唱歌\n后来的人\n" * 2_000
    corpus = Corpus("long", first + rest)
    recipe = replace(SMALL_ARTICLE, num_epochs=0)
    (checkpoint,) = train(
        corpus, recipe, [Entry("random", 0)], device=torch.device("cpu"), processes=1
    )
    writer = Writer(checkpoint)
    with pytest.raises(PrefixUnknown) as caught:
        writer.read_prefix("🎵")
    for suggestion in caught.value.suggestions:
        assert writer.read_prefix(suggestion).text == suggestion


def test_where_no_line_begins_in_chinese_single_characters_are_suggested() -> None:
    writer = Writer(make_checkpoint(text="la la\nla\n" * 50))
    with pytest.raises(PrefixUnknown) as caught:
        writer.read_prefix("🎵")
    assert caught.value.suggestions == ("a", "l")
    for suggestion in caught.value.suggestions:
        assert writer.read_prefix(suggestion).text == suggestion


def test_characters_that_were_only_held_out_are_named_and_never_written() -> None:
    writer = Writer(replace(make_checkpoint(), unseen="雨开"))
    assert writer.read_prefix("分开雨") == Prefix("分", skipped="开雨")
    with pytest.raises(PrefixUnknown) as caught:
        writer.read_prefix("雨")
    assert caught.value.suggestions
    assert not set("".join(caught.value.suggestions)) & set("雨开")
    wild = Decoding(temperature=10.0, lines=20)
    assert not set(writer.write(Prefix("分"), seed=1, decoding=wild).text) & set("雨开")


# What is written


@pytest.mark.parametrize("text", [TEXT, SPACED], ids=["without a space", "with a space"])
@given(
    model=st.integers(0, 20),
    seed=st.integers(0, 1000),
    temperature=st.sampled_from([0.0, 0.3, 0.6, 1.0, 5.0]),
    lines=st.integers(1, 8),
)
@settings(max_examples=40, deadline=None)
def test_a_lyric_has_its_lines_and_no_empty_one_and_no_doubled_space(
    text: str, model: int, seed: int, temperature: float, lines: int
) -> None:
    writer = Writer(make_checkpoint(seed=model, text=text))
    decoding = Decoding(temperature=temperature, lines=lines)
    lyric = writer.write(writer.read_prefix("分开"), seed=seed, decoding=decoding)
    written = lyric.text.split("\n")
    assert len(written) == lines
    assert all(1 <= len(line.replace(" ", "")) <= MAX_LINE for line in written)
    assert not any(line.startswith(" ") or "  " in line for line in written)
    assert all(c in writer.vocabulary for c in lyric.text)
    assert lyric.decoding == decoding


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_mark_for_unknown_characters_is_never_written(temperature: float) -> None:
    writer = chain("分开", "开雨", "雨\n", "\n分", unknown=200.0)  # what it likes best by far
    for decoding in (
        Decoding(temperature=temperature, lines=3),
        Decoding(temperature=temperature, characters=50),
    ):
        lyric = writer.write(writer.read_prefix("分"), seed=1, decoding=decoding)
        assert lyric.text.startswith("分开雨\n分开雨\n分开雨")


def test_a_lyric_of_characters_has_that_many_after_its_prefix() -> None:
    writer = Writer(make_checkpoint(recipe=SMALL_ARTICLE))
    for characters in (0, 1, 50, 200):
        decoding = Decoding(temperature=0.7, characters=characters)
        lyric = writer.write(writer.read_prefix("分开"), seed=3, decoding=decoding)
        assert len(lyric.text) == 2 + characters


def test_a_line_that_never_ends_is_ended_at_forty_characters() -> None:
    writer = chain("分开", "开分", "\n分", "雨雨")
    text = writer.write(writer.read_prefix("分"), seed=0, decoding=LIKELIEST).text
    assert text == "\n".join(["分开" * 20] * 8)
    long = writer.write(writer.read_prefix("雨" * 50), seed=0, decoding=LIKELIEST).text
    assert long == "\n".join(["雨" * 50] + ["分开" * 20] * 7)
    alone = replace(LIKELIEST, lines=1)
    assert writer.write(writer.read_prefix("雨" * 50), seed=0, decoding=alone).text == "雨" * 50


def test_a_line_that_is_ended_for_its_length_does_not_end_with_a_space() -> None:
    writer = chain("分 ", " 分", "\n分")
    text = writer.write(writer.read_prefix("分"), seed=0, decoding=LIKELIEST).text
    assert all(line == line.strip() for line in text.split("\n"))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_after_a_line_end_or_a_space_neither_follows(temperature: float) -> None:
    decoding = Decoding(temperature=temperature, lines=3)
    ends = chain("分\n", "\n\n开", "开\n")
    assert ends.write(ends.read_prefix("分"), seed=0, decoding=decoding).text == "分\n开\n开"
    spaces = chain("分 ", "  开", "开\n", "\n 分")
    written = spaces.write(spaces.read_prefix("分"), seed=0, decoding=decoding).text
    assert written == "分 开\n分 开\n分 开"
    before_end = chain("分 ", " \n开", "开\n", "\n分")
    written = before_end.write(before_end.read_prefix("分"), seed=0, decoding=decoding).text
    assert written == "分 开\n分 开\n分 开"


def test_the_same_seed_writes_the_same_and_another_writes_another() -> None:
    for recipe in (SMALL, SMALL_ARTICLE):
        writer = Writer(make_checkpoint(recipe=recipe))
        prefix = writer.read_prefix("分开")
        decoding = replace(recipe.decoding, temperature=0.8)
        texts = [writer.write(prefix, seed=s, decoding=decoding).text for s in (1, 1, 2, 3)]
        assert texts[0] == texts[1]
        assert len(set(texts)) == 3


def test_another_writer_of_the_same_model_writes_the_same() -> None:
    one, two = Writer(make_checkpoint(seed=4)), Writer(make_checkpoint(seed=4))
    assert one.write(one.read_prefix("月光"), seed=9) == two.write(two.read_prefix("月光"), seed=9)


def test_at_temperature_zero_every_seed_writes_the_same() -> None:
    writer = Writer(make_checkpoint())
    prefix = writer.read_prefix("分开")
    assert len({writer.write(prefix, seed=s, decoding=LIKELIEST).text for s in range(5)}) == 1


def test_its_recipe_says_how_it_writes_unless_told_otherwise() -> None:
    writer = Writer(make_checkpoint())
    lyric = writer.write(writer.read_prefix("分开"), seed=0)
    assert lyric.decoding == DEFAULT.decoding
    assert lyric.text.count("\n") == 7


def test_lines_are_refused_by_a_model_that_learned_no_line_ends() -> None:
    writer = Writer(make_checkpoint(recipe=SMALL_ARTICLE))
    with pytest.raises(DecodingError, match="recipe article learned no line ends"):
        writer.write(writer.read_prefix("分开"), seed=0, decoding=LIKELIEST)


def test_threads_that_share_a_writer_write_what_each_would_alone() -> None:
    writer = Writer(make_checkpoint(text=SPACED))
    jobs = [(writer.read_prefix(p), s) for p in ("分开", "月", "雨落") for s in range(12)]
    alone = [writer.write(prefix, seed=seed) for prefix, seed in jobs]
    with ThreadPoolExecutor(8) as pool:
        shared = list(pool.map(lambda job: writer.write(job[0], seed=job[1]), jobs))
    assert shared == alone
    assert len({lyric.text for lyric in alone}) > 30


@networks
def test_writing_leaves_the_weights_as_they_were(network: Network) -> None:
    checkpoint = make_checkpoint(recipe=replace(SMALL, network=network))
    before = checkpoint.to_bytes()
    writer = Writer(replace(checkpoint, unseen="雨"))
    for seed in range(3):
        writer.write(writer.read_prefix("分开"), seed=seed)
    assert checkpoint.to_bytes() == before


# Many at once


def one_by_one(
    writer: Writer, prefixes: Sequence[Prefix], seeds: Sequence[int], decoding: Decoding | None
) -> list[Lyric]:
    jobs = zip(prefixes, seeds, strict=True)
    return [writer.write(prefix, seed=seed, decoding=decoding) for prefix, seed in jobs]


@networks
@pytest.mark.parametrize("temperature", [0.0, 0.8], ids=["likeliest", "drawn"])
@pytest.mark.parametrize("characters", [None, 30], ids=["lines", "characters"])
def test_many_at_once_are_what_each_is_alone_in_their_order(
    network: Network, temperature: float, characters: int | None
) -> None:
    recipe = replace(SMALL, network=network)
    writer = Writer(make_checkpoint(seed=2, recipe=recipe, text=SPACED))
    typed = ["分开", "月", "雨落 不等", "分开", "光照 进", "月光", "分" * 50, "开"] * 3
    prefixes = [writer.read_prefix(one) for one in typed]
    seeds = [i % 9 for i in range(len(typed))]
    decoding = Decoding(temperature=temperature, lines=4, characters=characters)
    together = writer.write_many(prefixes, seeds=seeds, decoding=decoding)
    assert together == one_by_one(writer, prefixes, seeds, decoding)
    assert [lyric.prefix for lyric in together] == [prefix.text for prefix in prefixes]
    assert [lyric.seed for lyric in together] == seeds
    assert all(lyric.decoding == decoding for lyric in together)
    assert len({lyric.text for lyric in together}) > len(set(typed)) * (temperature > 0)


def test_beside_one_that_ends_early_and_one_that_ends_late_a_lyric_is_the_same() -> None:
    writer = chain("雨\n", "\n雨", "分开", "开分")
    typed = ["雨", "分", "雨", "分分分", "雨"]
    prefixes = [writer.read_prefix(one) for one in typed]
    texts = [one.text for one in writer.write_many(prefixes, seeds=range(5), decoding=LIKELIEST)]
    lines = "\n".join(["雨"] * 7)
    assert texts == [
        f"雨\n{lines}",
        f"{'分开' * 20}\n{lines}",
        f"雨\n{lines}",
        f"分分{'分开' * 19}\n{lines}",
        f"雨\n{lines}",
    ]


@pytest.mark.parametrize("equally_long", [True, False])
@pytest.mark.parametrize("number", [BATCH, BATCH + 1, 2 * BATCH + 44])
def test_more_than_fit_a_batch_are_all_written_in_their_order(
    number: int, equally_long: bool
) -> None:
    writer = Writer(make_checkpoint())
    typed = ["分开", "月光", "雨落"] if equally_long else ["分开", "月", "我把歌"]
    prefixes = [writer.read_prefix(typed[i % 3]) for i in range(number)]
    seeds = [1000 + i for i in range(number)]
    decoding = Decoding(temperature=0.8, lines=2)
    lyrics = writer.write_many(prefixes, seeds=seeds, decoding=decoding)
    assert [(lyric.prefix, lyric.seed) for lyric in lyrics] == [
        (prefix.text, seed) for prefix, seed in zip(prefixes, seeds, strict=True)
    ]
    some = [0, 1, BATCH - 1, *range(BATCH, number)][:30]
    alone = one_by_one(writer, [prefixes[i] for i in some], [seeds[i] for i in some], decoding)
    assert [lyrics[i] for i in some] == alone


@pytest.mark.parametrize("recipe", [SMALL, SMALL_ARTICLE], ids=["lines", "characters"])
def test_of_nothing_nothing_is_written(recipe: Recipe) -> None:
    assert Writer(make_checkpoint(recipe=recipe)).write_many([], seeds=[]) == []


def test_many_are_written_as_the_recipe_says_unless_told_otherwise() -> None:
    writer = Writer(make_checkpoint())
    prefixes = [writer.read_prefix("分开")] * 3
    lyrics = writer.write_many(prefixes, seeds=[1, 2, 1])
    assert lyrics == one_by_one(writer, prefixes, [1, 2, 1], None)
    assert lyrics[0] == lyrics[2] != lyrics[1]
    assert {lyric.decoding for lyric in lyrics} == {DEFAULT.decoding}


def test_many_of_lines_are_refused_by_a_model_that_learned_no_line_ends() -> None:
    writer = Writer(make_checkpoint(recipe=SMALL_ARTICLE))
    with pytest.raises(DecodingError, match="recipe article learned no line ends"):
        writer.write_many([Prefix("分开")] * 2, seeds=[0, 1], decoding=LIKELIEST)
