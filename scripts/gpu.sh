#!/usr/bin/env bash
# All that a machine with a CUDA GPU is wanted for: check the path, measure it, run searches of the paper profile.
# Usage: [HARNESS_DATA=...] [OUT=folder] [LIMIT=seconds for the searches] [JOBS=n] scripts/gpu.sh [PYTHON]
# Without a GPU, DEVICE=cpu TINY=1 goes through the same motions at a tiny size.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-python3}
out=${OUT:-reports/gpu}
device=${DEVICE:-cuda}
profile=${TINY:+reduced}
profile=${profile:-paper}
mkdir -p "$out"
code=0
"$python" -m pytest -q tests/engine/test_capture.py tests/engine/test_search.py 2>&1 | tee "$out/tests.txt" || code=$?
"$python" -m benchmarks.gpu --device "$device" ${TINY:+--tiny --seconds 2} --out "$out/speed.json" | tee "$out/speed.txt" ||
    code=$?
if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=timestamp,utilization.gpu,memory.used --format=csv -lms 500 >"$out/utilisation.csv" 2>/dev/null &
fi
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
# Most informative first; what is not done within the limit resumes with the same command.
nb201=(suites/nb201.yaml suites/nb201_sp.yaml suites/nb201_delve.yaml suites/darts_pt.yaml)
search() {
    timeout --signal=TERM "${LIMIT:-540}" "$python" -m harness run "$@" --profile "$profile" --device "$device" \
        --jobs "${JOBS:-4}" --results "${RESULTS:-results}" 2>&1 | tee -a "$out/searches.txt" || code=$?
}
for method in darts-v1 single-darts ex-darts sp-darts darts-pt gaea-bilevel drnas; do
    search "${nb201[@]}" -m "$method"
done
search suites/precision.yaml # the same in bfloat16
exit "$code"
