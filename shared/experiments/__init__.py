"""Experiments: assignment of users to variants, and statistics that hold whenever one looks at them."""
