"""Pure analysis of what the models say: ranking and evaluation."""
