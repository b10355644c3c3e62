"""Every sentence that a person reads in the chat, one file a language.

A sentence's blanks are written {so}; the languages must agree on them, which a test holds.
"""

from dataclasses import dataclass

from core.lyrics.recipe import Sampler
from core.lyrics.script import is_traditional


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The sentences of one language."""

    # What the commands do, as shown in Telegram's menu
    menu_write: str
    menu_acrostic: str
    menu_stats: str
    menu_help: str
    # Beginning
    start: str
    help: str
    hint: str
    # A duel
    duel: str
    duel_question: str
    skipped: str
    button_neither: str
    button_encore: str
    button_like: str
    # Answers
    reveal: str
    chose_side: str
    chose_neither: str
    neither: str
    changed: str
    closed: str
    originality: str
    encore: str
    encore_again: str
    like: str
    like_again: str
    nothing_to_vote_on: str
    # What goes wrong
    no_release: str
    no_release_admin: str
    already_writing: str
    prefix_empty: str
    prefix_too_long: str
    prefix_unknown: str
    duel_unknown: str
    unknown_command: str
    failure: str
    unavailable: str
    # The standing
    stats_no_votes: str
    stats_release: str
    stats_all: str
    stats_wins: str
    stats_called: str
    stats_holds: str
    stats_undone: str
    stats_turned: str
    stats_open: str
    stats_even: str
    stats_nobody_settled: str
    stats_none_chosen: str
    stats_plain: str
    stats_sides: str
    stats_side: str
    stats_flags: str
    stats_fast: str
    stats_one_sided: str
    stats_crowds: str
    stats_pairs: str
    stats_pairs_called: str
    picture_title: str
    picture_ahead: str
    picture_band: str
    picture_now: str
    picture_releases: str
    picture_release: str
    stats_marks: str
    # What admins do
    menu_retrain: str
    menu_jobs: str
    menu_cancel: str
    menu_releases: str
    menu_use: str
    menu_rollback: str
    help_admin: str
    admins_only: str
    refused: str
    reason_release_unknown: str
    reason_no_release: str
    reason_nothing_before: str
    reason_job_unknown: str
    reason_job_over: str
    reason_no_job: str
    reason_which_job: str
    reason_corpus_unknown: str
    reason_recipe_unknown: str
    reason_corpus_short: str
    retrain_usage: str
    use_usage: str
    cancel_usage: str
    job_running: str
    job_cancelled: str
    release_used: str
    corpus_wanted: str
    corpus_too_large: str
    corpus_added: str
    # A job
    job_title: str
    job_queued: str
    job_waits_for_worker: str
    job_preparing: str
    job_epoch: str
    job_perplexity: str
    job_held_out: str
    job_left: str
    job_judging: str
    job_publishing: str
    job_published: str
    job_failed: str
    job_is_cancelled: str
    job_line: str
    state_queued: str
    state_running: str
    state_published: str
    state_failed: str
    state_cancelled: str
    state_ended: str
    no_jobs: str
    worker_line: str
    no_workers: str
    # Releases
    release_line: str
    releases_title: str
    releases_hint: str
    no_releases: str
    release_column: str
    comparison: str
    figures_alone: str
    held_out_of: str
    training_of: str
    original_of: str
    pairs_of: str
    recipe_of: str
    corpus_of: str
    curves: str
    sample_duel: str
    # Groups, and what many people see
    group_hello: str
    board_voters: str
    board_question: str
    result_title: str
    result_side: str
    result_neither: str
    result_marks: str
    reveal_nothing: str
    not_their_duel: str
    revealed: str
    button_again: str
    button_take: str
    taken_already: str
    button_share: str
    share: str
    duel_shared: str
    duel_over: str
    # Limits, bans
    limit_person_minute: str
    limit_person_day: str
    limit_room_minute: str
    limit_room_day: str
    seconds: str
    minutes: str
    hours: str
    form_lines: str
    form_characters: str
    form_acrostic: str
    form_prefix: str
    no_lines: str
    no_rhymes: str
    acrostic_unknown: str
    acrostic_usage: str
    prefix_banned: str
    nothing_clean: str
    not_allowed: str
    not_anonymously: str
    not_their_words: str  # an admin has forwarded a command, or another bot has written it
    # Languages
    menu_language: str
    language_ask: str
    language_set: str
    group_admins_only: str
    lyrics_simplified: str
    lyrics_traditional: str
    lyrics_set: str
    # Privacy
    menu_privacy: str
    menu_delete_me: str
    privacy: str
    delete_in_private: str
    delete_ask: str
    button_delete: str
    button_keep: str
    deleted: str
    not_deleted: str
    # Reveal, top, news
    menu_reveal: str
    menu_top: str
    menu_news: str
    top_liked: str
    top_sung: str
    top_none: str
    top_link: str
    news_on: str
    news_off: str
    # Inline mode
    inline_duel: str
    inline_duel_about: str
    inline_lyric: str
    inline_busy: str
    inline_unknown: str
    # What the bot is, in Telegram's own places
    description: str
    short_description: str
    # More for admins
    menu_admin: str
    menu_ban: str
    menu_unban: str
    menu_announce: str
    ban_usage: str
    ban_admin: str
    banned: str
    unbanned: str
    not_banned: str
    announce_usage: str
    announce_nobody: str
    announce_ask: str
    button_send: str
    button_do_not: str
    announce_sent: str
    announce_dropped: str
    admin_today: str
    admin_queue: str
    admin_errors: str
    admin_release: str
    admin_no_release: str
    admin_bans: str
    # Words
    language: str
    language_name: str
    opening: str  # the prefix in every example
    random: str
    consecutive: str
    comma: str

    def sampler(self, sampler: Sampler) -> str:
        """The sampler's name."""
        return self.random if sampler == "random" else self.consecutive


LANGUAGES = ("zh-hans", "zh-hant", "en")


def texts_for(language_code: str | None) -> Texts:
    """Chinese first: English is for those whose Telegram speaks another language."""
    from bot.texts import en, zh  # they need the class above

    if language_code is not None and not language_code.startswith("zh"):
        return en.TEXTS
    if language_code is None or not is_traditional(language_code):
        return zh.TEXTS
    from bot.texts import zh_hant  # and this one a dictionary, which takes a while to load

    return zh_hant.TEXTS
