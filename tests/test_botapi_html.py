"""Telegram's HTML: what it stands for, and what Telegram says of what it does not understand."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.botapi.html import HtmlError, checked_link, copied, parse_html, utf16_length


def entity(kind: str, offset: int, length: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "offset": offset, "length": length} | more


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        (("b", "strong"), "bold"),
        (("i", "em"), "italic"),
        (("u", "ins"), "underline"),
        (("s", "strike", "del"), "strikethrough"),
        (("tg-spoiler",), "spoiler"),
        (("code",), "code"),
        (("pre",), "pre"),
        (("blockquote",), "blockquote"),
    ],
)
def test_each_tag_stands_for_its_entity(tags: tuple[str, ...], kind: str) -> None:
    for tag in tags:
        assert parse_html(f"a<{tag}>词</{tag}>z") == ("a词z", [entity(kind, 1, 1)])


def test_tags_with_attributes_stand_for_their_entities() -> None:
    assert parse_html('<span class="tg-spoiler">x</span>')[1] == [entity("spoiler", 0, 1)]
    assert parse_html("<blockquote expandable>x</blockquote>")[1] == [
        entity("expandable_blockquote", 0, 1)
    ]
    assert parse_html('<pre><code class="language-py">x</code></pre>')[1] == [
        entity("pre", 0, 1, language="py")
    ]
    assert parse_html('<code class="language-py"><pre>x</pre></code>')[1] == [
        entity("pre", 0, 1, language="py")
    ]
    assert parse_html('<code class="language-py">x</code>')[1] == [entity("code", 0, 1)]
    assert parse_html('<tg-emoji emoji-id="5368">x</tg-emoji>')[1] == [
        entity("custom_emoji", 0, 1, custom_emoji_id="5368")
    ]


def test_a_link_is_kept_as_telegram_would_open_it() -> None:
    assert parse_html('<a href="http://Example.com/A?x=1&amp;y=2">x</a>')[1] == [
        entity("text_link", 0, 1, url="http://example.com/A?x=1&y=2")
    ]
    assert parse_html("<a href=example.com>x</a>")[1][0]["url"] == "http://example.com/"
    assert parse_html("<a>example.com</a>")[1][0]["url"] == "http://example.com/"
    assert parse_html('<a href="tg://user?id=7">x</a>')[1] == [
        entity("text_mention", 0, 1, user={"id": 7})
    ]
    assert parse_html('<a href="nowhere">x</a>') == ("x", [])


def test_links_are_told_from_other_strings() -> None:
    assert checked_link("https://t.me/x") == "https://t.me/x"
    assert checked_link("tg:resolve?domain=x") == "tg://resolve?domain=x"
    assert checked_link("example.com?q") == "http://example.com/?q"
    assert checked_link("localhost") is None
    assert checked_link("javascript:alert(1)") is None
    assert checked_link("ftp://example.com") is None


def test_offsets_are_utf16_units() -> None:
    assert parse_html("😀<b>😀词</b>") == ("😀😀词", [entity("bold", 2, 3)])


def test_the_outer_of_two_entities_comes_first() -> None:
    assert parse_html("<i><b>ab</b>c</i>")[1] == [entity("italic", 0, 3), entity("bold", 0, 2)]
    assert parse_html("<i><b>ab</b></i>")[1] == [entity("bold", 0, 2), entity("italic", 0, 2)]


def test_four_named_references_and_numbers_are_decoded() -> None:
    assert parse_html("&lt;&gt;&amp;&quot;&#35789;&#x8bcd;&lt")[0] == '<>&"词词<'


def test_other_references_stay_as_they_are_written() -> None:
    text = "&nbsp;&copy; & &#; &#0; &#x110000; &#00000000065;"
    assert parse_html(text) == (text, [])


def test_a_tag_is_read_whatever_its_case_and_spaces() -> None:
    assert parse_html("<B >x</b ><A  HREF = 'a'>y</a>")[0] == "xy"
    assert parse_html("<b>x</>") == ("x", [entity("bold", 0, 1)])
    assert parse_html("<b></b>x") == ("x", [])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("<br>", 'Unsupported start tag "br" at byte offset 0'),
        ("词<P>", 'Unsupported start tag "p" at byte offset 3'),
        ("1 < 2", 'Unsupported start tag "" at byte offset 2'),
        ("a<b", "Unclosed start tag at byte offset 1"),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        (
            "<b><i>x</b></i>",
            'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"',
        ),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ('<b "x">y</b>', 'Empty attribute name in the tag "b" at byte offset 0'),
        ("<b ", 'Empty attribute name in the tag "b" at byte offset 0'),
        ("<b x", 'Unclosed start tag "b" at byte offset 0'),
        ("<b x=", 'Unclosed start tag "b" at byte offset 0'),
        ('<a href="x', "Unclosed start tag at byte offset 0"),
        ("<a href=x/y>z</a>", "Unexpected end of name token at byte offset 8"),
        ("<tg-emoji>x</tg-emoji>", "Invalid custom emoji identifier specified"),
        (
            "&#xd83d;",
            "Text contains invalid Unicode characters after decoding HTML entities,"
            " check for unmatched surrogate code units",
        ),
    ],
)
def test_wrong_markup_is_refused_in_telegrams_words(text: str, complaint: str) -> None:
    with pytest.raises(HtmlError) as refusal:
        parse_html(text)
    assert str(refusal.value) == complaint


@given(st.text(alphabet="ab词😀\n &;#x1<>/=\"'-", max_size=40))
def test_any_text_is_either_parsed_or_complained_of(text: str) -> None:
    try:
        plain, entities = parse_html(text)
    except HtmlError:
        return
    for each in entities:
        assert 0 <= each["offset"] < each["offset"] + each["length"] <= utf16_length(plain)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_an_escaped_text_comes_out_as_it_went_in(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert parse_html(f"<b>{escaped}</b>")[0] == text


@given(st.text(alphabet="aé词😀\ud83d\udc00", max_size=20))
def test_lengths_are_utf16_units(text: str) -> None:
    assert utf16_length(text) == len(text) + sum(each > "\uffff" for each in text)


def test_a_copy_shares_nothing() -> None:
    value: dict[str, Any] = {"a": [{"b": [1, "x"]}, None], "c": {"d": {}}}
    copy = copied(value)
    assert copy == value
    copy["a"][0]["b"].append(2)
    copy["c"]["d"]["e"] = 1
    assert value == {"a": [{"b": [1, "x"]}, None], "c": {"d": {}}}
