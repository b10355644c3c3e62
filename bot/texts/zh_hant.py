"""繁體中文：the sentences of zh in the script, and where they differ the words, of Taiwan."""

from dataclasses import fields, replace

from bot.texts import zh
from core.lyrics.script import to_script

# What is said otherwise in Taiwan, in the order in which it is replaced.
WORDS = {
    "“": "「",
    "”": "」",
    "在群裡": "在群組裡",
    "發一個數字": "傳一個數字",
    "發數字": "傳數字",
    "發給我": "傳給我",
    "請發 ": "請傳 ",
    "就發 /": "就輸入 /",
    "發 /": "輸入 /",
    "發佈": "發布",
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
    | {"language": "zh-hant", "language_name": "繁體中文"},
)
