"""Train an estimator on a data set: tuning, ablation and diagnostics."""
