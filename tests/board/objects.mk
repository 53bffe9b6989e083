# SPDX-License-Identifier: BSD-2-Clause-Patent

# What a board needs: emulator, image, guest, certificates.
board-needs := $(B)/deps/stamp/qemu $(B)/image/godwit.bin $(B)/guest/flight.bin $(B)/pki/stamp
test-board-needs := $(board-needs) $(addprefix $(B)/guest/,$(addsuffix .bin,$(guests)))

## Two boards, a running guest with its PCIe device moved from one to the other; build/demo (GUEST=linux: a Linux)
demo: $(board-needs) $(if $(filter linux,$(GUEST)),linux)
	@tools/$(if $(filter linux,$(GUEST)),demo_linux.py,demo.py)

## The image on emulated boards: boot, SMMU, migrations, cut links, bad peers (CASES="part of a name ...")
test-board: $(test-board-needs)
	@tests/board/run.py $(CASES)

test-targets += test-board

.PHONY: demo test-board
