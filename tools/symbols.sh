#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
#
# What the linker must not have let in.
#
#   tools/symbols.sh library FILE...   exports start with gw_; undefined are memcpy memmove memset memcmp at most
#   tools/symbols.sh image FILE        no heap: neither malloc nor what would feed it
set -euo pipefail

nm=${NM:-aarch64-linux-gnu-nm}
kind=$1
shift
bad=0

# complain FILE WHAT LINES: one line, if there are any.
complain() {
	[ -n "$3" ] || return 0
	echo "symbols: $1: $2: $(echo $3)" >&2
	bad=1
}

for file in "$@"; do
	$nm "$file" >/dev/null
	case $kind in
	library)
		complain "$file" "exported without gw_" \
			"$($nm --extern-only --defined-only "$file" | awk 'NF == 3 && $3 !~ /^gw_/ { print $3 }')"
		complain "$file" "undefined" \
			"$($nm --undefined-only "$file" | awk '$1 == "U" && $2 !~ /^mem(cpy|move|set|cmp)$/ { print $2 }' | sort -u)"
		;;
	image)
		complain "$file" "heap" "$($nm "$file" | awk '
			$NF ~ /^_?(malloc|calloc|realloc|free|memalign|sbrk)(_r)?$/ || $NF == "_sbrk_r" { print $NF }')"
		complain "$file" "undefined" "$($nm --undefined-only "$file" | awk '{ print $NF }')"
		;;
	*)
		echo "symbols: library or image?" >&2
		exit 2
		;;
	esac
done
[ $bad = 0 ] || exit 1
echo "symbols: $kind: $* as promised"
