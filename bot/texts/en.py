"""English."""

from bot.texts import Texts

TEXTS = Texts(
    menu_write="Two lyrics to compare, e.g. /write 分开",
    menu_stats="Which sampler writes better lyrics?",
    menu_help="How to play",
    start=(
        "I write Chinese lyrics, two at a time.\n"
        "They come from two models that differ in one thing: in training, one drew its "
        "minibatches by random sampling, the other by consecutive sampling. Which is which you "
        "learn once you have voted.\n\n"
        "Try it: /write {opening}"
    ),
    help=(
        "/write PREFIX   two lyrics that begin with it (up to {limit} characters)\n"
        "/stats   what the votes say so far\n\n"
        "Then press a button, or send a number:\n"
        "1 the first is better   2 the second   0 neither\n"
        "3 I could sing it   👍 like\n"
        "In a group, send the number as a reply to the lyrics. Your first vote in a duel counts."
    ),
    hint="Send /write and a beginning, e.g. /write {opening}",
    duel="🎤 <b>{prefix}</b>\n\n<b>1</b>\n{text_1}\n\n<b>2</b>\n{text_2}",
    duel_question="Which one is better?",
    skipped="(I never learned {characters}; left out)",
    button_neither="0 neither",
    button_encore="3 I could sing it",
    button_like="👍",
    reveal="1 is {sampler_1}, 2 is {sampler_2}.",
    chose_side="You chose {choice}: {sampler}.",
    chose_neither="You chose neither.",
    changed="Your first vote ({counted}) counts; this change is kept beside it.",
    closed="This duel is closed; this vote no longer counts.",
    encore="Noted: you could sing it.",
    encore_again="Already noted: you could sing it.",
    like="Thank you!",
    like_again="You already liked it. Thank you!",
    nothing_to_vote_on="There is nothing to vote on yet. Start with /write {opening}",
    no_release="There is no trained model yet. Please come back in a while.",
    no_release_admin=(
        "There is no trained model yet. On a machine with torch, run:\n"
        "<code>lyricbot train</code>\n"
        "It publishes when done, and I can write at once."
    ),
    already_writing="Your last duel is still being written. It is nearly there.",
    prefix_empty="Give me a beginning, such as /write {opening}",
    prefix_too_long="A beginning has at most {limit} characters, not {length}. Shorten it?",
    prefix_unknown="I never learned {characters}. Try one of these:\n{suggestions}",
    duel_unknown="I cannot find that duel any more. Start another: /write {opening}",
    unknown_command="There is no such command. See /help",
    failure="Something went wrong; it has been noted. Please try again.",
    stats_no_votes="Nobody has voted yet. Cast the first vote: /write {opening}",
    stats_release="📊 Release {number} (corpus {corpus}, recipe {recipe})",
    stats_all="📚 All releases",
    stats_wins="{random} {wins_random}, {consecutive} {wins_consecutive}, neither {neither}",
    stats_leads="{sampler} leads: {share} % [{low}, {high}], {votes} votes",
    stats_too_early="Too early to say: {sampler} {share} % [{low}, {high}], votes: {votes}",
    stats_marks="🎤 could sing {encores}   👍 {likes}   people: {people}",
    random="random sampling",
    consecutive="consecutive sampling",
    comma=", ",
)
