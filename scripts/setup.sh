#!/usr/bin/env bash
# Make the environment .venv from a lock: scripts/setup.sh cpu|gpu, run from the repository's folder (see Makefile).
# A pinned uv, installed by pip, installs the rest; where it cannot (or NO_UV=1), pip does it alone. Both check hashes.
set -euo pipefail

lock=$1
venv=.venv
py=$venv/bin/python
requirements=requirements/$lock.txt
log=$venv/setup.log

say() { printf 'setup: %s\n' "$*"; }

if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    say "needs Python 3.11 or newer, but '$PYTHON' is not; name one: make setup PYTHON=/path/to/python3.11" >&2
    exit 7
fi
# CUDA's packages are gigabytes, which nobody needs where no GPU can use them.
if [ "$lock" = gpu ] && ! missing=$("$PYTHON" src/pars/cli/driver.py); then
    say "$missing" >&2
    exit 7
fi

# A second lock over the first would leave its extra packages behind (a CUDA plugin on a CPU install).
if [ "$(cat "$venv/lock-name" 2>/dev/null || echo "$lock")" != "$lock" ]; then
    say "switching to the $lock lock, starting from an empty $venv"
    rm -rf "$venv"
fi

if ! "$py" -m pip --version >/dev/null 2>&1; then
    say "making $venv with $("$PYTHON" --version)"
    rm -rf "$venv"
    if ! "$PYTHON" -m venv "$venv"; then
        say "'$PYTHON -m venv' failed; on Debian or Ubuntu: apt-get install python3-venv" >&2
        exit 7
    fi
fi
rm -f "$venv"/ready-*

# uv does not read pip's configuration, so an index or a certificate set for pip alone is handed on.
pip_settings=$("$py" -m pip config list 2>/dev/null || true)
pip_setting() { sed -n "/^[a-z:]*\.$1='/{s/^[^']*'\(.*\)'\$/\1/p;q;}" <<<"$pip_settings"; }
index=$(pip_setting index-url)
cert=$(pip_setting cert)
[ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
[ -z "$cert" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$cert}"
export PIP_DISABLE_PIP_VERSION_CHECK=1

with_uv() {
    "$py" -m pip install --quiet --require-hashes -r requirements/uv.txt >"$log" 2>&1 &&
        "$py" -m uv pip install --quiet --compile-bytecode --python "$py" --require-hashes -r "$requirements" >>"$log" 2>&1
}
with_pip() { "$py" -m pip install -qq --require-hashes -r "$requirements"; }

say "installing $requirements"
if [ -n "${NO_UV:-}" ]; then
    with_pip
elif ! with_uv; then
    say "uv could not (why: $log); pip takes a little longer"
    with_pip
fi
"$py" -m pip install -qq --no-deps --no-build-isolation -e .

"$py" -m pars.cli.selfcheck
echo "$lock" >"$venv/lock-name"
touch "$venv/ready-$lock"
