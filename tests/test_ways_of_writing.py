"""Guards, sizes, rhymes and candidates: what a lyric keeps to, whatever the model would rather."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from factories import SMALL, make_checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import AcrosticImpossible, DecodingError
from core.lyrics.chance import Chance
from core.lyrics.checkpoint import weight_shapes
from core.lyrics.copies import Copies, Guard, bare
from core.lyrics.decoding import Decoding
from core.lyrics.desk import BUSY_BEAM
from core.lyrics.form import BEAM, Form
from core.lyrics.recipe import DEFAULT
from core.lyrics.rhyme import Scheme, rhyming
from core.lyrics.score import score
from core.lyrics.sheet import Alphabet, Sheet
from core.lyrics.vocabulary import Vocabulary
from core.lyrics.writer import Lyric, Writer

PLAIN = Decoding(temperature=0.8, lines=8, line_least=3, line_most=9)


def written(writer: Writer, way: Decoding, seed: int = 0, prefix: str = "分开") -> Lyric:
    return writer.write(writer.read_prefix(prefix), seed=seed, decoding=way)


@pytest.fixture(scope="module")
def parrot() -> Writer:
    """A model that writes nothing but its corpus, which has each character once."""
    text = "分开不我你的人在有一来他这上着个到说们为子和地出道也时年得就那要下以生会自去\n"
    checkpoint = make_checkpoint(recipe=SMALL, text=text)
    size = len(checkpoint.vocabulary)
    network = replace(SMALL.network, num_hiddens=size)
    codes = checkpoint.vocabulary.encode(text)
    follows = np.zeros((size, size), np.float32)
    for one, two in zip(codes, [*codes[1:], codes[0]], strict=True):
        follows[one, two] = 9.0
    shapes = weight_shapes(network, size)
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    weights["W_xh"] = np.eye(size, dtype=np.float32) * 20  # what was read, and nothing before
    weights["W_hq"] = follows
    recipe = replace(SMALL, network=network)
    copies = Copies(text)
    return Writer(replace(checkpoint, recipe=recipe, weights=weights, copies=copies))


@pytest.mark.parametrize("limit", [1, 3, 7])
@pytest.mark.parametrize("seed", range(10))
def test_no_run_is_longer_than_allowed(parrot: Writer, limit: int, seed: int) -> None:
    way = replace(PLAIN, max_run=limit, lines=5)
    lyric = written(parrot, way, seed)
    assert lyric.copied is not None
    assert lyric.copied.longest <= limit
    assert written(parrot, replace(way, max_run=0), seed).copied.longest > limit  # type: ignore[union-attr]


def test_a_run_does_not_go_on_from_a_prefix(parrot: Writer) -> None:
    lyric = written(parrot, replace(PLAIN, max_run=7), prefix="分开不我你的人在")
    assert lyric.text[8] != "有"


@pytest.mark.parametrize("seed", range(10))
def test_a_run_does_not_go_on_into_the_next_line_of_an_acrostic(parrot: Writer, seed: int) -> None:
    way = replace(PLAIN, max_run=7, line_least=5, acrostic="分在说不", lines=4, temperature=0.1)
    lyric = written(parrot, way, seed)  # as the corpus goes on, but for its breaks
    assert [line[0] for line in lyric.text.split("\n")] == [*"分在说不"]
    assert lyric.copied is not None
    assert lyric.copied.longest == 7


@pytest.mark.parametrize("seed", range(60))
def test_a_run_does_not_go_on_where_full_lines_begin_with_what_is_fixed(
    parrot: Writer, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    acrostic = "".join(chance.choice([*"分开不我你的人在有一来他这上着个到说们为"], 12))
    way = Form(None, None, 7, acrostic).apply(DEFAULT.decoding)
    lyric = written(parrot, way, seed, acrostic[0])
    assert [line[0] for line in lyric.text.split("\n")] == [*acrostic]
    assert lyric.copied is not None
    assert lyric.copied.longest <= 7
    assert lyric.copied.originality >= 0.85


def test_what_comes_back_first_was_repeated_and_not_copied() -> None:
    vocabulary = Vocabulary.of("一二三 \n", has_unknown=False)
    guard = Guard(Copies("三一"), 1, vocabulary.characters)
    way = replace(PLAIN, max_run=1, max_repeat=1, temperature=0.0, line_least=9, line_most=20)
    sheet = Sheet(Alphabet.of(vocabulary), [way], ["三三一三二三"], Chance([0], 1), guard=guard)
    space, *rest = vocabulary.encode(" 一二三")
    logits = np.full((1, 5), -np.inf, np.float32)
    logits[0, space] = 0.0
    sheet.next(logits)  # so that the line cannot end
    logits = np.full((1, 5), -np.inf, np.float32)
    logits[0, rest] = 3.0, 2.0, 1.0  # 一 is repeated and copied, 二 and 三 are repeated
    assert vocabulary.decode(sheet.next(logits).tolist()) == "二"


def test_where_all_would_be_copied_the_line_ends() -> None:
    vocabulary = Vocabulary.of("一二\n", has_unknown=False)
    guard = Guard(Copies("一二一一\n一一二二"), 1, vocabulary.characters)
    way = replace(PLAIN, max_run=1, line_least=3)
    sheet = Sheet(Alphabet.of(vocabulary), [way], ["一"], Chance([0], 1), guard=guard)
    index = sheet.next(np.zeros((1, 3), np.float32))
    assert vocabulary.decode(index.tolist()) == "\n"  # long before three characters


def test_a_full_width_space_is_a_space_and_ends_no_run() -> None:
    vocabulary = Vocabulary.of("一二三四 \u3000\n", has_unknown=False)
    guard = Guard(Copies("一二\u3000三四"), 2, vocabulary.characters)
    way = replace(PLAIN, max_run=2, line_least=1, line_most=4)
    sheet = Sheet(Alphabet.of(vocabulary), [way], ["一"], Chance([0], 1), guard=guard)
    for wanted in "二\u3000":
        logits = np.full((1, 7), -np.inf, np.float32)
        logits[0, vocabulary.encode(wanted)] = 0.0
        assert vocabulary.decode(sheet.next(logits).tolist()) == wanted
    logits = np.full((1, 7), -9.0, np.float32)
    logits[0, vocabulary.encode("三 \u3000\n")] = 9.0  # a run of three, or a second break
    assert vocabulary.decode(sheet.next(logits).tolist()) in "一二四"


@pytest.mark.parametrize("each", [1, 3])
def test_what_a_lyric_has_already_comes_less_often(each: int) -> None:
    writer = Writer(make_checkpoint(text=RHYMING))
    few, many = (
        [
            written(writer, replace(PLAIN, candidates=each, frequency_penalty=penalty), seed, "天")
            for seed in range(10)
        ]
        for penalty in (0.0, 2.0)
    )
    different = [
        [len({*bare(one.text)}) / len(bare(one.text)) for one in some] for some in (few, many)
    ]
    assert sum(different[1]) > 1.2 * sum(different[0])


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("way", [{}, {"candidates": 3}, {"rhyme": "aa", "candidates": 4}])
def test_no_more_than_a_share_is_copied(parrot: Writer, way: dict[str, Any], seed: int) -> None:
    free = replace(PLAIN, temperature=0.3, line_least=4, max_run=7, **way)
    held, freely = (
        written(parrot, replace(free, max_copied=share), seed) for share in (0.15, 1.0)
    )
    assert parrot.checkpoint.copies is not None
    corpus = parrot.checkpoint.copies.text
    assert (
        0 < share_in_runs_of_6(held.text, corpus) <= 0.15 < share_in_runs_of_6(freely.text, corpus)
    )
    assert held.copied is not None
    assert 1 - held.copied.originality == pytest.approx(share_in_runs_of_6(held.text, corpus))


def share_in_runs_of_6(lyric: str, corpus: str) -> float:
    """Counted as plainly as can be; the prefix, two characters, is not counted."""
    written, whole = bare(lyric), bare(corpus)
    copied = [False] * len(written)
    for at in range(len(written) - 5):
        if written[at : at + 6] in whole:
            copied[at : at + 6] = [True] * 6
    return sum(copied[2:]) / len(copied[2:])


@given(seed=st.integers(0, 500), limit=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_no_run_of_its_own_comes_twice(seed: int, limit: int) -> None:
    writer = Writer(make_checkpoint(seed=seed % 7))
    way = replace(PLAIN, max_repeat=limit, temperature=0.2)
    text = bare(written(writer, way, seed).text)
    runs = [text[at : at + limit + 1] for at in range(len(text) - limit)]
    assert len({*runs}) == len(runs)


@given(
    seed=st.integers(0, 500),
    lines=st.integers(1, 9),
    length=st.integers(3, 12),
    each=st.sampled_from([1, 3]),
)
@settings(max_examples=40, deadline=None)
def test_every_line_has_the_length_asked_for(
    seed: int, lines: int, length: int, each: int
) -> None:
    writer = Writer(make_checkpoint(seed=seed % 7))
    way = replace(PLAIN, lines=lines, line_least=length, line_most=length, candidates=each)
    text = written(writer, way, seed).text
    assert [len(bare(line)) for line in text.split("\n")] == [length] * lines


@pytest.mark.parametrize("scheme", ["aa", "abab", "all"])
@pytest.mark.parametrize("beam", [BEAM, BUSY_BEAM])
@pytest.mark.parametrize("decoding", [PLAIN, DEFAULT.decoding], ids=["plain", "default"])
def test_lines_rhyme(scheme: Scheme, beam: int, decoding: Decoding) -> None:
    met, asked = 0, 0
    for seed in range(6):
        writer = Writer(make_checkpoint(seed=seed, text=RHYMING))
        way = replace(Form(scheme, 8, 5).apply(decoding), candidates=beam)
        pairs = rhyming(written(writer, way, seed).text.split("\n"), scheme)
        met, asked = met + pairs[0], asked + pairs[1]
    assert asked >= 6 * 4
    assert met >= 0.95 * asked


def test_candidates_are_the_same_alone_and_beside_others() -> None:
    writer = Writer(make_checkpoint(text=RHYMING))
    prefixes = [writer.read_prefix(one) for one in ("天", "花", "海", "心")]
    for way in (PLAIN, replace(PLAIN, candidates=4), Form("aa", 6).apply(PLAIN)):
        ways = [replace(way, lines=lines) for lines in (2, 6, 4, 3)]
        many = writer.write_many(prefixes, seeds=range(4), decoding=ways)
        for number, lyric in enumerate(many):
            alone = writer.write(prefixes[number], seed=number, decoding=ways[number])
            assert lyric == alone


def test_of_candidates_the_best_is_taken_and_more_are_no_worse() -> None:
    writer = Writer(make_checkpoint(text=RHYMING))
    few, many = (
        [written(writer, replace(PLAIN, candidates=n), seed, "天") for seed in range(20)]
        for n in (1, 8)
    )
    means = [sum(score(one.text, 0.0, one.copied) for one in some) for some in (few, many)]
    assert means[1] > means[0]


def test_what_a_model_cannot_keep_to_is_refused() -> None:
    writer = Writer(make_checkpoint())
    with pytest.raises(AcrosticImpossible, match="龙 凤"):
        written(writer, replace(PLAIN, acrostic="分龙凤龙", lines=4))
    silent = Writer(make_checkpoint(text="ab cd\nef gh\n" * 40))
    with pytest.raises(DecodingError, match="rhyme"):
        written(silent, replace(PLAIN, rhyme="aa"), prefix="ab")


def test_a_model_of_before_writes_without_a_guard_and_tells_nothing() -> None:
    writer = Writer(replace(make_checkpoint(), copies=None))
    lyric = written(writer, replace(PLAIN, max_run=7))
    assert lyric.copied is None


RHYMING = (
    "天边年前\n花家下他\n海来开爱\n心人门分\n风声灯梦\n远方光忘\n走手秋楼\n"
    "路雨树苦\n笑桥好早\n月夜街雪\n歌我河过\n一你里起\n水美飞泪\n"
) * 20
