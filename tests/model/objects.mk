# SPDX-License-Identifier: BSD-2-Clause-Patent

test-targets += model-short

## Hand-over and dirty log as models, in spin: every property, every broken variant (minutes)
model: $(DEPS)/stamp/model
	@tests/model/run.py

## The models within less than a minute
model-short: $(DEPS)/stamp/model
	@tests/model/run.py --short

.PHONY: model model-short
