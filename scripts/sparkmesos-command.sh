# Sourced by the drop-ins beside it: sets `sparkmesos` to the command, this checkout's if that is installed.
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
sparkmesos=$here/../.venv/bin/sparkmesos
if [ ! -x "$sparkmesos" ]; then
    sparkmesos=$(command -v sparkmesos) || {
        echo "error: sparkmesos is not installed" >&2
        echo "hint: pip install it, or run scripts/quickstart in its checkout" >&2
        exit 1
    }
fi
