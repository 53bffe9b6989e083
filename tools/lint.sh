#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
#
#   LINT_FLAGS="..." tools/lint.sh SOURCE...     flags as the shell reads them
#
# Licence lines, headers that compile alone, clang-tidy, cppcheck.
set -euo pipefail

eval "flags=($LINT_FLAGS)"
faults=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

complain() {
	echo "lint: $*" >&2
	faults=$((faults + 1))
}

while read -r file; do
	case $file in
	*.svg | *.png | *.json) continue ;;
	esac
	[ ! -f "$file" ] || head -n 5 "$file" | grep -q 'SPDX-License-Identifier: BSD-2-Clause-Patent' ||
		complain "$file: no SPDX line"
done < <(git ls-files)

while read -r file; do
	case $file in
	arch/* | board/* | core/vm/arch.h | tests/guest/* | net/lwip/* | net/mbedtls/*) continue ;;	# not for a host compiler alone
	esac
	echo "#include \"$file\"" >"$scratch/alone.c"
	gcc "${flags[@]}" -Wall -Werror -fsyntax-only "$scratch/alone.c" 2>"$scratch/log" ||
		complain "$file does not compile alone: $(grep -m 1 error "$scratch/log")"
done < <(git ls-files '*.h')

if [ $# -gt 0 ]; then
	host=()
	for file in "$@"; do
		case $file in
		arch/* | board/* | tests/guest/*) ;;
		*) host+=("$file") ;;
		esac
	done
	printf '%s\0' "${host[@]}" | xargs -0 -P 2 -n 6 bash -c 'eval "flags=($LINT_FLAGS)"
		clang-tidy --quiet "$@" -- "${flags[@]}" 2>/dev/null' clang-tidy >"$scratch/tidy" || true
	if grep -E '(warning|error):' "$scratch/tidy"; then
		complain "clang-tidy: $(grep -cE '(warning|error):' "$scratch/tidy") remarks"
	fi
	# shiftTooManyBits: version 2.10 thinks that a length of at least 1 is 0.
	cppcheck --quiet --enable=warning,portability --std=c11 --inline-suppr --error-exitcode=1 \
		--suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
		--suppress=shiftTooManyBits:core/base/bitmap.c -I. -j 2 "$@" || complain "cppcheck: see above"
fi
echo "lint: $# sources, $faults faults"
[ $faults = 0 ]
