#!/usr/bin/env bash
# All that a machine with a CUDA GPU is wanted for, where it is there for a limited time: check, measure, search.
# Usage: scripts/gpu.sh [--minutes 9] [--out reports/gpu] [--stages "check kernels speed search"] [--jobs 8]
#                       [--results results/gpu] [--chunk-size 15m] [--chunks 4] [--device cuda] [--tiny]
# Each stage has a limit of its own. The output folder gets few and flat files: logs and records as one archive each,
# every 30 s, and at the end the checkpoints of what did not finish, in at most so many chunks. A second call goes on
# where the first stopped. With carry/ (scripts/gpu_prepare.sh) nothing is downloaded; what Triton compiled comes back as
# an archive, to be put into carry/ before the next visit. --device cpu --tiny: a rehearsal.
set -uo pipefail
cd "$(dirname "$0")/.."
minutes=9 out=reports/gpu stages="check kernels speed search" jobs=8 results=results/gpu chunk=15m chunks=4 device=cuda tiny=
while (($#)); do
    case $1 in
        --minutes) minutes=$2 && shift ;;
        --out) out=$2 && shift ;;
        --stages) stages=$2 && shift ;;
        --jobs) jobs=$2 && shift ;;
        --results) results=$2 && shift ;;
        --chunk-size) chunk=$2 && shift ;;
        --chunks) chunks=$2 && shift ;;
        --device) device=$2 && shift ;;
        --tiny) tiny=1 ;;
        *) echo "unknown option: $1" >&2 && exit 2 ;;
    esac
    shift
done
start=$SECONDS end=$((SECONDS + $(awk "BEGIN {print int(60 * $minutes)}"))) code=0
python=${PYTHON:-python3}
logs=$results.logs
mkdir -p "$out" "$results" "$logs"
export PYTHONUNBUFFERED=1

said() { echo "$((SECONDS - start))s $*" | tee -a "$logs/timeline.txt"; }
stage() { # NAME SECONDS COMMAND...: its output into NAME.txt; at most so long, and never beyond the end
    local name=$1 limit=$2 left=$((end - SECONDS - 10)) rc=0
    shift 2
    ((limit < left)) || limit=$left
    ((limit > 0)) || { said "$name: no time" && return; }
    said "$name: at most $limit s"
    timeout --signal=TERM --kill-after=5 "$limit" "$@" >>"$logs/$name.txt" 2>&1 || rc=$?
    said "$name: code $rc" && tail -n 60 "$logs/$name.txt"
    ((rc == 0)) || code=$rc
}
archive() { # FOLDER FILE: whole or as it was before
    tar -C "$1" --exclude=.checkpoints --exclude=./site -czf "$out/.part" . && mv "$out/.part" "$out/$2"
}
stream() { archive "$results" records.tar.gz && archive "$logs" logs.tar.gz; }
checkpoints() { # the latest first, as long as there is room
    rm -f "$out"/checkpoints.tar.*
    local files
    files=$(cd "$results" && ls -t .checkpoints/*.pt 2>/dev/null) || return 0
    tar -C "$results" -cf - $files | split -b "$chunk" -d -a 2 - "$out/checkpoints.tar."
    find "$out" -name 'checkpoints.tar.*' | sort | tail -n "+$((chunks + 1))" | xargs -r rm
}

export TRITON_CACHE_DIR=${TRITON_CACHE_DIR:-$PWD/results/triton}
mkdir -p "$TRITON_CACHE_DIR"
if [ -d carry ]; then
    [ -f carry/triton.tar.gz ] && tar -C "$TRITON_CACHE_DIR" -xzf carry/triton.tar.gz
    export HARNESS_DATA=${HARNESS_DATA:-$PWD/carry/data} HARNESS_REVISION=$(cat carry/revision)
    site=$(cd "$logs" && pwd)/site
    if ! "$python" -c 'import pooch, pydantic' 2>/dev/null; then
        "$python" -m pip install -q --no-index --no-deps --no-compile --upgrade --target "$site" carry/wheels/*.whl || exit
        export PYTHONPATH=$site
    fi
fi
stage import 60 "$python" -c 'import torch, harness.cli; print(torch.__version__, torch.cuda.is_available() and torch.cuda.get_device_name())'
if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=timestamp,utilization.gpu,memory.used --format=csv -l 2 >"$logs/utilisation.csv" 2>/dev/null &
fi
while sleep 30; do stream; done &
trap 'kill $(jobs -p) 2>/dev/null; stream; checkpoints; archive "$TRITON_CACHE_DIR" triton.tar.gz' EXIT
# Evidence first; then what else the papers compare. What is done is kept, what is begun goes on.
suites=(suites/nb201.yaml suites/nb201_sp.yaml suites/nb201_delve.yaml suites/darts_pt.yaml)
for name in $stages; do
    case $name in
        check) stage check 75 "$python" -m pytest -q -x -p no:cacheprovider tests/engine/test_capture.py -k "${CHECK:-graphs_follow or stay_in}" ;;
        kernels) stage kernels "${KERNELS:-120}" "$python" -m speed.gpu_kernels ;;
        speed) stage speed "${SPEED:-90}" "$python" -m speed.gpu --device "$device" ${tiny:+--tiny --seconds 1} --jobs ${SIDE_BY_SIDE:-1 4 8} \
            --seconds 4 --out "$logs/speed.json" ;;
        search)
            left=$((end - SECONDS - 15))
            if [ "$tiny" ]; then
                stage search "$left" "$python" -m harness run tests/tiny.yaml -m darts-v1 --device "$device" --jobs "$jobs" --results "$results"
            else
                stage search "$left" "$python" -m harness run "${suites[@]}" --profile paper --first --device "$device" \
                    --jobs "$jobs" --threads 1 --results "$results" --budget "$((left - 5))s"
            fi ;;
    esac
done
exit "$code"
