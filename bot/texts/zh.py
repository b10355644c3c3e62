"""简体中文。"""

from bot.texts import Texts

TEXTS = Texts(
    menu_write="写两首歌词来比一比，例：/write 分开",
    menu_acrostic="藏头歌词，例：/acrostic 周末快乐",
    menu_stats="看看哪种采样写得好",
    menu_help="怎么玩",
    start=(
        "我写歌词，一次两首。\n"
        "写它们的两个模型一模一样，只差一点：训练时一个用随机采样取小批量，一个用相邻采样。"
        "哪首是谁写的，投完票才告诉你。\n\n"
        "试试看：/write {opening}"
    ),
    help=(
        "/write 开头　写两首以它开头的歌词（最多 {limit} 个字）\n"
        "后面还可以加：押韵、abab、一韵到底、8x7（8 行，每行 7 个字）\n"
        "/acrostic 周末快乐　藏头：每行以下一个字开头\n"
        "/stats　看看大家投的票怎么说\n\n"
        "读完按按钮，或者发一个数字：\n"
        "1 第一首好　2 第二首好　0 都不行\n"
        "3 我能唱　👍 喜欢\n"
        "在群里要先“回复”那条歌词，再发数字。每个人在一场对决里的第一票算数。\n\n"
        "/reveal　揭晓你发起的对决　/top　最受欢迎的歌词\n"
        "/language　语言和繁简　/news　要不要收公告\n"
        "/privacy　我记录了什么　/delete_me　删除我的记录\n"
        "在任何聊天里输入 @{bot} 加一个开头，也能写。"
    ),
    hint="想让我写，就发 /write 加一个开头，比如 /write {opening}",
    duel="🎤 <b>{prefix}</b>\n\n<b>1</b>\n{text_1}\n\n<b>2</b>\n{text_2}",
    duel_question="哪一首更好？",
    skipped="（没学过 {characters}，先略过了）",
    button_neither="0 都不行",
    button_encore="3 我能唱",
    button_like="👍",
    reveal="1 是{sampler_1}，2 是{sampler_2}。",
    chose_side="你选了 {choice}：{sampler}。",
    chose_neither="你说都不行。",
    neither="都不行",
    changed="算数的是你的第一票（{counted}），这次改选只留作记录。",
    closed="这场对决已经结束，这一票不算数。",
    originality="原创度：第 1 首 {one}，第 2 首 {two}",
    encore="记下了：你能唱。",
    encore_again="早就记下了，你能唱。",
    like="谢谢喜欢！",
    like_again="已经点过啦，谢谢！",
    nothing_to_vote_on="还没有可以投票的歌词。先来一场：/write {opening}",
    no_release="还没有训练好的模型，过一会儿再来吧。",
    no_release_admin=(
        "还没有训练好的模型。发 /retrain 就开始训练，进度看 /jobs。"
        "训练完会自动发布，我马上就能写。"
    ),
    already_writing="上一场还在写，马上就好。",
    prefix_empty="给我一个开头吧，比如 /write {opening}",
    prefix_too_long="开头最多 {limit} 个字，这个有 {length} 个。剪短一点再来？",
    prefix_unknown="没学过的字：{characters}。换个开头试试：\n{suggestions}",
    duel_unknown="找不到这场对决了。再来一场：/write {opening}",
    unknown_command="没有这个命令。玩法请看 /help",
    failure="哎呀，出了点问题，已经记下来了。请再试一次。",
    unavailable="现在暂时存取不了东西，已经记下来了。之前投的票都还在，过几分钟再试试吧。",
    stats_no_votes="还没有人投票。来投第一票：/write {opening}",
    stats_release="📊 第 {number} 版（语料 {corpus}，配方 {recipe}）",
    stats_all="📚 所有版本",
    stats_wins=(
        "{random} {wins_random} 票，{consecutive} {wins_consecutive} 票，都不行 {neither} 票"
    ),
    stats_called=("✅ 这一版里，<b>{sampler}</b>写得更好。{people} 人之后下的结论，不再撤回。"),
    stats_holds="去掉任意 {accounts} 个账号的票都站得住：要去掉 {fewest} 个才会推翻。",
    stats_undone="还经不起刷票：去掉 {fewest} 个账号的票就不成立了。",
    stats_turned="后来的人更喜欢另一种。",
    stats_open=(
        "⏳ 还没有结论。{sampler}暂时领先：计入的 {votes} 票（{people} 人）里占 {share}%"
        "（95% 区间，随时看都成立：{low}–{high}%）。"
    ),
    stats_even=(
        "⏳ 还没有结论，目前打平：计入的 {votes} 票（{people} 人），{share}%"
        "（95% 区间，随时看都成立：{low}–{high}%）。"
    ),
    stats_nobody_settled=(
        "⏳ 还没有结论。最早的票还在等：一个人投满五票或过一小时才计入，先来的先算。"
    ),
    stats_none_chosen="⏳ 还没有结论，还没有人选出更好的一首。",
    stats_plain="全部 {votes} 票里{sampler}占 {share}%（95% 区间 {low}–{high}%）。",
    stats_sides="选左边的占 {share}%（{low}–{high}%）；{one}；{two}。",
    stats_side="{sampler}在左边赢 {left}、在右边赢 {right}",
    stats_flags="⚑ 有点可疑，但照样算数：{flags}。",
    stats_fast="没读完就投的 {n} 票",
    stats_one_sided="总选同一边的 {n} 人",
    stats_crowds="突然来了很多新人的 {n} 场",
    stats_pairs=(
        "🧪 是采样方法好，还是碰巧这几个模型好？已分胜负的模型对：{random} {leads_random} 对，"
        "{consecutive} {leads_consecutive} 对。至少还要 {pairs} 对、{votes} 票。"
    ),
    stats_pairs_called=(
        "🧪 不只是这几个模型：换着模型对比，这里投票的人还是更喜欢<b>{sampler}</b>。"
        "已分胜负的模型对：{random} {leads_random} 对，"
        "{consecutive} {leads_consecutive} 对。"
    ),
    picture_title="第 {number} 版：谁写得更好？",
    picture_ahead="{sampler}领先",
    picture_band="实线和阴影：计入的票，95% 区间，随时看都成立\n虚线：全部的票",
    picture_now="{share}%，{votes} 票",
    picture_releases="最近几版，全部的票（★ 已有结论）",
    picture_release="第 {number} 版：{votes} 票",
    stats_marks="🎤 我能唱 {encores}　👍 {likes}　{people} 人投过票",
    menu_retrain="训练新模型",
    menu_jobs="看任务和训练机",
    menu_cancel="取消任务",
    menu_releases="看发布过的版本",
    menu_use="换一个版本来写，例：/use 3",
    menu_rollback="退回上一个版本",
    help_admin=(
        "管理员还可以：\n"
        "/retrain corpus=语料 recipe=配方 pairs=几对　训练新模型，三项都可以省\n"
        "/jobs　看任务和训练机　/cancel 任务号　取消任务\n"
        "/releases　看版本　/use 版本号　换版本　/rollback　退回上一版\n"
        "/admin　今天的情况　/announce 内容　发公告\n"
        "/ban id　拉黑　/unban id　解除拉黑（也可以回复那个人的消息）\n"
        "把 .txt 或 .zip 发给我，就多一份语料。"
    ),
    admins_only="这个只有管理员能用。如果你就是，请把你的 id 告诉管理这个机器人的人：{id}",
    refused="没办成：{reason}",
    reason_release_unknown="没有第 {number} 版。现有：{numbers}。",
    reason_no_release="还没有发布过任何版本。",
    reason_nothing_before="没有更早的版本可以退回。",
    reason_job_unknown="没有任务 {job}。",
    reason_job_over="任务 {job} 早已结束（{state}）。",
    reason_no_job="没有可以取消的任务。",
    reason_which_job="有好几个任务，请说是哪一个：{jobs}。",
    reason_corpus_unknown="没有语料“{name}”。现有：{names}。把 .txt 或 .zip 发给我，就多一份。",
    reason_corpus_short=(
        "语料“{name}”太短：能学的有 {characters} 个字，配方“{recipe}”至少要 {need} 个。换份长的。"
    ),
    reason_recipe_unknown="没有配方“{name}”。现有：{names}。",
    retrain_usage=(
        "这样写：/retrain corpus=bundled recipe=default pairs=1\n"
        "三项都可以省；pairs 是训练几对模型，从 1 到 {most}；配方有 default 和 article。"
    ),
    cancel_usage="请给一个任务号，比如 /cancel 3。有哪些任务请看 /jobs",
    use_usage="请给一个版本号，比如 /use 3。有哪些版本请看 /releases",
    job_running="语料 {corpus} 正在训练，就是任务 {job}：",
    job_cancelled="任务 {job} 已取消。",
    release_used="从现在起由第 {number} 版来写。",
    corpus_wanted="语料请发 .txt，或者装着一个 .txt 的 .zip。",
    corpus_too_large="Telegram 只肯给我 {most} MB 以内的文件。"
    "请在服务器上运行：lyricbot corpus add 文件",
    corpus_added=(
        "📖 收下语料 <b>{name}</b>（{encoding}）。\n"
        "{lines} 行，{characters} 个字，不同的字 {distinct} 个\n"
        "最常见：{frequent}\n"
        "略去：{comments} 行注释，{controls} 个控制符\n\n"
        "用它训练：<code>/retrain corpus={name}</code>"
    ),
    job_title="🛠 <b>任务 {job}</b>：语料 {corpus}，配方 {recipe}，{pairs} 对",
    job_queued="排队中。",
    job_waits_for_worker="排队中；训练机一开工就开始（在负责训练的机器上运行 lyricbot worker）。",
    job_preparing="准备中……",
    job_epoch="第 {epoch} 轮，最多 {epochs} 轮，用 {device}",
    job_perplexity="困惑度：{figures}",
    job_held_out="验证集困惑度：{figures}",
    job_left="最多还要 {time}",
    job_judging="训练完了，正在评判……",
    job_publishing="合格，正在发布……",
    job_published="✅ 已发布为第 {number} 版，从现在起由它来写。",
    job_failed="❌ 失败：{reason}\n其他一切照旧。",
    job_is_cancelled="⏹ 已取消。",
    job_line="#{job} {corpus}，{recipe}：{state}",
    state_queued="排队中",
    state_running="训练中",
    state_published="第 {number} 版",
    state_failed="失败（{reason}）",
    state_cancelled="已取消",
    state_ended="已有结果",
    no_jobs="还没有任务。用 /retrain 开始",
    worker_line="⚙️ {name}，用 {device}",
    no_workers="⚙️ 没有训练机在工作。",
    release_line="{mark} 第 {number} 版：{corpus}，{recipe}（{figures}），{when}",
    releases_title="版本（困惑度：随机 / 相邻）",
    releases_hint="/use 版本号，或者 /rollback",
    no_releases="还没有发布过。用 /retrain 开始",
    release_column="第 {number} 版",
    comparison="📈 和上一版比：",
    figures_alone="📈 这一版的数字：",
    held_out_of="{sampler}，验证",
    training_of="{sampler}，训练",
    original_of="{sampler}，原创度",
    pairs_of="模型几对",
    recipe_of="配方",
    corpus_of="语料",
    curves="任务 {job} 各轮的困惑度",
    sample_duel="新模型的第一场对决：",
    group_hello=(
        "大家好！发 /write@{bot} {opening}，我就写两首歌词。两个模型各写一首，"
        "一个用随机采样训练，一个用相邻采样，先不说哪首是谁写的。\n"
        "按按钮投票，答案只有你自己看得到。{hours} 小时后揭晓结果，"
        "发起的人也可以发 /reveal 提前揭晓。\n"
        "群里聊的别的，我看不到。"
    ),
    board_voters="已有 {voters} 人投票",
    board_question="哪一首更好？投完就告诉你哪首是谁写的。",
    result_title="📢 结果",
    result_side="{side} 是{sampler}：{votes} 票",
    result_neither="都不行：{votes} 票",
    result_marks="🎤 我能唱 {encores}　👍 {likes}",
    reveal_nothing="你在这里还没有对决可以揭晓。先来一场：/write {opening}",
    not_their_duel="只有发起这场对决的人能揭晓。",
    revealed="揭晓了，结果写在歌词下面。",
    button_again="🔁 再来一场",
    button_take="📄 只要第 {side} 首",
    taken_already="已经发过了，往上翻翻。",
    button_share="🔗 分享",
    share="两首歌词，哪首更好？",
    duel_shared="有人请你来评一评：",
    duel_over="这场对决已经结束：",
    limit_person_minute="歇一歇：每人每分钟最多 {limit} 场。{time}后再来吧。",
    limit_person_day="今天你已经来了 {limit} 场，够啦。{time}后再来吧。",
    limit_room_minute="这里太热闹了：每分钟最多 {limit} 场。{time}后再来吧。",
    limit_room_day="这里今天已经写了 {limit} 场。{time}后再来吧。",
    seconds="{n} 秒",
    minutes="{n} 分钟",
    hours="{n} 小时",
    form_lines="一首歌词 {least} 到 {most} 行，不能是 {wanted} 行。试试 /write {opening} 8x7",
    form_characters="每行 {least} 到 {most} 个字，不能是 {wanted} 个。试试 /write {opening} 8x7",
    form_acrostic=(
        "藏头要 {least} 到 {most} 个字（标点和表情不算），这里有 {wanted} 个。"
        "试试 /acrostic 周末快乐"
    ),
    form_prefix="每行 {most} 个字，开头有 {wanted} 个，放不下。开头短一些，或者每行多几个字。",
    no_lines="现在的模型没学过分行，写不出这种格式。试试 /write {opening}",
    no_rhymes="现在的模型认识的字里凑不出韵脚。试试 /write {opening}",
    acrostic_unknown="这些字没学过，没法放在行首：{characters}。换几个字试试？",
    acrostic_usage="给我几个字，每行以一个字开头，比如 /acrostic 周末快乐",
    prefix_banned="这个开头在这里不能用，换一个吧。",
    nothing_clean="用这个开头没写出能拿得出手的，换一个开头吧。",
    not_allowed="这个机器人只为一部分人开放。想用的话，请把你的 id 告诉管理它的人：{id}",
    not_their_words="转发来的命令不算数。确实要做的话，请自己打一遍。",
    not_anonymously="匿名发的认不出是谁。请用自己的身份发，或者按按钮。",
    menu_language="选择语言和歌词用字",
    language_ask="用哪种语言？歌词用简体还是繁体？",
    language_set="好，以后就用{language}。",
    group_admins_only="在群里，这个只有群管理员能改。你自己的可以在私聊里设。",
    lyrics_simplified="歌词用简体",
    lyrics_traditional="歌词用繁体",
    lyrics_set="好，以后歌词就这样写。",
    menu_privacy="我记录了什么",
    menu_delete_me="删除我的记录",
    privacy=(
        "我记录的：\n"
        "· 你的 Telegram 数字 id，和第一次来的时间\n"
        "· 你要的歌词（开头、写出来的两首、在哪个聊天里要的）\n"
        "· 你的每一票、“我能唱”和 👍，以及时间\n"
        "· 你选的语言、要不要收公告；今天和昨天用了几次（为了限次数）\n\n"
        "我不保存名字、用户名，也不保存你聊的内容：我这边的消息副本一处理完就删，"
        "聊天里的消息不动。别人看不到你投了什么；"
        "喜欢的人多的歌词，结束之后会出现在 /top 里，不写是谁要的。"
        "管理员导出的投票里只有查不回来的代号。"
        "被拒绝或出错的操作会在运行日志里留下数字 id，从不留内容。\n\n"
        "/delete_me 会删除你的记录：投过的票和要过的歌词留在一个随机编号下，再也查不到你。"
        "在那之前开始的对决结束之前，会用一个代号（不是 id）记住你不能再投一遍，还有当天用了几次；"
        "这期间你投的票会标明不计入结论。"
    ),
    delete_in_private="请到私聊里发 /delete_me：https://t.me/{bot}",
    delete_ask=(
        "要删除你的记录吗？投过的票和要过的歌词会留下，但再也没有人知道是谁的；"
        "如果你被拉黑，这一条不会删。这一步无法撤销。"
    ),
    button_delete="确认删除",
    button_keep="算了",
    deleted="已删除。你投过的票现在只挂在一个随机编号下。随时欢迎再来，那时你就是新朋友。",
    not_deleted="好，什么都没动。",
    menu_reveal="揭晓你发起的对决",
    menu_top="最受欢迎的歌词",
    menu_news="开启或关闭公告",
    top_liked="👍 最多人喜欢",
    top_sung="🎤 最多人说能唱",
    top_none=(
        "还没有。对决结束后，得了 👍 或“我能唱”的歌词会出现在这里。先来一场：/write {opening}"
    ),
    top_link="{times} 人 · 看这场对决",
    news_on="好，以后公告会发到这里。再发一次 /news 就关闭。",
    news_off="好，以后公告不发到这里了。",
    inline_duel="两首《{prefix}》，比一比",
    inline_duel_about="发出去，让大家投票",
    inline_lyric="只发一首（{side}）",
    inline_busy="写得够多了，{time}后再来",
    inline_unknown="这些字我没学过，换几个试试",
    description=(
        "给我一个开头，我写两首歌词：一首来自随机采样的模型，一首来自相邻采样的模型，不告诉你哪首是谁写的。"
        "你来投票，看哪种采样写得更好。\n\n试试看：/write {opening}"
    ),
    short_description="一个开头，两首歌词，你来评哪首好。/write {opening}",
    menu_admin="今天的情况",
    menu_ban="拉黑一个人，例：/ban 12345",
    menu_unban="解除拉黑",
    menu_announce="发公告",
    ban_usage="请给一个数字 id，比如 /{command} 12345，或者回复那个人的消息。",
    ban_admin="管理员不能拉黑。",
    banned="已拉黑 {id}。",
    unbanned="已解除拉黑：{id}。",
    not_banned="{id} 没有被拉黑。",
    announce_usage="这样写：/announce 公告内容",
    announce_nobody="还没有哪个聊天开启公告（在聊天里发 /news 就开启）。",
    announce_ask="⬆️ 要把这条发给 {rooms} 个聊天吗？",
    button_send="发",
    button_do_not="不发",
    announce_sent="开始发了，共 {rooms} 个聊天。",
    announce_dropped="好，不发。",
    admin_today=(
        "📅 今天（UTC）：{duels} 场对决，{votes} 票，🎤 {encores}，👍 {likes}，"
        "{people} 人，{rooms} 个聊天"
    ),
    admin_queue="📥 还没处理的更新：{waiting}，最久的等了 {seconds} 秒",
    admin_errors="⚠️ 今天出错 {errors} 次；略过的旧消息 {skipped} 条",
    admin_release="🎼 第 {number} 版（语料 {corpus}，配方 {recipe}），{when} 发布",
    admin_no_release="🎼 还没有模型。用 /retrain 开始",
    admin_bans="🚫 已拉黑：{ids}",
    language="zh-hans",
    language_name="简体中文",
    opening="分开",
    random="随机采样",
    consecutive="相邻采样",
    comma="、",
)
