"""Command lines: load, retrain, rollback, backtest, sample data and demo."""
