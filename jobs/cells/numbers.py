"""Numbers and prices of spreadsheets: decimal commas, thousands separators, currencies and words for "free"."""

import re
from collections.abc import Mapping
from typing import Final

from jobs.cells.convention import Cells, Convention
from shared.errors import InvalidField

_SPACES: Final = " \u00a0\u2007\u2009\u202f"
_APOSTROPHES: Final = "'’"
_FREE: Final = frozenset(
    (
        *("free", "free entry", "free admission", "gratis", "gratuit", "gratuito", "grátis", "kostenlos", "frei"),
        *("eintritt frei", "bezpłatny", "zdarma", "ilmainen", "ücretsiz", "бесплатно", "無料", "免费", "免費", "무료"),
    )
)
# Signs that several currencies share name none.
_SYMBOLS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("$", "¥", "￥", "kr", "kr.", "Fr", "Fr.", "Rs", "Rs."), ""),
    **dict.fromkeys(("Euro", "Euros", "euro", "euros"), "EUR"),
    **dict(zip("€£₹₩₽₺₪₴₫฿₱₦", re.findall("...", "EURGBPINRKRWRUBTRYILSUAHVNDTHBPHPNGN"), strict=True)),
    **{f"{place}$": f"{place[:2]}D" for place in ("US", "NZ", "HK")},
    **dict.fromkeys(("A$", "AU$"), "AUD"),
    **dict.fromkeys(("C$", "CA$"), "CAD"),
    **dict(zip(("zł", "Kč", "R$", "S$", "Ft", "lei"), ("PLN", "CZK", "BRL", "SGD", "HUF", "RON"), strict=True)),
}
_CODES: Final = frozenset(
    re.findall(
        "...",
        "AEDALLAMDARSAUDAZNBAMBDTBGNBHDBRLBYNCADCHFCLPCNYCOPCRCCZKDKKDOPDZDEGPETBEURGBPGELGHSGTQHKDHNLHUFIDRILSINRIQD"
        "IRRISKJMDJODJPYKESKRWKWDKZTLBPLKRMADMDLMKDMURMXNMYRNGNNIONOKNPRNZDOMRPABPENPHPPKRPLNPYGQARRONRSDRUBSARSEKSGD"
        "THBTNDTRYTTDTWDTZSUAHUGXUSDUYUUZSVESVNDXAFXOFZARZMW",
    )
)
_PRICE: Final = re.compile(
    rf"(?P<before>[^\d+\-−]*?)\s*(?P<number>[+\-−]?\d(?:[\d.,{_APOSTROPHES}{_SPACES}]*\d)?)(?:[.,][-–—]+)?\s*(?P<after>\D*)"
)


def _pattern(mark: str, groups: str) -> re.Pattern[str]:
    grouped = "|".join(rf"[1-9]\d{{0,2}}(?:[{group}]\d{{3}})+" for group in groups)
    return re.compile(rf"([+\-−]?)(\d+|{grouped})(?:{re.escape(mark)}(\d+))?", re.ASCII)


_MARKS: Final = {
    ".": _pattern(".", f",{_APOSTROPHES}{_SPACES}"),
    ",": _pattern(",", f".{_APOSTROPHES}{_SPACES}"),
}
_GROUPED: Final = re.compile(r"[+\-−]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)


def readings(text: str) -> dict[str, float]:
    """Values of a number by its decimal mark; thousands may be grouped by the other mark, spaces or apostrophes.

    >>> readings("1.234,50"), readings("1,234"), readings("25")
    ({',': 1234.5}, {'.': 1234.0, ',': 1.234}, {'.': 25.0, ',': 25.0})
    """
    found = {}
    for mark, pattern in _MARKS.items():
        if match := pattern.fullmatch(text):
            sign, whole, part = match.groups()
            value = float(f"{re.sub('[^0-9]', '', whole)}.{part or 0}")
            found[mark] = -value if sign in ("-", "−") else value
    return found


class NumberColumn:
    """Numbers of a column as floats; texts that are none are returned, so that the entity refuses them.

    Parameters
    ----------
    field : name of the field.
    cells : cells of the column, for its decimal mark.
    is_whole : whether numbers have no decimals, so that `1.234` has a thousands separator.
    is_small : whether numbers have no thousands, so that `59,123` has a decimal comma.
    """

    def __init__(self, field: str, cells: Cells, *, is_whole: bool = False, is_small: bool = False) -> None:
        self._field = field
        self._is_whole = is_whole
        self._is_small = is_small
        self._mark = Convention(cells, lambda cell: readings(_number(cell)))

    def read(self, cell: str) -> float | str:
        """Number of a cell; raises `InvalidField` for one that reads as thousands and as decimals."""
        if self._is_small or "." not in cell or not _GROUPED.fullmatch(cell.strip()):
            try:
                return float(cell)
            except ValueError:
                pass
        return self.read_number(cell.strip())

    def read_number(self, text: str) -> float | str:
        """Number of a text without white space around it, see `read`."""
        found = readings(text)
        if not found:
            return text
        if self._is_small or self._is_whole:
            if _GROUPED.fullmatch(text):
                return min(found.values(), key=abs) if self._is_small else max(found.values(), key=abs)
            return next(iter(found.values()))
        value = self._mark.choose(found)
        if value is None:
            digits = re.sub(r"[.,]", "", text)
            expected = f"a number that reads one way, since {text} may have thousands or decimals: write {digits} or "
            raise InvalidField(self._field, text, expected + re.sub(r"[.,](\d+)", r".\g<1>0", text))
        return value


class PriceColumn:
    """Prices of a column: a number, maybe with a currency before or after it, or a word for "free"."""

    def __init__(self, field: str, cells: Cells) -> None:
        self._field = field
        self._numbers = NumberColumn(field, cells)

    def read(self, cell: str) -> tuple[float | str, str]:
        """Price and code of its currency, the latter empty if the cell does not tell it."""
        text = cell.strip()
        try:
            if "." not in text or not _GROUPED.fullmatch(text):
                return float(text), ""
        except ValueError:
            pass
        if text.casefold() in _FREE:
            return 0.0, ""
        match = _PRICE.fullmatch(text)
        codes = [_code(sign) for sign in (match["before"].strip(), match["after"].strip()) if sign] if match else []
        known = {code for code in codes if code}
        if not match or None in codes or len(known) > 1:
            raise InvalidField(self._field, cell, "one price, such as 12.50, $25 or Free")
        return self._numbers.read_number(match["number"]), "".join(known)


def _code(sign: str) -> str | None:
    """Code of a currency from its sign, empty for a sign of several; None for a text that names no currency."""
    return _SYMBOLS.get(sign, sign.upper() if sign.upper() in _CODES else None)


def _number(cell: str) -> str:
    match = _PRICE.fullmatch(cell.strip())
    return match["number"] if match else cell
