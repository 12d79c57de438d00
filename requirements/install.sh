#!/bin/sh
# install.sh FOLDER LOCK...: make the environment at FOLDER hold exactly what the locks name.
# pip installs uv alone, at a pinned version; uv installs the rest. The pip that came with a Python may
# be years old, and old ones replace a pinned `name[extra]` by the newest release there is.
set -eu

folder=$1
shift
here=$(dirname "$0")
python=$folder/bin/python

# setting NAME: what pip was told about the package index (its environment comes before its files).
setting() {
    "$python" -m pip config get ":env:.$1" 2>/dev/null ||
        "$python" -m pip config get "global.$1" 2>/dev/null || true
}

"$python" -m pip install --quiet --require-virtualenv --require-hashes --no-deps \
    -r "$here/uv.lock"

index=$(setting index-url)
certificates=$(setting cert)
if [ -n "$index" ]; then
    export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
fi
if [ -n "$certificates" ]; then
    export SSL_CERT_FILE="${SSL_CERT_FILE:-$certificates}"
fi
export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-120}"

for lock in "$@"; do
    shift
    set -- "$@" "$here/$lock.lock"
done
exec "$folder/bin/uv" pip sync --quiet --python "$python" --require-hashes --compile-bytecode \
    "$@" "$here/uv.lock"
