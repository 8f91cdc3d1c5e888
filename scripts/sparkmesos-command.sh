# Sourced by the drop-ins beside it: sets `here` to their folder, and `sparkmesos` to the command: this checkout's
# if that is installed, else the one on the PATH.
here=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd) || exit
for sparkmesos in "$here/../.venv/bin/sparkmesos" "$(command -v sparkmesos)" ""; do
    # Of a checkout that was moved it is there, but finds its Python no more.
    if [ -x "$sparkmesos" ] && "$sparkmesos" --version >/dev/null 2>&1; then
        break
    fi
done
if [ -z "$sparkmesos" ]; then
    echo "error: sparkmesos is not installed: none that can be run is in ${here%/*}/.venv or on the PATH ($PATH)" >&2
    echo "hint: pip install it, or run scripts/quickstart in its checkout. Where a checkout was moved, remove its" \
        ".venv before" >&2
    exit 1
fi
# What they say on stdout, and their exit codes, are Spark's.
export _SPARKMESOS_IN_PLACE_OF_SPARK=1
