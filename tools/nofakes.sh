#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
#
#   tools/nofakes.sh FILE...   no stand-in of the tests is inside, the seal that keeps nothing secret above all
set -euo pipefail

nm=${NM:-aarch64-linux-gnu-nm}
bad=0

for file in "$@"; do
	symbols=$($nm "$file")
	found=$(awk '$NF ~ /^(null_|fake_|quick_seal)/ { print $NF }' <<<"$symbols" | sort -u | head -5)
	if [ -n "$found" ]; then
		echo "nofakes: $file: from tests/: $(echo $found)" >&2
		bad=1
	fi
done
[ $bad = 0 ] || exit 1
echo "nofakes: $* without stand-ins"
