"""简体中文。"""

from bot.texts import Texts

TEXTS = Texts(
    menu_write="写两首歌词来比一比，例：/write 分开",
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
        "/stats　看看大家投的票怎么说\n\n"
        "读完按按钮，或者发一个数字：\n"
        "1 第一首好　2 第二首好　0 都不行\n"
        "3 我能唱　👍 喜欢\n"
        "在群里，请用“回复”那条歌词的方式发数字。每个人在一场对决里的第一票算数。"
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
    changed="你的第一票（{counted}）已经算数，这次改的只作记录。",
    closed="这场对决已经结束，这一票不算数了。",
    encore="记下了：你能唱。",
    encore_again="早就记下了，你能唱。",
    like="谢谢喜欢！",
    like_again="已经点过啦，谢谢！",
    nothing_to_vote_on="还没有可以投票的歌词。先来一场：/write {opening}",
    no_release="还没有训练好的模型，过一会儿再来吧。",
    no_release_admin=(
        "还没有训练好的模型。请在装有 torch 的机器上运行：\n<code>lyricbot train</code>\n"
        "训练完会自动发布，我马上就能写。"
    ),
    already_writing="上一场还在写，马上就好。",
    prefix_empty="给我一个开头吧，比如 /write {opening}",
    prefix_too_long="开头最多 {limit} 个字，这个有 {length} 个。剪短一点再来？",
    prefix_unknown="{characters} 我一个都没学过。换个开头试试：\n{suggestions}",
    duel_unknown="找不到这场对决了。再来一场：/write {opening}",
    unknown_command="没有这个命令。玩法请看 /help",
    failure="哎呀，出了点问题，已经记下来了。请再试一次。",
    stats_no_votes="还没有人投票。来投第一票：/write {opening}",
    stats_release="📊 第 {number} 版（语料 {corpus}，配方 {recipe}）",
    stats_all="📚 所有版本",
    stats_wins="{random} {wins_random} 票，{consecutive} {wins_consecutive} 票，都不行 {neither}",
    stats_leads="{sampler}领先：{share} % [{low}, {high}]，共 {votes} 票",
    stats_too_early="现在下结论还太早：{sampler} {share} % [{low}, {high}]，共 {votes} 票",
    stats_marks="🎤 我能唱 {encores}　👍 {likes}　{people} 人投过票",
    random="随机采样",
    consecutive="相邻采样",
    comma="、",
)
