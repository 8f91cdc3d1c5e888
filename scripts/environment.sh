# Sourced by the scripts beside it: makes .venv and installs into it. Needs only a Python of 3.10 to 3.13.

# Prints the Python to use. 3.11 comes first because the tests run on it.
find_python() {
    local candidate
    local candidates="python3.11 python3 python3.12 python3.10 python3.13"
    for candidate in ${PYTHON:-$candidates}; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "error: no Python from 3.10 to 3.13 with the venv module was found (tried: ${PYTHON:-$candidates})" >&2
    echo "hint: install one (on Debian: apt-get install python3 python3-venv), or name it: PYTHON=/path/to/python $0" >&2
    return 1
}

# install_requirements FILE: makes .venv if needed and installs what FILE lists, unless that was done already.
install_requirements() {
    local requirements=$1 python stamp
    # A .venv without a pip is what an interrupted first run leaves behind.
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        python=$(find_python) || return 1
        echo "Making .venv with $("$python" --version)" >&2
        "$python" -m venv --clear .venv || return 1
    fi
    # What was installed from which descriptions; a change of one of them installs again.
    stamp=$(cat setup.cfg pyproject.toml requirements/*.txt third_party/*/setup.cfg third_party/*/*/*.py | cksum)
    if [ "$(cat ".venv/installed-$(basename "$requirements")" 2>/dev/null)" = "$stamp" ]; then
        return
    fi
    echo "Installing $requirements (Spark is about 350 MB; the first time takes a minute or two)" >&2
    # Without --use-pep517 a pip before 23.1 warns of each package that has no pyproject.toml.
    .venv/bin/python -m pip install --quiet --use-pep517 --disable-pip-version-check --requirement "$requirements" || return 1
    echo "$stamp" > ".venv/installed-$(basename "$requirements")"
}
