# SPDX-License-Identifier: BSD-2-Clause-Patent
#
# The SMMUv3 model against QEMU's SMMUv3 and QEMU's CPU: one source of cases, run on a board and on the host.

diff-src := $(addprefix tests/diff/,machine.c tables.c smmu_draw.c smmu_run.c walk_run.c)
host-progs += tests/diff/host
tests/diff/host-src := tests/diff/host.c $(diff-src)

# The board's program, built like a test guest, at EL2.
diff-board-src := tests/diff/board_start.S tests/diff/board.c $(diff-src) $(addprefix tests/guest/lib/,mmu.c uart.c)
diff-board-src += arch/aarch64/mem.S core/base/fmt.c core/base/text.c
diff-board-objs := $(patsubst %,$(B)/guest/obj/%.o,$(basename $(diff-board-src)))

$(B)/diff/board.elf: tests/guest/lib/guest.ld $(diff-board-objs)
	@mkdir -p $(@D)
	@echo "  LD [guest] $@"
	$(Q)$(LD_IMAGE) -nostdlib -static --build-id=none --gc-sections -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments \
		-T $< -o $@ $(diff-board-objs)

$(B)/diff/board.bin: $(B)/diff/board.elf
	$(Q)$(OBJCOPY_IMAGE) -O binary $< $@

diff-needs := $(DEPS)/stamp/qemu $(B)/diff/board.bin $(B)/host-fast/tests/diff/host
diff-args = $(if $(SEED),--seed $(SEED)) $(if $(FIRST),--first $(FIRST)) $(if $(COUNT),--count $(COUNT)) $(if $(WALKS),--walks $(WALKS)) \
	$(if $(VERBOSE),--verbose)

## The SMMUv3 model against QEMU's SMMUv3 and CPU (COUNT=n cases from FIRST=n on, WALKS=n, SEED=n, VERBOSE=1 lists the deviations)
diff: $(diff-needs)
	@tests/diff/run.py compare $(diff-args)

## Broken models against the same: each must be caught (SEED, COUNT as for diff)
diff-mutants: $(diff-needs)
	@tests/diff/run.py mutants $(diff-args)

## A short run of diff with a fixed seed, and a few of its mutants
test-diff: $(diff-needs)
	@tests/diff/run.py short

test-targets += test-diff

.PHONY: diff diff-mutants test-diff
