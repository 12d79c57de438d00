"""Know BentoML: endpoints, patches, tuning, OpenAPI and serving."""
