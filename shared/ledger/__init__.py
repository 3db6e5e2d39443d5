"""Ledger: the history of a deployment as Parquet files in the bucket, with an index that names them."""
