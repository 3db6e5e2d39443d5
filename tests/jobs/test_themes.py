"""Word lists of the synthetic city: completeness, uniqueness and valid patterns."""

import re

from jobs.city.themes import read_themes

TOPICS = [topic for theme in read_themes() for topic in theme.topics]


def test_every_topic_has_the_word_lists_that_the_generator_requires() -> None:
    assert {(len(topic.tags), len(topic.queries)) for topic in TOPICS} == {(5, 2)}
    assert all(topic.titles and topic.subjects and topic.details for topic in TOPICS)


def test_names_are_unique_and_queries_give_distinct_ids() -> None:
    categories = [theme.category for theme in read_themes()]
    assert len(set(categories)) == len(categories)
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    slugs = ["-".join(re.findall(r"\w+", query.lower()))[:60] for topic in TOPICS for query in topic.queries]
    assert len(set(slugs)) == len(slugs)


def test_patterns_use_only_known_placeholders() -> None:
    words = {"subject": "Subject", "venue": "V", "area": "A"}
    for theme in read_themes():
        for pattern in (*theme.openings, *theme.closings, *(text for topic in theme.topics for text in topic.details)):
            assert pattern.format(**words).endswith((".", "?"))
        for name in theme.organizers:
            assert "{" not in name.format(area="A")
    for pattern in (pattern for topic in TOPICS for pattern in topic.titles):
        assert "Subject" in pattern.format(**words, weekday="Monday")


def test_no_tag_contains_the_list_separator() -> None:
    assert not [tag for topic in TOPICS for tag in topic.tags if "|" in tag]
