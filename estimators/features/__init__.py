"""Define what a model is given: facts of the request, feature lists and shrinkage."""
