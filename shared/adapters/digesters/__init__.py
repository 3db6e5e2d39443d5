"""Digesters: engines that reduce the ledger, an adapter each. Their packages are imported where they are used."""
