#!/bin/sh
# make_environment.sh FOLDER: a virtual environment there, with the first Python that can have the locked packages.
# Those with which the tests run come first. PYTHON=/path/to/python names one and skips the search.
set -eu

folder=$1
here=${0%/*}
candidates=${PYTHON:-"python3.12 python3.11 python3.13 python3 python python3.14"}
without_venv=
refused=

for python in $candidates; do
    # A name on the path need not run (version managers leave shims), and need not be new enough.
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue
    if ! remark=$("$python" "$here/check_python.py"); then
        refused="$refused  $python: $remark.
"
        continue
    fi
    if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
        without_venv="$without_venv $python"
        continue
    fi
    echo "Making $folder with $python ($("$python" -c 'import platform; print(platform.python_version())'))"
    if [ -n "$remark" ]; then
        echo "$remark"
    fi
    "$python" -m venv "$folder"
    exit
done

if [ -n "$without_venv" ]; then
    echo "Found$without_venv, but without the standard library's venv and ensurepip." >&2
    echo "On Debian and Ubuntu: sudo apt install python3-venv. Then run make again." >&2
else
    echo "No Python from 3.11 to 3.14 that can have the locked packages among: $candidates." >&2
    printf '%s' "$refused" >&2
    echo "Install one (3.11, 3.12 and 3.13 are tested), or name it: make PYTHON=/path/to/python3.12 ..." >&2
fi
exit 1
