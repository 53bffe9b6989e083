# SPDX-License-Identifier: BSD-2-Clause-Patent
# What costs are made of: never part of make test, which has no timed test.

host-progs += tests/bench/bench_harvest

## Costs, counted and timed: harvests of the dirty log by size and share written (GIB=n at most)
bench: $(B)/host-fast/tests/bench/bench_harvest
	@$< $(GIB)

.PHONY: bench
