"""English."""

from bot.texts import Texts

TEXTS = Texts(
    menu_write="Two lyrics to compare, e.g. /write 分开",
    menu_acrostic="An acrostic, e.g. /acrostic 周末快乐",
    menu_stats="Which sampler writes better lyrics?",
    menu_help="How to play",
    start=(
        "I write Chinese lyrics, two at a time.\n"
        "They come from two models that differ in one thing: in training, one drew its "
        "minibatches by random sampling, the other by consecutive sampling. You learn which "
        "is which once you have voted.\n\n"
        "Try it: /write {opening}"
    ),
    help=(
        "/write PREFIX   two lyrics that begin with it (up to {limit} characters)\n"
        "behind it, if you like: rhyme, abab, aaaa, 8x7 (8 lines of 7 characters)\n"
        "/acrostic 周末快乐   each line begins with the next character\n"
        "/stats   what the votes say so far\n\n"
        "Then press a button, or send a number:\n"
        "1 the first is better   2 the second   0 neither\n"
        "3 I could sing it   👍 like\n"
        "In a group, send the number as a reply to the lyrics. Your first vote in a duel counts."
        "\n\n"
        "/reveal   reveal the duel you asked for   /top   what people like most\n"
        "/language   language and characters   /news   announcements\n"
        "/privacy   what I keep\n"
        "In any chat, type @{bot} and a beginning."
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
    neither="neither",
    changed="Your first vote ({counted}) is the one that counts; this change is only recorded.",
    closed="This duel is over; this vote does not count.",
    originality="Original: {one} of lyric 1, {two} of lyric 2",
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
    prefix_unknown="Characters I never learned: {characters}. Try one of these:\n{suggestions}",
    duel_unknown="I cannot find that duel any more. Start another: /write {opening}",
    unknown_command="There is no such command. See /help",
    failure="Something went wrong; it has been noted. Please try again.",
    unavailable=(
        "I cannot keep or read anything just now; it has been noted. Votes you gave are safe. "
        "Please try again in a few minutes."
    ),
    stats_no_votes="Nobody has voted yet. Cast the first vote: /write {opening}",
    stats_release="📊 Release {number} (corpus {corpus}, recipe {recipe})",
    stats_all="📚 All releases",
    stats_wins="{random} {wins_random}, {consecutive} {wins_consecutive}, neither {neither}",
    stats_called=(
        "✅ Here <b>{sampler}</b> writes better. Called after {people} people, for good."
    ),
    stats_holds=(
        "It holds whatever any {accounts} accounts have voted: it takes leaving out {fewest} to "
        "undo it."
    ),
    stats_undone="Not proof against stuffed votes yet. Accounts that it hangs on: {fewest}.",
    stats_turned="Those who came later like the other better.",
    stats_open=(
        "⏳ Not decided yet. Ahead: {sampler} with {share}% (95% interval at every look "
        "{low}–{high}%). Votes that count: {votes}, people: {people}."
    ),
    stats_even=(
        "⏳ Not decided yet. Even so far: {share}% (95% interval at every look {low}–{high}%). "
        "Votes that count: {votes}, people: {people}."
    ),
    stats_nobody_settled=(
        "⏳ Not decided yet. The first votes are being weighed: a person's count once there are "
        "five, or after an hour; who came first is first."
    ),
    stats_none_chosen="⏳ Not decided yet. Nobody has chosen one of two lyrics.",
    stats_plain="Every vote: {sampler} {share}% (95% interval {low}–{high}%) of {votes}.",
    stats_sides="Left was picked in {share}% ({low}–{high}%). Won left and right: {one}; {two}.",
    stats_side="{sampler} {left} and {right}",
    stats_flags="⚑ Odd, but not left out: {flags}.",
    stats_fast="votes quicker than reading: {n}",
    stats_one_sided="people always on one side: {n}",
    stats_crowds="duels crowded by newcomers: {n}",
    stats_pairs=(
        "🧪 The sampler, or just these models? Pairs decided: "
        "{random} {leads_random}, {consecutive} {leads_consecutive}. "
        "Still needed, at least: {pairs} that agree, with {votes} votes."
    ),
    stats_pairs_called=(
        "🧪 Not just these models: over pairs, too, those who vote here like <b>{sampler}</b> "
        "better. Pairs decided: {random} {leads_random}, {consecutive} {leads_consecutive}."
    ),
    picture_title="Release {number}: who writes better?",
    picture_ahead="{sampler} ahead",
    picture_band="line and band: votes that count, 95% at every look\ndashed: every vote",
    picture_now="{share}% of {votes}",
    picture_releases="Latest releases, every vote (★ called)",
    picture_release="No. {number}, votes: {votes}",
    stats_marks="🎤 could sing it {encores}   👍 {likes}   people: {people}",
    menu_retrain="Train new models",
    menu_jobs="Jobs and workers",
    menu_cancel="Cancel a job",
    menu_releases="What was published",
    menu_use="Let a release write, e.g. /use 3",
    menu_rollback="Go back to the previous release",
    help_admin=(
        "For admins:\n"
        "/retrain corpus=NAME recipe=NAME pairs=N   train new models; each is optional\n"
        "/jobs   jobs and workers   /cancel JOB\n"
        "/releases   what there is   /use NUMBER   let it write   /rollback   the one before\n"
        "/admin   how today is going   /announce TEXT\n"
        "/ban ID   /unban ID   (or as a reply to that person)\n"
        "Send me a .txt or .zip, and it becomes a corpus."
    ),
    admins_only=(
        "That is for the bot's admins only. If you are one, tell the operator your id: {id}"
    ),
    refused="That did not work: {reason}",
    reason_release_unknown="There is no release {number}. There are: {numbers}.",
    reason_no_release="Nothing has been published yet.",
    reason_nothing_before="There is no earlier release to go back to.",
    reason_job_unknown="There is no job {job}.",
    reason_job_over="Job {job} is over already ({state}).",
    reason_no_job="There is no job to cancel.",
    reason_which_job="There are several jobs; say which: {jobs}.",
    reason_corpus_unknown=(
        "There is no corpus “{name}”. There are: {names}. Send me a .txt or .zip to add one."
    ),
    reason_corpus_short=(
        "Corpus “{name}” is too short: it leaves {characters} characters to learn from, and "
        "recipe “{recipe}” needs {need}. Take a longer one."
    ),
    reason_recipe_unknown="There is no recipe “{name}”. There are: {names}.",
    retrain_usage=(
        "Like this: /retrain corpus=bundled recipe=default pairs=1\n"
        "Each is optional; pairs of models, from 1 to {most}. Recipes: default, article."
    ),
    cancel_usage="Give me a job's number, such as /cancel 3. See /jobs",
    use_usage="Give me a release's number, such as /use 3. See /releases",
    job_running="Corpus {corpus} is already being trained on; this is job {job}:",
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
    job_held_out="held-out perplexity: {figures}",
    job_left="at most {time} left",
    job_judging="Trained. Judging …",
    job_publishing="Sound. Publishing …",
    job_published="✅ Published as release {number}. It writes from now on.",
    job_failed="❌ Failed: {reason}\nNothing else has changed.",
    job_is_cancelled="⏹ Cancelled.",
    job_line="#{job} {corpus}, {recipe}: {state}",
    state_queued="queued",
    state_running="running",
    state_published="release {number}",
    state_failed="failed ({reason})",
    state_cancelled="cancelled",
    state_ended="it has ended",
    no_jobs="Nothing has been asked for yet. Start with /retrain",
    worker_line="⚙️ {name} on {device}",
    no_workers="⚙️ No worker is running.",
    release_line="{mark} {number}: {corpus}, {recipe} ({figures}), {when}",
    releases_title="Releases (perplexity: random / consecutive)",
    releases_hint="/use NUMBER or /rollback",
    no_releases="Nothing has been published yet. Start with /retrain",
    release_column="release {number}",
    comparison="📈 Beside the release before:",
    figures_alone="📈 This release:",
    held_out_of="held out, {sampler}",
    training_of="training, {sampler}",
    original_of="original, {sampler}",
    pairs_of="pairs",
    recipe_of="recipe",
    corpus_of="corpus",
    curves="Perplexity by epoch, job {job}",
    sample_duel="The new models' first duel:",
    group_hello=(
        "Hello! Send /write@{bot} {opening} and I write two lyrics. Two models write one each: "
        "one was trained with random sampling, the other with consecutive sampling. I do not say "
        "which is which.\n"
        "Vote by button: only you see your answer. Everybody sees the result after {hours} h, "
        "or when the person who asked sends /reveal.\n"
        "I do not see what else you write here."
    ),
    board_voters="Voted so far: {voters}",
    board_question="Which one is better? Vote, and you learn which is which.",
    result_title="📢 Result",
    result_side="{side} is {sampler}, votes: {votes}",
    result_neither="neither, votes: {votes}",
    result_marks="🎤 could sing it {encores}   👍 {likes}",
    reveal_nothing="You have no duel to reveal here. Start one: /write {opening}",
    not_their_duel="Only the person who asked for this duel can reveal it.",
    revealed="Revealed: the result is below the lyrics.",
    button_again="🔁 another one",
    button_take="📄 only lyric {side}",
    taken_already="It is here already; scroll up.",
    button_share="🔗 share",
    share="Two lyrics: which one is better?",
    duel_shared="Somebody asks for your verdict:",
    duel_over="This duel is over:",
    limit_person_minute="Take a breath: at most {limit} duels a minute. Come back in {time}.",
    limit_person_day="You have had your duels for today (limit: {limit}). Come back in {time}.",
    limit_room_minute="It is busy here: at most {limit} duels a minute. Come back in {time}.",
    limit_room_day=(
        "This chat has had its duels for today (limit: {limit}). Come back in {time}."
    ),
    seconds="{n} s",
    minutes="{n} min",
    hours="{n} h",
    form_lines="A lyric has {least} to {most} lines, not {wanted}. Try /write {opening} 8x7",
    form_characters=(
        "A line has {least} to {most} characters, not {wanted}. Try /write {opening} 8x7"
    ),
    form_acrostic=(
        "An acrostic has {least} to {most} characters, not {wanted}; punctuation and emoji do "
        "not count. Try /acrostic 周末快乐"
    ),
    form_prefix=(
        "The beginning has {wanted} characters, and a line is to have {most}. "
        "Shorten it, or ask for longer lines."
    ),
    no_lines="The current models learned no line ends, so they have no form. Try /write {opening}",
    no_rhymes="The current models know too few characters that rhyme. Try /write {opening}",
    acrostic_unknown=(
        "I never learned {characters}, so no line can begin with it. Try other characters?"
    ),
    acrostic_usage="Give me some characters, one for each line, such as /acrostic 周末快乐",
    prefix_banned="That beginning cannot be used here. Choose another?",
    nothing_clean="Nothing fit to show came of that beginning. Choose another?",
    not_allowed="This bot is for some people only. To be let in, tell its operator your id: {id}",
    not_their_words="A forwarded command does not count: type it yourself if you mean it.",
    not_anonymously="I cannot tell who writes anonymously. Write as yourself, or press a button.",
    menu_language="Language, and characters of lyrics",
    language_ask="Which language? And in which characters should lyrics be?",
    language_set="From now on I speak {language}.",
    group_admins_only=(
        "In a group, only its admins can change that. Your own you can set in private."
    ),
    lyrics_simplified="lyrics in 简体",
    lyrics_traditional="lyrics in 繁體",
    lyrics_set="Lyrics will be written like that from now on.",
    menu_privacy="What I keep",
    menu_delete_me="Delete my data",
    privacy=(
        "What I keep:\n"
        "· your numeric Telegram id, and when you first came\n"
        "· the lyrics you asked for (beginning, both texts, in which chat)\n"
        "· your votes, “could sing it” and 👍, with their times\n"
        "· the language you chose, and whether you want announcements; how often you asked today "
        "and yesterday, for the limits\n\n"
        "I keep no names, no usernames and nothing else you write: my copy of a message is "
        "erased once it is handled (the message stays in your chat). Nobody sees how you voted; "
        "lyrics that many like appear in /top once their duel is over, without whoever asked for "
        "them. Exported votes carry pseudonyms that lead to nobody. The operator's log has the "
        "numeric ids of whoever was refused or met an error, never words.\n\n"
        "/delete_me deletes your data: your votes and the lyrics you asked for stay under a "
        "random number that leads to nobody. Until the duels of that day are over a code in place "
        "of your id says that you are not to vote in them again, and how often you asked; what "
        "you vote meanwhile is marked as not counting for the verdict."
    ),
    delete_in_private="Send /delete_me to me in private: https://t.me/{bot}",
    delete_ask=(
        "Delete your data? Your votes and the lyrics you asked for stay, but nobody will know "
        "whose they were. A ban stays. This cannot be undone."
    ),
    button_delete="Delete my data",
    button_keep="No",
    deleted=(
        "Deleted. Your votes now stand under a random number. Come back whenever you like: you "
        "will be somebody new."
    ),
    not_deleted="Nothing was changed.",
    menu_reveal="Reveal the duel you asked for",
    menu_top="The lyrics people like most",
    menu_news="Announcements here: on or off",
    top_liked="👍 Most liked",
    top_sung="🎤 Most sung",
    top_none=(
        "Nothing yet. Once a duel is over, lyrics with a 👍 or a “could sing it” appear here. "
        "Start one: /write {opening}"
    ),
    top_link="{times} · see the duel",
    news_on="Announcements will be sent here. Send /news again to stop them.",
    news_off="No more announcements here.",
    inline_duel="Two lyrics for {prefix}: a duel",
    inline_duel_about="Send it, and let people vote",
    inline_lyric="One lyric only ({side})",
    inline_busy="Enough for now. Try again in {time}",
    inline_unknown="I never learned these characters. Try others?",
    description=(
        "Give me a beginning, and I write two Chinese lyrics: one from a model trained with "
        "random sampling, one with consecutive sampling, without saying which is which. Your "
        "votes show which sampler writes better.\n\nTry it: /write {opening}"
    ),
    short_description="One beginning, two Chinese lyrics, and you judge. /write {opening}",
    menu_admin="How today is going",
    menu_ban="Ban somebody, e.g. /ban 12345",
    menu_unban="Lift a ban",
    menu_announce="Send an announcement",
    ban_usage="Give me a numeric id, such as /{command} 12345, or reply to that person's message.",
    ban_admin="An admin cannot be banned.",
    banned="{id} is banned.",
    unbanned="{id} is no longer banned.",
    not_banned="{id} was not banned.",
    announce_usage="Like this: /announce TEXT",
    announce_nobody="No chat wants announcements yet. Sending /news in a chat turns them on.",
    announce_ask="⬆️ Send this? Chats that get it: {rooms}",
    button_send="Send",
    button_do_not="Do not send",
    announce_sent="On its way. Chats: {rooms}",
    announce_dropped="Not sent.",
    admin_today=(
        "📅 Today (UTC): duels {duels}, votes {votes}, 🎤 {encores}, 👍 {likes}, people {people}, "
        "chats {rooms}"
    ),
    admin_queue="📥 Updates waiting: {waiting}, the oldest for {seconds} s",
    admin_errors="⚠️ Errors today: {errors}; old messages skipped: {skipped}",
    admin_release="🎼 Release {number} (corpus {corpus}, recipe {recipe}), published {when}",
    admin_no_release="🎼 No models yet. Start with /retrain",
    admin_bans="🚫 Banned: {ids}",
    language="en",
    language_name="English",
    opening="分开",
    random="random sampling",
    consecutive="consecutive sampling",
    comma=", ",
)
