"""Turns what the contest says into messages. All text from models and people is escaped here."""

import re
from html import escape, unescape
from typing import TypeVar

from bot.texts import Texts
from core.arena.answers import Vote
from core.arena.bets import ACCOUNTS
from core.arena.boards import Board, Tally
from core.arena.duel import Duel, Reveal
from core.arena.standings import Standings
from core.arena.sums import Standing
from core.arena.verdict import Estimate, Share, Verdict
from core.lyrics.recipe import SAMPLERS, Sampler
from core.lyrics.script import to_script

NAME = 24  # characters
S = TypeVar("S", bound=Share)
TAG = re.compile(r"</?[a-z][^<>]*>")
OPENING = "分开"  # the article's own prefix


def duel_message(duel: Duel, texts: Texts, *, traditional: bool = False) -> str:
    """Both lyrics and the question, in HTML; `traditional` are the characters of the lyrics."""
    return f"{_lyrics(duel, texts, traditional=traditional)}\n\n{texts.duel_question}"


def voted_message(vote: Vote, texts: Texts, *, traditional: bool = False) -> str:
    """The duel with its reveal, for the private chat of who voted."""
    duel = duel_message(vote.duel, texts, traditional=traditional)
    return f"{duel}\n\n<b>{escape(vote_reveal(vote, texts))}</b>"


def board_message(
    duel: Duel,
    texts: Texts,
    *,
    voters: int = 0,
    traditional: bool = False,
) -> str:
    """The duel as many people see it: how many voted, never how."""
    lyrics = _lyrics(duel, texts, traditional=traditional)
    counted = f"\n{texts.board_voters.format(voters=voters)}" if voters else ""
    return f"{lyrics}\n\n{texts.board_question}{counted}"


def result_message(
    duel: Duel, reveal: Reveal, tally: Tally, texts: Texts, *, traditional: bool = False
) -> str:
    """The duel once it is closed: who wrote which, and what people said."""
    lines = [
        f"<b>{texts.result_title}</b>",
        *(
            texts.result_side.format(side=side, sampler=texts.sampler(sampler), votes=votes)
            for side, sampler, votes in (
                (1, reveal.sampler_1, tally.one),
                (2, reveal.sampler_2, tally.two),
            )
        ),
        texts.result_neither.format(votes=tally.neither),
        texts.result_marks.format(encores=tally.encores, likes=tally.likes),
        *_originality(duel, texts),
    ]
    return "\n".join([_lyrics(duel, texts, traditional=traditional), "", *lines])


def shown_on(board: Board, texts: Texts) -> str:
    """What a board is to show now."""
    if board.reveal is not None:
        return result_message(
            board.duel, board.reveal, board.tally, texts, traditional=board.traditional
        )
    return board_message(
        board.duel, texts, voters=board.tally.voters, traditional=board.traditional
    )


def in_script(text: str, *, traditional: bool) -> str:
    """A lyric in the characters that people chose; as it was written, unless traditional."""
    return to_script(text, "hant") if traditional else text


def duration(seconds: int, texts: Texts) -> str:
    """A time to wait, rounded up to what a person would say."""
    for size, said in ((3600, texts.hours), (60, texts.minutes)):
        if seconds > 2 * size:
            return said.format(n=-(-seconds // size))
    return texts.seconds.format(n=max(1, seconds))


def _lyrics(duel: Duel, texts: Texts, *, traditional: bool) -> str:
    sides = [escape(in_script(t, traditional=traditional)) for t in (duel.text_1, duel.text_2)]
    asked = " ".join([duel.form.acrostic or duel.prefix, duel.form.words]).strip()
    prefix = escape(in_script(asked, traditional=traditional))
    shown = texts.duel.format(prefix=prefix, text_1=sides[0], text_2=sides[1])
    if duel.skipped:
        unknown = in_script(" ".join(duel.skipped), traditional=traditional)
        left_out = texts.skipped.format(characters=escape(unknown))
        return f"{shown}\n\n<i>{left_out}</i>"
    return shown


def vote_reveal(vote: Vote, texts: Texts) -> str:
    """Which sampler wrote which, and what the person chose; plain, at most 200 characters."""
    chosen = vote.reveal.winner(vote.choice)
    parts = [
        texts.chose_side.format(choice=vote.choice, sampler=texts.sampler(chosen))
        if chosen
        else texts.chose_neither,
        texts.reveal.format(
            sampler_1=texts.sampler(vote.reveal.sampler_1),
            sampler_2=texts.sampler(vote.reveal.sampler_2),
        ),
    ]
    parts += _originality(vote.duel, texts)
    if vote.counted is None:
        parts.append(texts.closed)
    elif vote.counted != vote.choice:
        counted = str(vote.counted) if vote.counted else texts.neither
        parts.append(texts.changed.format(counted=counted))
    return "\n".join(parts)


def _originality(duel: Duel, texts: Texts) -> list[str]:
    """How much of each lyric was not copied, where that is known."""
    one, two = duel.originality
    if one is None or two is None:
        return []
    return [texts.originality.format(one=f"{one:.0%}", two=f"{two:.0%}")]


def standings_message(standings: Standings, texts: Texts) -> str:
    """What the votes say, on the current release's models and on all; in HTML."""
    if standings.all_time.votes + standings.all_time.neither == 0:
        return texts.stats_no_votes.format(opening=texts.opening)
    parts = []
    if standings.release is not None:
        title = texts.stats_release.format(
            number=standings.release.number,
            corpus=escape(_in_short(standings.release.corpus_name)),
            recipe=escape(standings.release.recipe_name),
        )
        parts.append(_standing(title, standings.current, texts, standings.verdict))
        parts.append(f"<blockquote expandable>{_in_depth(standings, texts)}</blockquote>")
    if standings.all_time != standings.current or not parts:
        parts.append(_standing(texts.stats_all, standings.all_time, texts))
    return "\n\n".join(parts)


def _in_short(name: str) -> str:
    """A name as a caption has room for it."""
    return name if len(name) <= NAME else f"{name[: NAME - 1]}…"


def without_markup(html: str) -> str:
    """A message as plain text."""
    return unescape(TAG.sub("", html))


def _standing(title: str, standing: Standing, texts: Texts, verdict: Verdict | None = None) -> str:
    lines = [
        f"<b>{title}</b>",
        *_verdict(verdict, texts),
        texts.stats_wins.format(
            random=texts.random,
            wins_random=standing.random,
            consecutive=texts.consecutive,
            wins_consecutive=standing.consecutive,
            neither=standing.neither,
        ),
        *_plainly(verdict, texts),
        texts.stats_marks.format(
            encores=standing.encores, likes=standing.likes, people=standing.people
        ),
    ]
    return "\n".join(lines)


def _verdict(verdict: Verdict | None, texts: Texts) -> list[str]:
    """Who writes better, and what that is worth."""
    if verdict is None:
        return []
    if verdict.plain is None:
        return [texts.stats_none_chosen]
    ahead = texts.sampler(verdict.ahead)
    if verdict.winner is not None:
        worth = texts.stats_holds if verdict.holds else texts.stats_undone
        return [
            texts.stats_called.format(sampler=ahead, people=verdict.people_at_call),
            worth.format(accounts=ACCOUNTS, fewest=verdict.fewest),
            *([texts.stats_turned] if verdict.turned else []),
        ]
    if verdict.counted is None:
        return [texts.stats_nobody_settled]
    shown = _percent(_of(verdict.ahead, verdict.counted))
    said = texts.stats_even if verdict.counted.is_even else texts.stats_open
    return [said.format(sampler=ahead, people=verdict.people, **shown)]


def _plainly(verdict: Verdict | None, texts: Texts) -> list[str]:
    if verdict is None or verdict.plain is None:
        return []
    plain = verdict.plain
    most: Sampler = SAMPLERS[2 * plain.wins < plain.votes]
    said = _percent(_of(most, plain))
    return [texts.stats_plain.format(sampler=texts.sampler(most), **said)]


def _in_depth(standings: Standings, texts: Texts) -> str:
    """What stands beside a verdict: sides, what looks odd, and whether it is about samplers."""
    verdict, sums, pairs = standings.verdict, standings.sums, standings.pairs
    lines = []
    if verdict.lefts is not None:
        one, two = (
            texts.stats_side.format(
                sampler=texts.sampler(name),
                left=_whole(on_left and _of(name, on_left)),
                right=_whole(on_right and _of(name, on_right)),
            )
            for name, on_left, on_right in (
                (SAMPLERS[0], verdict.on_left, verdict.on_right),
                (SAMPLERS[1], verdict.on_right, verdict.on_left),
            )
        )
        said = _percent(verdict.lefts)
        lines.append(texts.stats_sides.format(one=one, two=two, **said))
    flags = [
        text.format(n=number)
        for text, number in (
            (texts.stats_fast, sums.fast),
            (texts.stats_one_sided, sums.one_sided),
            (texts.stats_crowds, sums.crowds),
        )
        if number
    ]
    if flags:
        lines.append(texts.stats_flags.format(flags=texts.comma.join(flags)))
    leads = {
        "random": texts.random,
        "leads_random": pairs.leads["random"],
        "consecutive": texts.consecutive,
        "leads_consecutive": pairs.leads["consecutive"],
    }
    if pairs.winner is not None:
        winner = texts.sampler(pairs.winner)
        lines.append(texts.stats_pairs_called.format(sampler=winner, **leads))
    else:
        needed = {"pairs": pairs.pairs_needed, "votes": pairs.votes_needed}
        lines.append(texts.stats_pairs.format(**leads, **needed))
    return "\n".join(lines)


def _of(sampler: Sampler, random: S) -> S:
    """A sampler's share, of what is random's."""
    return random if sampler == "random" else random.mirrored


def _whole(share: Share | None) -> str:
    return "–" if share is None else f"{100 * share.share:.0f}%"


def _percent(estimate: Estimate) -> dict[str, object]:
    low, high = estimate.interval.low, estimate.interval.high
    parts = {"share": estimate.share, "low": low, "high": high}
    return {name: f"{100 * part:.0f}" for name, part in parts.items()} | {"votes": estimate.votes}
