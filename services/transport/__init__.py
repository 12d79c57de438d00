"""How bytes become requests: connections, their limits and timeouts, overload, start and end.

It takes the place of uvicorn's protocol and server. Nothing here knows what a request asks for.
"""
