#!/bin/sh
# install.sh FOLDER LOCK...: make the environment at FOLDER hold exactly what the locks name.
# pip installs uv alone, at a pinned version; uv installs the rest. The pip that came with a Python may
# be years old, and old ones replace a pinned `name[extra]` by the newest release there is.
set -eu

folder=$1
shift
here=$(dirname "$0")
python=$folder/bin/python

# What pip was told about the package index holds for uv, too (`config get` misses some of it).
told=$("$python" -m pip config list)

# setting NAME: from pip's environment, or else from its files.
setting() {
    for place in :env: global; do
        echo "$told" | sed -n "s/^$place\\.$1='\\(.*\\)'\$/\\1/p"
    done | head -n 1
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
