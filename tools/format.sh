#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
#
#   tools/format.sh [--check]     clang-format over all C sources and headers of the tree
set -euo pipefail

clang-format --dump-config >/dev/null
scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
git ls-files -z '*.c' '*.h' |
	xargs -0 -P 2 -n 24 clang-format --dry-run --ferror-limit=1 2>&1 | sed -n 's/:[0-9]*:[0-9]*: warning: code should be.*//p' |
	sort -u >"$scratch"
if [ "${1:-}" = --check ]; then
	sed 's/.*/format: & differs/' "$scratch"
else
	xargs -r clang-format -i <"$scratch"
fi
changed=$(wc -l <"$scratch")
echo "format: $changed of $(git ls-files '*.c' '*.h' | wc -l) files ${1:+would be }changed"
[ -z "${1:-}" ] || [ "$changed" = 0 ]
