"""Small pieces of the page: bars, chips, tables of facts. Everything foreign is escaped by `Markup.format` and `join`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from hil_tests.evidence.measure import Kind, Limit, Measurement, number, with_unit

LIMIT_AT = 75.0
"""Where in a bar of 100 the limit stands: beyond it is room for what is too much."""
NEAR = 0.8
"""From this share of a limit on a value is called near it."""

UNITS = {"us": "µs", "um": "µm", "degC": "°C"}
"""Units as people write them."""
LARGER = {"us": "ms", "ms": "s", "um": "mm"}
LARGE = 10_000
"""From here on a value is told in the next larger unit."""

OUTCOME_SIGNS = {"passed": "✓ passed", "failed": "✗ FAILED", "skipped": "– not run"}


def lines(parts: Iterable[Markup]) -> Markup:
    """Pieces one below the other."""
    return Markup("\n").join(parts)


def tag(name: str, content: object, classes: str = "") -> Markup:
    """An element."""
    if classes:
        return Markup('<{0} class="{1}">{2}</{0}>').format(Markup(name), classes, content)
    return Markup("<{0}>{1}</{0}>").format(Markup(name), content)


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Markup]) -> Markup:
    """A table; columns are pairs of a title and a class."""
    head = Markup("").join(tag("th", title, classes) for title, classes in columns)
    return Markup(
        '<div class="wide"><table><thead><tr>{}</tr></thead><tbody>\n{}\n</tbody></table></div>'
    ).format(head, lines(rows))


def row(*cells: tuple[object, str]) -> Markup:
    """A row; cells are pairs of content and class."""
    return tag("tr", Markup("").join(tag("td", content, classes) for content, classes in cells))


def facts(title: str, pairs: Mapping[str, str], warn: Iterable[str] = ()) -> Markup:
    """A box of names and values; those named in `warn` stand out."""
    items = Markup("").join(
        tag("dt", name) + tag("dd", value, "warn" if name in warn else "") for name, value in pairs.items()
    )
    return Markup("<section><h3>{}</h3><dl>{}</dl></section>").format(title, items)


def outcome(word: str) -> Markup:
    """What became of a test."""
    return tag("span", OUTCOME_SIGNS[word], f"outcome {word}")


def value(one: Measurement) -> str:
    """A measured value in the unit of its size."""
    factor, shown = _unit(one)
    return with_unit(number(one.value * factor), shown)


def limit(one: Measurement) -> str:
    """Its limit, in the same unit."""
    factor, shown = _unit(one)
    low, high = one.limit.low, one.limit.high
    bounds = (None if low is None else low * factor, None if high is None else high * factor)
    return Limit(one.limit.kind, *bounds).words(shown) or "no limit"


def _unit(one: Measurement) -> tuple[float, str]:
    """A factor, and the unit as people write it: larger ones for large values and limits."""
    sizes = [abs(each) for each in (one.value, one.limit.low, one.limit.high) if each]
    factor, shown = 1.0, one.unit
    while shown in LARGER and sizes and max(sizes) * factor >= LARGE:
        factor, shown = factor / 1_000, LARGER[shown]
    return factor, UNITS.get(shown, shown)


def tone(one: Measurement) -> str:
    """How near a value is to its limit, as a class."""
    if not one.passed:
        return "bad"
    return "near" if one.used is not None and one.used >= NEAR else "good"


def margin(one: Measurement) -> Markup:
    """What is left of the limit, in words."""
    return tag("span", margin_words(one), tone(one))


def margin_words(one: Measurement) -> str:
    """What is left of the limit, or how far the value is beyond it."""
    if one.limit.kind is Kind.EQUAL:
        return (
            "exact"
            if one.passed
            else f"off by {with_unit(number(abs(one.value - (one.limit.low or 0))), UNITS.get(one.unit, one.unit))}"
        )
    if one.used is None:
        return "holds" if one.passed else "does not hold"
    if one.passed:
        return f"{(1 - one.used) * 100:.0f} % left"
    return f"{(one.used - 1) * 100:.0f} % beyond" if one.used < 100 else "far beyond"


def bar(one: Measurement) -> Markup:
    """How much of the limit is used up, as a picture; the limit is the upright line."""
    if one.limit.kind is Kind.WITHIN:
        return _band(one)
    if one.used is None:
        return Markup("")
    length = min(one.used * LIMIT_AT, 100.0)
    return Markup(
        '<svg class="used" viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label="{0}">'
        '<rect class="track" x="0" y="3" width="{2}" height="6"/><rect class="{3}" x="0" y="3" width="{1}" height="6"/>'
        '<line class="tick" x1="{2}" y1="0" x2="{2}" y2="12" vector-effect="non-scaling-stroke"/></svg>'
    ).format(margin_words(one), f"{max(length, 0.6):.1f}", LIMIT_AT, tone(one))


def _band(one: Measurement) -> Markup:
    """A value between two limits: the band from 15 to 85, the value as a point where it lies."""
    low, high = one.limit.low or 0.0, one.limit.high or 0.0
    share = 0.5 if low == high else (one.value - low) / (high - low)
    at = min(max(15 + 70 * share, 1.0), 99.0)
    return Markup(
        '<svg class="used" viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label="{0}">'
        '<rect class="track" x="15" y="3" width="70" height="6"/><rect class="{2}" x="{1}" y="1" width="2" height="10"/>'
        '<line class="tick" x1="15" y1="0" x2="15" y2="12" vector-effect="non-scaling-stroke"/>'
        '<line class="tick" x1="85" y1="0" x2="85" y2="12" vector-effect="non-scaling-stroke"/></svg>'
    ).format(margin_words(one), f"{at - 1:.1f}", tone(one))
