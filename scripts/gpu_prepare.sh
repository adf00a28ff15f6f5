#!/usr/bin/env bash
# Collects what scripts/gpu.sh needs on a machine without a network into one folder that git ignores.
# Usage: HARNESS_DATA=folder scripts/gpu_prepare.sh [--python 3.12] [--out carry]
# The wheels are those that a machine with CUDA's PyTorch and the usual scientific packages lacks.
set -euo pipefail
cd "$(dirname "$0")/.."
python=3.12 out=carry
while (($#)); do
    case $1 in
        --python) python=$2 ;;
        --out) out=$2 ;;
        *) echo "unknown option: $1" >&2 && exit 2 ;;
    esac
    shift 2
done
rm -rf "$out"/{wheels,data} && mkdir -p "$out/wheels" "$out/data"
python3 -m pip download --quiet --disable-pip-version-check --only-binary=:all: --dest "$out/wheels" -c constraints.txt \
    --python-version "$python" --implementation cp --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    --platform manylinux_2_28_x86_64 pydantic pooch
cp -r "${HARNESS_DATA:?says where the data is}"/{cifar10,nb201} "$out/data/"
git describe --always --dirty --abbrev=12 --exclude='*' >"$out/revision"
du -sh "$out"
