"""What the votes say, in the terminal: in short, step by step, or as JSON."""

import json
import math
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from bot.rendering import standings_message, without_markup
from bot.services import Services
from bot.texts import texts_for
from core.arena.bets import ACCOUNTS, CALLED, CAP, SHARES, TILTS, log_parts, mirrored
from core.arena.standings import Standings, recount_all
from core.arena.sums import CROWD, DECIDED, FAST, HOUR, ONE_SIDED, Sums
from core.arena.verdict import Estimate, Share, Verdict, verdict_of, worth
from core.lyrics.recipe import SAMPLERS


async def show_stats(
    services: Services, console: Console, *, explain: bool, as_json: bool, anew: bool
) -> None:
    """Show the standing; `anew`: make all sums anew of the votes before."""
    if anew:
        await recount_all(services.store, services.now())
        Console(stderr=True).print("All sums were made anew of the votes.")
    standings = await services.contest.standings()
    if as_json:
        console.print_json(json.dumps(told(standings), allow_nan=False))
    else:
        console.print(without_markup(standings_message(standings, texts_for("en"))))
        if explain:
            explain_verdict(standings, console)


def told(standings: Standings) -> dict[str, Any]:
    """All that is shown, for machines. Shares are random's; intervals are of 95 %."""
    release = standings.release
    return {
        "release": release and release.number,
        "corpus": release and release.corpus_name,
        "recipe": release and release.recipe_name,
        "verdict": _verdict(standings.verdict),
        "votes": asdict(standings.current),
        "flags": {name: getattr(standings.sums, name) for name in ("fast", "one_sided", "crowds")},
        "pairs": asdict(standings.pairs),
        "releases": {
            number: {"votes": asdict(sums.standing), "verdict": _verdict(verdict_of(sums))}
            for number, sums in standings.by_release.items()
        },
        "all": asdict(standings.all_time),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        name: {"share": value.share, **asdict(value)} if isinstance(value, Share) else value
        for name, value in vars(verdict).items()
    }


def explain_verdict(standings: Standings, console: Console) -> None:
    """Show how the verdict on the current release came about, step by step."""
    sums, verdict = standings.sums, standings.verdict
    for number, step in enumerate(
        (_what_counts, _the_bets, _the_call, _every_vote, _sides, _flags, _pairs), 1
    ):
        console.rule(f"{number}", align="left")
        step(sums, verdict, standings, console)


def _what_counts(sums: Sums, verdict: Verdict, _: Standings, console: Console) -> None:
    minutes = int(HOUR.total_seconds() / 60)
    console.print(
        f"What counts. {sums.votes:,} votes are for one of the two; neither ({sums.neither:,}) "
        f"says nothing about which. A duel gives one vote, its first that counts; a person their "
        f"first {CAP} such votes, within {minutes} minutes of the first: {sums.counted:,} votes. "
        f"People are settled in the order of their first one: {verdict.people:,} are, "
        f"{verdict.waiting:,} may still vote."
    )
    table = Table("votes", *map(str, range(CAP + 1)), box=None)
    scores = {(one.votes, one.wins): people for one, people in sums.ledger.scores.items()}
    for votes in range(1, CAP + 1):
        row = (str(scores.get((votes, wins), 0)) for wins in range(votes + 1))
        table.add_row(str(votes), *row)
    console.print("People by how many of their votes count, and how many are for random:", table)


def _the_bets(sums: Sums, verdict: Verdict, _: Standings, console: Console) -> None:
    console.print(
        f"The bets. For each sampler somebody bets that its share is above one half. A bet stakes "
        f"the part T on each person, whose votes multiply what is there by "
        f"1 + T (wins - votes / 2) / ({CAP} / 2). Several bets are made, each with its part of "
        f"the first stake of 1. If the share is one half or less, the sum reaches {CALLED:g} with "
        f"probability 1/{CALLED:g} at most, however often one looks (Ville 1939)."
    )
    table = Table("T", "of the stake", *(f"on {name}" for name in SAMPLERS), box=None)
    sides = [log_parts(side) for side in (sums.ledger.scores, mirrored(sums.ledger.scores))]
    for tilt, share, *parts in zip(TILTS, SHARES, *sides, strict=True):
        table.add_row(f"{tilt:g}", f"{share:g}", *map(_amount, parts))
    table.add_row("sum", "1", *(_amount(verdict.log_wealth[name]) for name in SAMPLERS))
    console.print(table)


def _the_call(_sums: Sums, verdict: Verdict, _: Standings, console: Console) -> None:
    if verdict.winner is None:
        console.print(f"The call. Neither sum has ever reached {CALLED:g}: nothing is called.")
    else:
        console.print(
            f"The call. {verdict.winner}, after {verdict.people_at_call:,} people; once is for "
            f"ever. Accounts whose votes had to be left out to undo it, at its best moment: "
            f"{verdict.fewest:,}. So it would {'stand' if verdict.holds else 'not stand'} without "
            f"the votes of {'any' if verdict.holds else 'some'} {ACCOUNTS}."
        )
    if verdict.turned:
        console.print("Those who came later like the other better.")
    if verdict.counted is not None:
        console.print(
            f"Random's share of the counted votes: {_said(verdict.counted)}. The interval holds "
            "all shares that no such bet refutes by now, at every look."
        )


def _every_vote(sums: Sums, verdict: Verdict, _: Standings, console: Console) -> None:
    if verdict.plain is None:
        console.print("Every vote. There is none for one of the two yet.")
        return
    many = worth(sums.random, sums.votes, sums.by_duel, sums.by_person)
    console.print(
        f"Every vote. Random's share is {_said(verdict.plain)}. Votes on one duel, and votes of "
        f"one person, are alike: {sums.votes:,} count as {many:,.1f} independent ones. The "
        "interval is right for one look, and where many people have voted on many duels."
    )


def _sides(_sums: Sums, verdict: Verdict, _: Standings, console: Console) -> None:
    picked = "in no vote yet" if verdict.lefts is None else f"in {_said(verdict.lefts)}"
    console.print(f"Sides. The left lyric was picked {picked}.")
    for what, share in (
        ("Random stood on the left in", verdict.stood_left),
        ("On the left random won", verdict.on_left),
        ("On the right random won", verdict.on_right),
    ):
        if share is not None:
            console.print(f"{what} {share.share:.1%}, {share.wins:,} of {share.votes:,}.")


def _flags(sums: Sums, _verdict: Verdict, _: Standings, console: Console) -> None:
    console.print(
        f"What looks odd, and counts all the same. Votes within {FAST.total_seconds():g} s of the "
        f"duel: {sums.fast:,}. People with {ONE_SIDED} votes or more, all for one side: "
        f"{sums.one_sided:,}. Duels on which {CROWD} people or more voted for the first time: "
        f"{sums.crowds:,}."
    )


def _pairs(_sums: Sums, _verdict: Verdict, standings: Standings, console: Console) -> None:
    pairs = standings.pairs
    leads = ", ".join(f"{name} leads {number}" for name, number in pairs.leads.items())
    end = (
        f"{pairs.winner} is the better way of sampling."
        if pairs.winner
        else f"Still needed at least: {pairs.pairs_needed} pairs that agree, "
        f"{pairs.votes_needed:,} votes."
    )
    console.print(
        f"The sampler itself. All of this is about one draw of the weights. A pair of models is "
        f"one observation, once {DECIDED} counted votes say which of its two leads; over all "
        f"pairs of this corpus and recipe, with seeds of their own, the same bets are made, one "
        f"vote each: {leads}. {end} The same people may decide several pairs: it is about what "
        "they like, and not proof against stuffing."
    )


def _amount(log: float) -> str:
    """What has this natural logarithm, however large."""
    tens = log / math.log(10)
    return f"{math.exp(log):.4g}" if tens < 6 else f"10^{tens:.1f}"


def _said(estimate: Estimate) -> str:
    low, high = estimate.interval.low, estimate.interval.high
    return (
        f"{estimate.share:.1%} ({low:.1%} to {high:.1%}), {estimate.wins:,} of {estimate.votes:,}"
    )
