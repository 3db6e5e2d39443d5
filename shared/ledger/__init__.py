"""The history of a deployment as files in the bucket."""
