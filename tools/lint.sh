#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
#
#   tools/lint.sh names              licence lines, and that each test docs/threat-model.md names exists
#   tools/lint.sh tree               the same, and the format
#   LINT_FLAGS="..." tools/lint.sh headers     each header compiles alone; flags as the shell reads them
#   LINT_FLAGS="..." tools/lint.sh tidy OUT SOURCE      clang-tidy over one source; OUT is made when there is no remark,
#                                    and OUT.d says what it depends on
#   tools/lint.sh cppcheck DIR SOURCE...       cppcheck; DIR keeps what it has found in files that do not change
set -euo pipefail

what=$1
shift
faults=0

complain() {
	echo "lint: $*" >&2
	faults=$((faults + 1))
}

names() {
	while read -r file; do
		case $file in
		# Prose, pictures, data, and the bytes of a corpus have no place for it; LICENSE covers them.
		LICENSE | *.md | *.svg | *.png | *.json | tests/fuzz/corpus/*) continue ;;
		esac
		complain "$file: no SPDX line"
	done < <(git ls-files -z | xargs -0 awk 'FNR <= 5 && /SPDX-License-Identifier: BSD-2-Clause-Patent/ { good[FILENAME] = 1 }
		FNR > 5 { nextfile } END { for (i = 1; i < ARGC; i++) if (!(ARGV[i] in good)) print ARGV[i] }')
	tools/threats.py docs/threat-model.md >&2 || complain "docs/threat-model.md: see above"
}

tree() {
	names
	tools/format.sh --check >&2 || complain "format: make format"
}

headers() {
	local scratch
	scratch=$(mktemp -d)
	# shellcheck disable=SC2016
	git ls-files '*.h' | grep -vE '^(arch|board|tests/guest|net/lwip|net/mbedtls)/|^core/vm/arch\.h$' |
		SCRATCH=$scratch xargs -P 2 -n 1 bash -c 'eval "flags=($LINT_FLAGS)"
			gcc "${flags[@]}" -Wall -Werror -fsyntax-only -include "$0" -x c /dev/null 2>"$SCRATCH/log.$$" ||
				echo "lint: $0 does not compile alone: $(grep -m 1 error "$SCRATCH/log.$$")"' >"$scratch/faults"
	cat "$scratch/faults" >&2
	faults=$(wc -l <"$scratch/faults")
	rm -rf "$scratch"
}

tidy() {
	local out=$1 source=$2
	eval "flags=($LINT_FLAGS)"
	mkdir -p "$(dirname "$out")"
	gcc "${flags[@]}" -M -MP -MT "$out" -MF "$out.d" "$source"
	clang-tidy --quiet "$source" -- "${flags[@]}" >"$out.log" 2>/dev/null || true
	if grep -E '(warning|error):' "$out.log" >&2; then
		complain "clang-tidy: $source"
	else
		touch "$out"
	fi
}

check_cpp() {
	local dir=$1
	shift
	mkdir -p "$dir"
	# shiftTooManyBits: version 2.10 thinks that a length of at least 1 is 0.
	cppcheck --quiet --enable=warning,portability --std=c11 --inline-suppr --error-exitcode=1 --cppcheck-build-dir="$dir" \
		--suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
		--suppress=shiftTooManyBits:core/base/bitmap.c -I. -j 2 "$@" || complain "cppcheck: see above"
}

case $what in
names) names ;;
tree) tree ;;
headers) headers ;;
tidy) tidy "$@" ;;
cppcheck) check_cpp "$@" ;;
esac
[ "$faults" = 0 ]
