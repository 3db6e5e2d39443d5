"""Command lines: load, retrain, backtest, the sample city and the demo."""
