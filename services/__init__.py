"""The BentoML services of Doorstep: one per estimator, the event intake and the client."""
