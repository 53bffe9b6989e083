#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
# What `make test` runs of the simulator: short.sh FAST SANITIZED CLANG
set -u
fast=$1 sanitized=$2 clang=$3
passed=0 failed=0
mkdir -p build/results/log

# note NAME STATUS
note() {
	if [ "$2" -eq 0 ]; then
		passed=$((passed + 1)); echo "  ok   sim: $1"
	else
		failed=$((failed + 1)); echo "  FAIL sim: $1"
	fi
}

timeout 120 "$fast" --first 1 --count 400 --table 1 > build/results/log/sim.log 2>&1
note "400 seeds hold" $?
grep -a -E "^[0-9]+ migrations|reached$|^seed|^replay" build/results/log/sim.log | sed 's/^/       /'

# The same seeds, compiled by GCC and by clang with sanitizers: every event the same.
for s in 1 17 42 100; do
	a=$(timeout 60 "$fast" --seed $s | tail -1)
	b=$(timeout 60 "$clang" --seed $s 2>&1 | tail -1)
	[ -n "$a" ] && [ "$a" = "$b" ]
	note "seed $s has the same hash by GCC and clang" $?
done

timeout 120 "$sanitized" --first 1000 --count 40 --table 0 > build/results/log/sim-asan.log 2>&1
note "40 seeds hold under ASan and UBSan" $?

echo "$passed $failed" > build/results/test-sim.txt
echo "test-sim: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
