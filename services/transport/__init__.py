"""Turn bytes into requests: connections with limits, timeouts and load shedding.

The package replaces uvicorn's protocol and server. It is independent of what a request asks for.
"""
