#!/bin/sh
# install_redis_server.sh: see to it that there is a redis-server, which the tests of the event store start.
# On Debian and Ubuntu it is installed where that asks for no password; elsewhere this says what to install.
set -eu

if command -v redis-server >/dev/null && command -v redis-cli >/dev/null; then
    exit 0
fi

# as_root COMMAND...: run it with the rights of root, without asking for a password.
if [ "$(id -u)" -eq 0 ]; then
    as_root() { env "$@"; }
else
    as_root() { sudo -n env "$@"; }
fi

if command -v apt-get >/dev/null && as_root true 2>/dev/null; then
    echo "Installing redis-server for the tests of the event store ..."
    if as_root apt-get -qq update &&
        as_root DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends redis-server >/dev/null; then
        exit 0
    fi
fi

echo "There is no redis-server; the tests of the Redis event store need one (7.0 or newer)." >&2
echo "Debian, Ubuntu: sudo apt install redis-server; Fedora: sudo dnf install redis; macOS: brew install redis." >&2
if [ -n "${CI:-}" ]; then
    exit 1
fi
echo "Without it they are skipped." >&2
