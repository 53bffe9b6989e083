# SPDX-License-Identifier: BSD-2-Clause-Patent

test-targets += model-short

## Hand-over and dirty log as models, in spin: every property, every broken variant (minutes)
model: $(DEPS)/stamp/model
	@tests/model/run.py

## The models within less than a minute
model-short: $(DEPS)/stamp/model
	@tests/model/run.py --short

model: model-traces
test-targets += model-traces
## Hand-over traces of simulated runs: spin accepts them, and refuses each with one event altered
model-traces: $(B)/host-fast/tests/sim/sim $(DEPS)/stamp/model
	@tests/model/traces.py $<

.PHONY: model model-short model-traces
