"""Define what every estimator is: facts, features and a quantile model."""
