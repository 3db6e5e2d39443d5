"""App with collections, fields and types of its own, none of which has Marquee's names."""

from typing import Final

from shared.schema import Schema

APP: Final = Schema.parse("""
[firestore]
prefix = "marquee_"

[events]
collection = "shows"
title = "name"
description = "info.text"
category = "genre"
subcategory = "sub-genre"
tags = "labels"
organizer_id = "promoter"
venue_id = "hall"
city = "place.town"
location = "place.position"
starts_at = "when.begins at"
ends_at = "when.ends at"
timezone = "when.zone"
price = "ticket.amount"
currency = "ticket.currency"
capacity = "seats"
booked = "seatsTaken"
status = { field = "state", published = ["live", "on_sale"], cancelled = "off", sold_out = "full", hidden = "draft" }
image_url = "poster"
created_at = "createdAt"
updated_at = "modifiedAt"

[interests]
collection = "tastes"
preferred_categories = "genres"
preferred_tags = "labels"
max_price = "budget"
city = "home.town"
latitude = "home.lat"
longitude = "home.lon"
birth_year = "born"
gender = "sex"
friends = "buddies"
created_at = "createdAt"
profiling = "consent.profiling"
updated_at = "modifiedAt"

[interactions]
collection = "deeds"
""")
"""Schema of the app: the profiles are Marquee's own, in a collection apart from the app's users."""
