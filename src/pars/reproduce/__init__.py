"""One small file per experiment: what to train on what, for how long, and what to show."""
