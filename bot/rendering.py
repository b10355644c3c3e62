"""Turns what the contest says into messages. All text from models and people is escaped here."""

from html import escape

from bot.texts import Texts
from core.arena.contest import Duel, Standings, Vote
from core.arena.verdict import Standing

OPENING = "分开"  # the article's own prefix, in every example


def duel_message(duel: Duel, texts: Texts) -> str:
    """Both lyrics and the question, in HTML."""
    parts = [
        texts.duel.format(
            prefix=escape(duel.prefix), text_1=escape(duel.text_1), text_2=escape(duel.text_2)
        )
    ]
    if duel.skipped:
        parts.append(f"<i>{texts.skipped.format(characters=escape(' '.join(duel.skipped)))}</i>")
    return "\n\n".join([*parts, texts.duel_question])


def voted_message(duel: Duel, vote: Vote, texts: Texts) -> str:
    """The duel with its reveal, for the private chat of who voted."""
    return f"{duel_message(duel, texts)}\n\n<b>{escape(vote_reveal(vote, texts))}</b>"


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
    if vote.counted is None:
        parts.append(texts.closed)
    elif vote.counted != vote.choice:
        parts.append(texts.changed.format(counted=vote.counted))
    return "\n".join(parts)


def standings_message(standings: Standings, texts: Texts) -> str:
    """What the votes say, on the current release and on all."""
    if standings.all_time.votes + standings.all_time.neither == 0:
        return texts.stats_no_votes.format(opening=OPENING)
    parts = []
    if standings.release is not None:
        title = texts.stats_release.format(
            number=standings.release.number,
            corpus=escape(standings.release.corpus_name),
            recipe=escape(standings.release.recipe_name),
        )
        parts.append(_standing(title, standings.current, texts))
    if standings.all_time != standings.current or not parts:
        parts.append(_standing(texts.stats_all, standings.all_time, texts))
    return "\n\n".join(parts)


def _standing(title: str, standing: Standing, texts: Texts) -> str:
    lines = [
        f"<b>{title}</b>",
        texts.stats_wins.format(
            random=texts.random,
            wins_random=standing.random,
            consecutive=texts.consecutive,
            wins_consecutive=standing.consecutive,
            neither=standing.neither,
        ),
        *_sentence(standing, texts),
        texts.stats_marks.format(
            encores=standing.encores, likes=standing.likes, people=standing.people
        ),
    ]
    return "\n".join(lines)


def _sentence(standing: Standing, texts: Texts) -> list[str]:
    """The plain sentence, on the sampler that is ahead; none before the first vote."""
    ahead = standing.ahead
    share, interval = standing.share(ahead), standing.interval(ahead)
    if share is None or interval is None:
        return []
    sentence = texts.stats_leads if standing.leader else texts.stats_too_early
    return [
        sentence.format(
            sampler=texts.sampler(ahead),
            share=round(100 * share),
            low=round(100 * interval.low),
            high=round(100 * interval.high),
            votes=standing.votes,
        )
    ]
