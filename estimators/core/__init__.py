"""Define what all estimators share: errors, types, distributions, data sets, labels and stages."""
