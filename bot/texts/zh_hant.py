"""繁體中文：the sentences of zh in the script, and where they differ the words, of Taiwan."""

from dataclasses import fields, replace

from bot.texts import zh
from core.lyrics.script import to_script

# What is said otherwise in Taiwan, in the order in which it is replaced.
WORDS = {
    "“": "「",
    "”": "」",
    "賬號": "帳號",
    "群裡": "群組裡",
    "群管理員": "群組管理員",
    "發一個數字": "傳一個數字",
    "發數字": "傳數字",
    "發給我": "傳給我",
    "已經發過": "已經傳過",
    "發給 {rooms}": "傳給 {rooms}",
    "會發到": "會傳到",
    "不發到": "不傳到",
    "再發一次": "再傳一次",
    "只發一首": "只傳一首",
    "發出去": "傳出去",
    "請發 ": "請傳 ",
    "就發 /": "就輸入 /",
    "發 /": "輸入 /",
    "匿名發的": "匿名傳的",
    "身份發": "身分傳",
    "發佈": "發布",
    "我的記錄": "我的紀錄",
    "你的記錄": "你的紀錄",
    "作記錄": "作紀錄",
    "那條": "那則",
    "這條": "這則",
    "舊消息 {skipped} 條": "舊訊息 {skipped} 則",
    "無法撤銷": "無法復原",
    "回復": "回覆",
    "消息": "訊息",
    "私聊": "私訊",
    "個聊天": "個聊天室",
    "聊天裡": "聊天室裡",
    "用戶名": "使用者名稱",
    "命令": "指令",
    "拉黑": "封鎖",
    "導出": "匯出",
    "任務號": "任務編號",
    "採樣": "取樣",
    "小批量": "小批次",
    "服務器": "伺服器",
    "運行": "執行",
    "文件": "檔案",
    "註釋": "註解",
    "控制符": "控制字元",
    "沒辦成": "沒成功",
    "比如": "例如",
}


def _in_taiwan(sentence: str) -> str:
    said = to_script(sentence, "hant")
    for word, otherwise in WORDS.items():
        said = said.replace(word, otherwise)
    return said


_SAID = {field.name: getattr(zh.TEXTS, field.name) for field in fields(zh.TEXTS)}
TEXTS = replace(
    zh.TEXTS,
    **{name: _in_taiwan(said) for name, said in _SAID.items() if isinstance(said, str)}
    | {
        "language": "zh-hant",
        "language_name": "繁體中文",
        "button_send": "傳送",
        "button_do_not": "不傳",
        "announce_sent": "開始傳送了，共 {rooms} 個聊天室。",
        "announce_dropped": "好，不傳。",
    },
)
