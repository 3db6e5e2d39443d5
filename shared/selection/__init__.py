"""Model selection: offline evaluation, the publication gate and drift detection."""
