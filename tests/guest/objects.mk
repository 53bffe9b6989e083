# SPDX-License-Identifier: BSD-2-Clause-Patent
#
# Test guests: build/guest/NAME.bin, arm64 Images that run at EL1 on QEMU's virt board, with our hypervisor or without.

guests := flight faults dirty nic

guest-lib := $(addprefix tests/guest/lib/,start.S fp.S exception.c mmu.c gic.c timer.c uart.c psci.c pci.c)
guest-lib += arch/aarch64/mem.S core/base/fmt.c core/base/text.c
faults-guest-src := tests/guest/faults/main.c
dirty-guest-src := tests/guest/dirty/main.c
nic-guest-src := tests/guest/nic/main.c
flight-guest-src := $(addprefix tests/guest/flight/,main.c pages.c ball.c edu.c)

guest-objs = $(patsubst %,$(B)/guest/obj/%.o,$(basename $1))

$(B)/guest/obj/%.o: %.c | $(stamp-cross)
	@mkdir -p $(@D)
	@echo "  CC [guest] $<"
	$(Q)$(CC_IMAGE) $(CFLAGS-common) -O2 $(CFLAGS_IMAGE_BASE) $(CFLAGS_IMAGE_OURS) $(CFLAGS_IMAGE_GENERAL) $(WARNINGS) \
		$(WARNINGS-gcc) -MMD -MP -c -o $@ $<

$(B)/guest/obj/%.o: %.S | $(stamp-cross)
	@mkdir -p $(@D)
	@echo "  AS [guest] $<"
	$(Q)$(CC_IMAGE) -I. -g $(CFLAGS_IMAGE_BASE) -MMD -MP -c -o $@ $<

define guest-rule
$(B)/guest/$1.elf: tests/guest/lib/guest.ld $(call guest-objs,$(guest-lib) $($1-guest-src))
	@echo "  LD [guest] $$@"
	$$(Q)$(LD_IMAGE) -nostdlib -static --build-id=none --gc-sections -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments \
		-T $$< -o $$@ $(call guest-objs,$(guest-lib) $($1-guest-src))
endef
$(foreach g,$(guests),$(eval $(call guest-rule,$g)))

$(B)/guest/%.bin: $(B)/guest/%.elf
	$(Q)$(OBJCOPY_IMAGE) -O binary $< $@

## The test guests, build/guest/NAME.bin
guests: $(addprefix $(B)/guest/,$(addsuffix .bin,$(guests)))
	@echo "guests: $(guests) in $(B)/guest"

## The test guests on the bare board, without our hypervisor
test-guest: $(DEPS)/stamp/qemu $(addprefix $(B)/guest/,$(addsuffix .bin,$(guests)))
	@tests/guest/check.py

# tests/board/test_guests.py, test_nic.py
test-board: $(B)/guest/faults.bin $(B)/guest/dirty.bin $(B)/guest/nic.bin

test-targets += test-guest

.PHONY: guests test-guest
.SECONDARY: $(addprefix $(B)/guest/,$(addsuffix .elf,$(guests)))
-include $(shell find $(B)/guest -name '*.d' 2>/dev/null)
