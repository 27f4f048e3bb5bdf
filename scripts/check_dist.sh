#!/usr/bin/env bash
# Check what `make dist` built, as a stranger would meet it: scripts/check_dist.sh [PYTHON...] (default: 3.11 3.12 3.13).
# Metadata by twine; then, for every Python that is here or that uv can get, the wheel alone in an empty environment
# outside of this checkout, with the newest versions that its bounds allow: import, --version, --help, a short demo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

dist=$PWD/dist
uv="$PWD/.venv/bin/python -m uv"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { printf 'dist: %s\n' "$*"; }

set -- "${@:-3.11 3.12 3.13}"
shopt -s nullglob
wheels=("$dist"/*.whl)
if [ ${#wheels[@]} != 1 ]; then
    say "want one wheel in dist/, found ${#wheels[@]}; run make dist" >&2
    exit 7
fi
wheel=${wheels[0]}
version=$(basename "$wheel" | cut -d- -f2)

$uv venv --quiet --python .venv/bin/python "$work/twine"
$uv pip install --quiet --python "$work/twine" --require-hashes -r requirements/release.txt
"$work/twine/bin/twine" check --strict "$dist"/*

unset PYTHONPATH
cd "$work"
tried=()
for python in $*; do
    if ! $uv venv --quiet --python "$python" "$work/$python" 2>"$work/why"; then
        say "no Python $python here: $(tail -n 1 "$work/why")"
        continue
    fi
    say "$("$work/$python/bin/python" --version), bare"
    $uv pip install --quiet --python "$work/$python" "$wheel"
    "$work/$python/bin/python" -c 'import pars; assert all(getattr(pars, name) for name in dir(pars))'
    [ "$("$work/$python/bin/pars" --version)" = "pars $version" ]
    "$work/$python/bin/pars" --help >help && grep --quiet '^usage: pars' help
    (mkdir "demo-$python" && cd "demo-$python" && PARS_DATA_DIR=$work/data-$python PARS_CACHE_DIR=$work/cache-$python \
        "$work/$python/bin/pars" demo --short >log 2>&1) || { tail -n 20 "demo-$python/log" >&2; exit 1; }
    tail -n 3 "demo-$python/log"
    tried+=("$python")
done
say "pars $version is fine on ${tried[*]:-no Python}"
[ ${#tried[@]} -gt 0 ]
