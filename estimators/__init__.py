"""From features to distributions of seconds: one estimator per question."""
