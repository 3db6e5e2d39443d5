"""HTML to plain text: tags, comments, scripts, styles and character references go; all other text stays as it is."""

import re
from html import unescape
from html.entities import html5
from typing import Final

import nh3

_BLOCKS: Final = (
    "p|br|div|li|ul|h[1-6r]|t[drh]|ol|table|body|html|head|header|hgroup|section|article|main|aside|address|blockquote|"
    "caption|center|col|colgroup|d[dlt]|details|dialog|dir|fieldset|figcaption|figure|footer|form|frame|frameset|"
    "legend|listing|marquee|menu|nav|optgroup|option|plaintext|pre|search|select|summary|tbody|textarea|tfoot|thead|"
    "title|xmp"
)
"""Elements that separate words, the frequent ones first, as a pattern."""
_INLINE: Final = (
    "a|b|i|u|em|strong|span|font|img|abbr|acronym|applet|area|audio|base|basefont|bdi|bdo|bgsound|big|blink|button|"
    "canvas|cite|code|data|datalist|del|dfn|embed|input|ins|kbd|label|link|map|mark|meta|meter|nobr|noscript|object|"
    "output|param|picture|progress|q|r[bpt]|rtc|ruby|s|samp|slot|small|source|strike|su[bp]|time|track|tt|var|video|wbr"
)
"""Elements that may stand within a word, as a pattern."""
_HIDDEN: Final = "script|style|svg|math|template|iframe|noembed|noframes"
"""Elements whose content is no text, as a pattern."""

_PLAIN_PART: Final = r"""(?:[^<>=]|=\s*+(?:"[^"<]*+"|'[^'<]*+'|(?!["'])))*+"""
_REST: Final = rf"""(?:{_PLAIN_PART}(?:=\s*+(?:"[^"]{{0,300}}"|'[^']{{0,300}}')){{0,4}}+{_PLAIN_PART})>"""
"""Rest of a tag after its name. A quote opens a value only after "="; values that hold "<" are bounded, since each "<"
of them is looked at again."""
_BLOCK: Final = re.compile(rf"</?(?:{_BLOCKS})(?=[\s/>]){_REST}", re.IGNORECASE)
_LITERAL: Final = re.compile(
    r"<(?!!--|[!?][a-z\[][^<>]*+>|/[a-z][^<>]*+>"
    rf"|(?:{_INLINE}|{_HIDDEN}|[a-z0-9]+[-:][a-z0-9:-]+)(?=[\s/>]){_REST}"
    rf"|[a-z][^\s<>/]*+(?:\s[^<>=]*+(?==){_PLAIN_PART}|\s*+/)>)",
    re.IGNORECASE,
)
"""Less-than sign that begins no markup. A name that is none of HTML's is a tag where it ends an element, has attributes
or is written as custom elements are, so "<New>" before a title stays."""
_OPENING: Final = re.compile(rf"<(?:!--|({_HIDDEN})(?=[\s/>]))", re.IGNORECASE)
_CLOSING: Final = re.compile(rf"-->|</({_HIDDEN})(?=[\s/>])", re.IGNORECASE)
_AMPERSAND: Final = re.compile(r"&(?:#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|([a-zA-Z][a-zA-Z0-9]{1,31};))?")
_CDATA: Final = re.compile(r"<!\[CDATA\[|\]\]>")
_MAX_LAYERS: Final = 4
"""Passes over a text whose markup is escaped within markup, as feeds of feeds have it; two are seen in practice."""


def plain_text(text: str) -> str:
    """Plain text of a text that may hold HTML; a text without markup is returned unchanged.

    Tags, comments, declarations and the content of scripts, styles and drawings vanish, block elements separate words,
    and character references that end with ";" are decoded, until none is left. Where there was any of these, white
    space becomes single spaces. What only looks like markup stays, such as "<" before a digit or "&" before a letter.

    >>> plain_text("<p>Rock&nbsp;&amp;&nbsp;Roll<br>N<b>ig</b>ht</p><script>track()</script>")
    'Rock & Roll Night'
    >>> plain_text("R&B, AT&T, a < b, I <3 you")
    'R&B, AT&T, a < b, I <3 you'
    """
    for _ in range(_MAX_LAYERS):
        if "<" not in text and "&" not in text:
            return text
        found = _without_layer(text)
        if found is None:
            return text
        text = found
    # Nobody writes so many layers by accident, so nothing that is meant as text is lost.
    return " ".join(re.sub("[<&]", " ", text).split())


def _without_layer(text: str) -> str | None:
    """Plain text after one pass, None for a text without markup."""
    text, is_decoded = _with_literal_ampersands(text)
    text, sections = _CDATA.subn(" ", text) if "<![CDATA[" in text else (text, 0)
    # The parser's work grows with the square of the depth of blocks, which plain text does not need.
    text, blocks = _BLOCK.subn(" ", text)
    text = _LITERAL.sub("&lt;", text)
    if _OPENING.search(text):
        text = _with_closed_elements(text)
    if not (is_decoded or sections or blocks or "<" in text):
        return None
    cleaned = nh3.clean(text, tags=set(), clean_content_tags=set(_HIDDEN.split("|")), link_rel=None)
    return " ".join(unescape(cleaned).split())


def _with_literal_ampersands(text: str) -> tuple[str, bool]:
    """HTML in which "&" is escaped unless it begins a character reference, and whether there is such a reference."""
    is_decoded = False

    def escaped(found: re.Match[str]) -> str:
        nonlocal is_decoded
        if len(found[0]) == 1 or (found[1] and found[1] not in html5):
            return "&amp;" + found[0][1:]
        is_decoded = True
        return found[0]

    return _AMPERSAND.sub(escaped, text), is_decoded


def _with_closed_elements(text: str) -> str:
    """HTML in which comments and hidden elements without an end are text, since they would hide all that follows."""
    last = {(found[1] or "").lower(): found.start() for found in _CLOSING.finditer(text)}

    def escaped(found: re.Match[str]) -> str:
        return found[0] if last.get((found[1] or "").lower(), -1) > found.start() else "&lt;" + found[0][1:]

    return _OPENING.sub(escaped, text)
