#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
#
#   tools/format.sh [--check]     clang-format over all C sources and headers of the tree
set -euo pipefail

clang-format --dump-config >/dev/null
mapfile -t files < <(git ls-files '*.c' '*.h')
changed=0
for file in "${files[@]}"; do
	cmp -s "$file" <(clang-format "$file") && continue
	changed=$((changed + 1))
	if [ "${1:-}" = --check ]; then
		echo "format: $file differs"
	else
		clang-format -i "$file"
	fi
done
echo "format: $changed of ${#files[@]} files ${1:+would be }changed"
[ $changed = 0 ] || [ "${1:-}" != --check ]
