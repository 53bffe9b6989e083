# SPDX-License-Identifier: BSD-2-Clause-Patent

# What migration/device.h promises, asked of each driver: docs/device-porting.md.
host-progs += tests/conformance/device_conformance
tests/conformance/device_conformance-src := $(addprefix tests/conformance/,main.c conformance.c subject_edu.c subject_e1000e.c)

DEVICE ?=

## Drivers of devices against migration/device.h: arcs, refusals, truncations, reset, round trip (DEVICE=edu|e1000e)
device-conformance: $(B)/host/tests/conformance/device_conformance
	@$< $(DEVICE)

test-targets += device-conformance

.PHONY: device-conformance
