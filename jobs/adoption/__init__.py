"""Adoption of Marquee by the Firebase project of an app: what is added to its files, and removed from them again."""
