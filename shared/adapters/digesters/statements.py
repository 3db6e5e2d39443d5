"""SQL of digests, one text for DuckDB and Spark: the rules of `arrays.py` over the ledger's files.

Only integers are compared, multiplied and added, since engines differ in the last digit of floating-point functions.
Both engines have `unix_micros`, as a macro in DuckDB, and compare texts by their UTF-8 bytes. Relations that an engine
must provide:

- `interactions`: the columns of the ledger;
- `user_rows`: the columns of the ledger, and `file_number` and `file_row_number`, the order of writing;
- `types`: `type`, `family`, `code`, `lasts`, `has_stars` and `weight` of each interaction type;
- `growth`: `units` by `minute` of a half-life.
"""

from collections.abc import Sequence
from datetime import date, datetime
from string import Template
from typing import Final

from shared.entities import InteractionType, Origin, anonymous
from shared.entities.interaction import MAX_STARS
from shared.feedback.accounts import MAX_AGE, OLD_ENOUGH
from shared.feedback.drawing import DIGITS
from shared.feedback.eventsums import (
    DAY_US,
    MINUTE_US,
    MINUTES,
    RECENT_DAYS,
    US,
    WEIGHT,
    measures,
    microsecond,
)
from shared.feedback.trends import WINDOWS
from shared.feedback.weights import NEUTRAL_STARS, STARS_TO_WEIGHT
from shared.ledger import parquet
from shared.ledger.index import INTERACTIONS, USERS
from shared.monitoring.bookings import PAST_WEEKS, WEEK, week_end

PROFILES: Final = """
SELECT * FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY file_number DESC, file_row_number DESC) AS newest
  FROM user_rows
) AS numbered WHERE newest = 1
"""
"""Relation `profiles`: the last written row of each user."""

ODD: Final = "SELECT profiling, mended, dropped, COUNT(*) AS n FROM profiles GROUP BY profiling, mended, dropped"
"""Numbers of profiles by whether they may be profiled and by the fields that were mended and dropped."""

COUNTS: Final = "SELECT bucket, CAST(SUM(n) AS BIGINT) AS n FROM accounts GROUP BY bucket"
"""Numbers of interactions by bucket, which is hexadecimal digits."""

_DAMAGED: Final = Template("""
SELECT COUNT(*) AS n FROM interactions LEFT JOIN types ON interactions.type = types.type
WHERE interaction_id IS NULL OR user_id IS NULL OR types.type IS NULL OR occurred_at IS NULL
  OR unix_micros(occurred_at) < 0 OR unix_micros(occurred_at) >= $latest
  OR unix_micros(recorded_at) < 0 OR unix_micros(recorded_at) >= $latest
  OR COALESCE(origin, '') NOT IN ($origins)
""")

_ACCOUNTS: Final = Template("""
SELECT user_id, bucket, n FROM (
  SELECT user_id, SUBSTR(MD5(user_id), 1, $digits) AS bucket, COUNT(*) AS n,
    MAX(CASE WHEN is_loaded THEN 1 ELSE 0 END) AS loaded,
    MIN(recorded) AS earliest, MAX(recorded) AS latest
  FROM (
    SELECT user_id, unix_micros(recorded_at) AS recorded,
      COALESCE(origin, '') = '$load' OR recorded_at IS NULL
      OR (COALESCE(origin, '') = '' AND unix_micros(recorded_at) - unix_micros(occurred_at) > $max_age) AS is_loaded
    FROM interactions
    WHERE unix_micros(occurred_at) < $now AND SUBSTR(user_id, 1, $n_visitor) <> '$visitor'
      AND NOT EXISTS (
        SELECT 1 FROM profiles WHERE profiles.user_id = interactions.user_id AND NOT COALESCE(profiling, TRUE)
      )
  ) AS acted GROUP BY user_id
) AS users
WHERE loaded = 1 OR earliest <= $now - $old_enough OR earliest - earliest % $day < latest - latest % $day
""")

_INTERACTIONS: Final = Template("""
SELECT $columns FROM interactions INNER JOIN accounts ON interactions.user_id = accounts.user_id
WHERE unix_micros(occurred_at) < $now AND bucket <= '$last'
""")

_USERS: Final = Template("""
SELECT $columns FROM profiles
WHERE COALESCE(profiling, TRUE) AND SUBSTR(MD5(user_id), 1, $digits) <= '$last'
""")

_SUMS: Final = Template("""
WITH learned AS (
  -- DuckDB also computes a branch for rows that do not take it, where other numbers than stars may fit no integer.
  SELECT interactions.user_id, event_id, organizer_id, family, code, lasts, unix_micros(occurred_at) AS done,
    CASE WHEN isnan(value) THEN NULL ELSE value END AS value,
    CASE WHEN has_stars AND value >= 1 AND value <= $max_stars
      THEN GREATEST(TRY_CAST(FLOOR((CAST(value AS DOUBLE) - $neutral) * $per_star + 0.5) AS BIGINT), 0)
      ELSE weight END AS weight
  FROM interactions
    INNER JOIN accounts ON interactions.user_id = accounts.user_id
    INNER JOIN types ON interactions.type = types.type
  WHERE unix_micros(occurred_at) < $now
), states AS (
  SELECT event_id, done, weight, CAST(NULL AS BIGINT) AS until FROM learned WHERE NOT lasts
  UNION ALL
  SELECT event_id, done, weight, LEAD(done) OVER (
    PARTITION BY user_id, family, CASE WHEN family = '$follow' THEN organizer_id ELSE event_id END
    ORDER BY done, event_id NULLS FIRST, organizer_id NULLS FIRST, code, value NULLS LAST
  ) AS until
  FROM learned WHERE lasts AND (event_id IS NOT NULL OR organizer_id IS NOT NULL)
), minutes AS (
  SELECT event_id, done, weight, until, CAST((done - done % $minute_us) / $minute_us AS BIGINT) AS minute_number
  FROM states WHERE event_id IS NOT NULL
), grown AS (
  SELECT event_id, done, until, CAST((minute_number - minute_number % $minutes) / $minutes AS BIGINT) AS half_life,
    weight * growth.units AS units
  FROM minutes INNER JOIN growth ON minute_number % $minutes = growth.minute
)
SELECT event_id, half_life, $measures FROM grown GROUP BY event_id, half_life
""")

_SUM: Final = Template("CAST(SUM(CASE WHEN $condition THEN $value ELSE 0 END) AS BIGINT) AS $name")
_HOLDS: Final = Template("done < $moment AND (until IS NULL OR until >= $moment)")

_BOOKINGS: Final = Template("""
SELECT event_id, back, COUNT(*) AS bookings FROM (
  SELECT event_id, CAST((age - age % $week) / $week AS BIGINT) AS back FROM (
    SELECT event_id, $end - 1 - unix_micros(occurred_at) AS age
    FROM interactions INNER JOIN accounts ON interactions.user_id = accounts.user_id
    WHERE type = '$booking' AND event_id IS NOT NULL AND unix_micros(occurred_at) < $now
  ) AS aged WHERE age >= 0 AND age < $weeks * $week
) AS booked GROUP BY event_id, back
""")


def damaged() -> str:
    """Number `n` of interactions that no program of this kind wrote."""
    origins = ", ".join(f"'{origin}'" for origin in Origin)
    return _DAMAGED.substitute(latest=parquet.LATEST_US, origins=origins)


def accounts(now: datetime) -> str:
    """Relation `accounts`: users whom models learn from, their bucket, and the number `n` of their interactions."""
    return _ACCOUNTS.substitute(
        digits=DIGITS,
        now=microsecond(now),
        load=Origin.LOAD,
        max_age=round(MAX_AGE.total_seconds() * US),
        old_enough=round(OLD_ENOUGH.total_seconds() * US),
        day=DAY_US,
        visitor=anonymous(""),
        n_visitor=len(anonymous("")),
    )


def interactions(now: datetime, last: int) -> str:
    """Interactions of the users up to a bucket, with all columns of the ledger."""
    names = parquet.schema(INTERACTIONS).names
    columns = ", ".join(f"interactions.{name} AS {name}" for name in names)
    return _INTERACTIONS.substitute(columns=columns, now=microsecond(now), last=_digits(last))


def users(last: int) -> str:
    """Newest profiles of the users up to a bucket who may be profiled, with all columns of the ledger."""
    return _USERS.substitute(columns=", ".join(parquet.schema(USERS).names), digits=DIGITS, last=_digits(last))


def sums(moments: Sequence[datetime], now: datetime) -> str:
    """Sums by event and half-life, see `eventsums.measures`."""
    conditions: list[tuple[str, str]] = []
    for moment in map(microsecond, moments):
        holds = _HOLDS.substitute(moment=moment)
        conditions.append((holds, "units"))
        ends = [moment - round(days * DAY_US) for days in WINDOWS.values()]
        conditions += [(f"{holds} AND done <= {end}", "units") for end in ends]
        conditions.append((holds, "1"))
    conditions.append((f"done >= {microsecond(now) - RECENT_DAYS * DAY_US}", "1"))
    summed = [
        _SUM.substitute(condition=condition, value=value, name=name)
        for (condition, value), name in zip(conditions, measures(moments), strict=True)
    ]
    return _SUMS.substitute(
        max_stars=MAX_STARS,
        neutral=round(NEUTRAL_STARS),
        per_star=round(STARS_TO_WEIGHT * WEIGHT),
        now=microsecond(now),
        follow=InteractionType.FOLLOW,
        minute_us=MINUTE_US,
        minutes=MINUTES,
        measures=",\n  ".join(summed),
    )


def bookings(week: date, now: datetime) -> str:
    """Numbers of bookings by event and week."""
    return _BOOKINGS.substitute(
        week=round(WEEK.total_seconds() * US),
        weeks=PAST_WEEKS,
        end=microsecond(week_end(week)),
        booking=InteractionType.BOOKING,
        now=microsecond(now),
    )


def _digits(bucket: int) -> str:
    return f"{bucket:0{DIGITS}x}"
