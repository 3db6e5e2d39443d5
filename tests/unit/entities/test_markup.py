"""HTML to plain text."""

from html import escape, unescape
from html.entities import html5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.entities import Event, User
from shared.entities.markup import plain_text

SEPARATING = ["p", "div", "br", "li", "td", "tr", "h1", "h2", "hr", "ul", "blockquote", "section", "option", "P", "BR"]
INLINE = ["b", "i", "em", "strong", "span", "a", "u", "font", "sub", "B", "o:p", "my-element"]
HIDDEN = ["script", "style", "svg", "template", "SCRIPT"]
ATTRIBUTES = [
    "",
    " class=x",
    ' title="a > b"',
    " title='<br>'",
    ' href="/?a=1&b=2"',
    " title=don't hidden",
    "\n id = 'i'",
]
WORDS = (
    st.text("abcdéß音あกहिж<&", min_size=1, max_size=6)
    .map(lambda word: f"x{word}x")
    .filter(lambda word: plain_text(word) == word)
)


@st.composite
def _pieces(draw: st.DrawFn) -> tuple[str, str]:
    """HTML and its plain text."""
    markup, text = "", ""
    for word in draw(st.lists(WORDS, min_size=1, max_size=6)):
        kind, attributes = (
            draw(st.sampled_from(["block", "inline", "hidden", "comment", "reference"])),
            draw(st.sampled_from(ATTRIBUTES)),
        )
        if kind == "block":
            name = draw(st.sampled_from(SEPARATING))
            markup, text = f"{markup}<{name}{attributes}>{escape(word)}</{name}>", f"{text} {word} "
        elif kind == "inline":
            name = draw(st.sampled_from(INLINE))
            markup, text = f"{markup}<{name}{attributes}>{escape(word)}</{name}>", text + word
        elif kind == "hidden":
            name = draw(st.sampled_from(HIDDEN))
            markup, text = f"{markup}{escape(word)}<{name}{attributes}>if (a < b) c()</{name}>", text + word
        elif kind == "comment":
            markup, text = f"{markup}<!-- if (a <b) --><!DOCTYPE html>{escape(word)}", text + word
        else:
            markup, text = f"{markup}&nbsp;{escape(word)}&#233;&#xe9;&eacute;", f"{text} {word}ééé"
    return markup, " ".join(text.split())


@given(_pieces())
def test_markup_goes_and_words_stay_whole(piece: tuple[str, str]) -> None:
    markup, text = piece
    assert plain_text(markup) == text
    assert plain_text(escape(markup)) == text


@given(
    st.text()
    | st.lists(st.sampled_from([*"<>&;=\"'/!- x", "<p", "<b>", "<!--", "-->", "script", "&lt;", "amp;"])).map("".join)
)
def test_plain_text_is_final(text: str) -> None:
    plain = plain_text(text)
    assert plain_text(plain) == plain
    assert len(plain) <= len(text)


@given(st.text(st.characters(exclude_characters="<&", exclude_categories=["Cs"])))
def test_text_without_markup_is_unchanged(text: str) -> None:
    assert plain_text(text) is text


@pytest.mark.parametrize(
    "text",
    [
        *("a < b", "a<b", "a <b c", "x<y", "I <3 you", "<3", ">_<", "<>", "< b >", "1<2>1", "<-", "<<", "a << b >> c"),
        *("R&B", "AT&T", "R&B; Jazz", "Q&A", "Food&parades", "&c.", "a && b", "?a=1&copy=2", "&", "&;", "&#;", "&x;"),
        *("<NEW> Yoga", "mail <ann@example.org>", "see <https://example.org/a>", "<第3回>"),
        *("<Style> Fashion", "<script", "<!-- open", "<!", "</", "</p", '<a href="x', "<p title='"),
        *("two\nlines & more", "  two  spaces & more "),
    ],
)
def test_what_only_looks_like_markup_stays(text: str) -> None:
    assert plain_text(text) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<![CDATA[<p>Jazz</p>]]> Night", "Jazz Night"),
        ("&amp;nbsp;Jazz&amp;amp;nbsp;Night", "Jazz Night"),
        ("&lt;p&gt;Jazz&lt;/p&gt;", "Jazz"),
        ("Jazz&#146;s &#8217; &#x1F3B7;", "Jazz’s ’ 🎷"),
        ("&#xD800;&#1114112;&#0;", "\ufffd\ufffd\ufffd"),
        ("<!--[if mso]><p>Word</p><![endif]-->Jazz<![if !mso]>!<![endif]>", "Jazz!"),
        ("H<sub>2</sub>O<wbr>!", "H2O!"),
        ("<p>one<p>two<br/>three", "one two three"),
        ("<ul><li>one<li>two</ul>", "one two"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("<?xml version='1.0'?><x:y a='b'>Jazz</x:y>", "Jazz"),
        ("<b>Jazz", "Jazz"),
        ("Jazz</b>", "Jazz"),
    ],
)
def test_markup_as_feeds_write_it(markup: str, text: str) -> None:
    assert plain_text(markup) == text


def test_every_named_reference_is_decoded() -> None:
    for name in html5:
        if name.endswith(";"):
            text = plain_text(f"a&{name}b")
            assert text == plain_text(" ".join(unescape(f"a&{name}b").split())), name


@pytest.mark.parametrize(
    "unit",
    ["<", "<a ", "<div>", "<p", "<b><p>", "<!--", "<script>", "<a x='", '="<a ', "&", "&amp;", "<![CDATA[", "</"],
)
def test_hostile_markup_takes_no_more_than_a_long_text(unit: str) -> None:
    # A parser whose work grows with the square of the length takes minutes for some of these.
    plain_text(unit * (100_000 // len(unit)))


def test_all_that_people_write_about_events_and_users_is_plain() -> None:
    html, plain = "<p>Arts&nbsp;&amp; Crafts</p>", "Arts & Crafts"
    texts = ("title", "description", "category", "subcategory", "city")
    event = Event.from_document(
        "e", {**dict.fromkeys(texts, html), "tags": [html, plain, "<br>"], "image_url": "/?a&amp;b"}
    )
    assert {getattr(event, name) for name in texts} == {plain}
    assert (event.tags, event.image_url) == ((plain,), "/?a&amp;b")
    assert Event.from_document("e", event.to_document()) == event
    user = User.from_document(
        "u", {"city": html, "preferred_tags": [html], "preferred_categories": [html], "friends": ["<b>"]}
    )
    assert (user.city, user.preferred_tags, user.preferred_categories) == (plain, (plain,), (plain,))
    assert user.friends == ("<b>",)
