#!/bin/sh
# Pins every dependency by hash, without saying where it is fetched from.
set -eu
cd "$(dirname "$0")/.."
UV=.venv/bin/uv
command -v "$UV" >/dev/null || UV=uv
common="--quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate"
"$UV" pip compile $common pyproject.toml -o requirements/runtime.txt
"$UV" pip compile $common pyproject.toml --group dev -o requirements/dev.txt
