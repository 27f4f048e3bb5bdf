#!/usr/bin/env bash
# Wheels for a CUDA machine that has no network: scripts/gpu-bundle.sh [--robotics] [OUT]. From the lock, checked against
# its hashes, for Python 3.12 on linux x86_64, into OUT (.whl), 40 MB in all at most. The machine is taken to have JAX,
# flax, optax, h5py, scipy, matplotlib, safetensors and rich with what they need. There, from the repository's folder:
#   python3 -m pip install -q --no-index --no-deps --target /tmp/site .whl/*.whl
#   PYTHONPATH=/tmp/site:src:. python3 -m benchmarks gpu --short
set -euo pipefail

say() { printf 'gpu-bundle: %s\n' "$*"; }

# Without what only draws: mujoco-studio, glfw, pyopengl.
packages="mujoco mujoco-core gymnasium cloudpickle farama-notifications typing-extensions imageio
    tyro docstring-parser typeguard tensorboardx protobuf jinja2 markupsafe"
if [ "${1:-}" = --robotics ]; then
    packages="$packages gymnasium-robotics" # the hand's models; none of its code is imported
    shift
fi
out=${1:-.whl}
most=40000000

cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p "$out"
rm -f "$out"/*.whl

# a package's lines in the lock: its name, then its hashes
chosen() { awk -v names=" $(echo $packages) " '/^[a-z]/ { split($1, part, "=="); on = index(names, " " part[1] " ") } on'; }
wheel=(--only-binary ":all:" --implementation cp --python-version 3.12 --abi cp312 --abi abi3 --abi none)
for glibc in 2_28 2_27 2_17 2_5; do wheel+=(--platform "manylinux_${glibc}_x86_64"); done
wheel+=(--platform manylinux2014_x86_64 --platform manylinux2010_x86_64 --platform manylinux1_x86_64)
"${PYTHON:-.venv/bin/python}" -m pip download -qq --no-deps --require-hashes --dest "$out" "${wheel[@]}" \
    -r <(chosen <requirements/cpu.txt)

total=0 count=0
for file in "$out"/*.whl; do
    size=$(wc -c <"$file")
    total=$((total + size)) count=$((count + 1))
    printf '%10s  %s\n' "$size" "$(basename "$file")"
done
if [ "$count" -ne "$(wc -w <<<"$packages")" ]; then
    say "$count wheels for $(wc -w <<<"$packages") packages; requirements/cpu.txt no longer has them all" >&2
    exit 7
fi
if [ "$total" -gt "$most" ]; then
    say "$total bytes in all, more than the $most that are carried along; leave something out" >&2
    exit 7
fi
say "$total bytes in $out"
