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
        "There is no trained model yet. Send /retrain to train one, or see /jobs for how far it "
        "is. It publishes itself, and I can write at once."
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
    menu_retrain="Train new models",
    menu_jobs="Jobs and workers",
    menu_cancel="Cancel a job",
    menu_releases="What was published",
    menu_use="Let a release write, e.g. /use 3",
    menu_rollback="Back to the release before",
    help_admin=(
        "For admins:\n"
        "/retrain corpus=NAME recipe=NAME pairs=N   train new models; each is optional\n"
        "/jobs   jobs and workers   /cancel JOB\n"
        "/releases   /use NUMBER   /rollback\n"
        "Send me a .txt or .zip, and it becomes a corpus."
    ),
    admins_only=(
        "That is for the bot's admins only. If you are one, tell the operator your id: {id}"
    ),
    refused="That did not work: {reason}",
    retrain_usage=(
        "Like this: /retrain corpus=bundled recipe=default pairs=1\n"
        "Each is optional; pairs from 1 to {most}. Recipes: default, article."
    ),
    cancel_usage="Give me a job's number, such as /cancel 3. See /jobs",
    use_usage="Give me a release's number, such as /use 3. See /releases",
    job_running="Corpus {corpus} is being learned from already; this is job {job}:",
    job_cancelled="Job {job} is cancelled.",
    release_used="Release {number} writes from now on.",
    corpus_wanted="As a corpus I take a .txt, or a .zip that holds one.",
    corpus_too_large="Telegram gives me files of up to {most} MB only. "
    "On the server: lyricbot corpus add FILE",
    corpus_added=(
        "📖 Corpus <b>{name}</b> is added ({encoding}).\n"
        "lines {lines}, characters {characters}, distinct {distinct}\n"
        "most frequent: {frequent}\n"
        "dropped: {comments} comments, {controls} control characters\n\n"
        "Train on it: <code>/retrain corpus={name}</code>"
    ),
    job_title="🛠 <b>Job {job}</b>: corpus {corpus}, recipe {recipe}, pairs {pairs}",
    job_queued="Queued.",
    job_waits_for_worker=(
        "Queued; it begins as soon as a worker runs (on the host that trains: lyricbot worker)."
    ),
    job_preparing="Getting ready …",
    job_epoch="epoch {epoch} of at most {epochs}, on {device}",
    job_perplexity="perplexity: {figures}",
    job_held_out="held out: {figures}",
    job_left="at most {time} left",
    job_judging="Trained. Judging …",
    job_publishing="Sound. Publishing …",
    job_published="✅ Published as release {number}. It writes from now on.",
    job_failed="❌ Failed: {reason}\nThe release before goes on writing.",
    job_is_cancelled="⏹ Cancelled.",
    job_line="#{job} {corpus}, {recipe}: {state}",
    state_queued="queued",
    state_running="running",
    state_published="release {number}",
    state_failed="failed ({reason})",
    state_cancelled="cancelled",
    no_jobs="Nothing has been asked for yet. Start with /retrain",
    worker_line="⚙️ {name} on {device}",
    no_workers="⚙️ No worker is running.",
    release_line="{mark} {number}: {corpus}, {recipe} ({figures}), {when}",
    releases_title="Releases (perplexity: random / consecutive)",
    releases_hint="/use NUMBER or /rollback",
    no_releases="Nothing has been published yet. Start with /retrain",
    release_column="release {number}",
    comparison="📈 Beside the release before:",
    held_out_of="held out, {sampler}",
    training_of="training, {sampler}",
    pairs_of="pairs",
    recipe_of="recipe",
    corpus_of="corpus",
    curves="Perplexity by epoch, job {job}",
    sample_duel="The new models' first duel:",
    language="en",
    random="random sampling",
    consecutive="consecutive sampling",
    comma=", ",
)
