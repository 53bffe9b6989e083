# SPDX-License-Identifier: BSD-2-Clause-Patent
#
# The Linux guest: Debian's kernel, and an initramfs with busybox and programs of ours that work and check themselves.

linux-lib := tests/linux/start.S core/base/fmt.c core/base/text.c arch/aarch64/mem.S
linux-programs := load stream
load-linux-src := tests/linux/load.c tests/linux/debug.c
stream-linux-src := tests/linux/stream.c
linux-objs = $(patsubst %,$(B)/linux/obj/%.o,$(basename $1))
linux-guest := $(stamp-linux) $(B)/linux/initramfs.cpio

$(B)/linux/obj/%.o: %.c | $(stamp-cross)
	@mkdir -p $(@D)
	@echo "  CC [linux] $<"
	$(Q)$(CC_IMAGE) $(CFLAGS-common) -O2 $(CFLAGS_IMAGE_BASE) $(CFLAGS_IMAGE_OURS) $(WARNINGS) $(WARNINGS-gcc) -MMD -MP -c -o $@ $<

$(B)/linux/obj/%.o: %.S | $(stamp-cross)
	@mkdir -p $(@D)
	@echo "  AS [linux] $<"
	$(Q)$(CC_IMAGE) -I. -g $(CFLAGS_IMAGE_BASE) -MMD -MP -c -o $@ $<

define linux-rule
$(B)/linux/$1: $(call linux-objs,$(linux-lib) $($1-linux-src))
	@echo "  LD [linux] $$@"
	$$(Q)$$(LD_IMAGE) -nostdlib -static --build-id=none --gc-sections -z noexecstack -e _start -o $$@ $$^
endef
$(foreach p,$(linux-programs),$(eval $(call linux-rule,$p)))

$(B)/linux/initramfs.cpio: tools/initramfs.py tests/linux/init $(addprefix $(B)/linux/,$(linux-programs)) $(stamp-linux)
	@tools/initramfs.py $@ init=tests/linux/init bin/busybox=$(DEPS)/linux/busybox lib/e1000e.ko=$(DEPS)/linux/e1000e.ko \
		$(foreach p,$(linux-programs),bin/$p=$(B)/linux/$p)

## The Linux guest: kernel in build/deps/linux, build/linux/initramfs.cpio
linux: $(linux-guest)
	@echo "linux: $(DEPS)/linux/vmlinuz, $(B)/linux/initramfs.cpio"

linux-needs := $(board-needs) $(linux-guest)
linux-run := tests/board/run.py --folder tests/linux

## An unmodified Linux as the guest: it boots, works and moves (CASES="part of a name ...")
test-linux: $(linux-needs) $(DEPS)/stamp/linux612
	@$(linux-run) --name $@ $(CASES)

# The quick part of it.
test-linux-short: $(linux-needs)
	@$(linux-run) --name $@ --results 'powers_off[2-vcpus]' moves_once

test-targets += test-linux-short

.PHONY: linux test-linux test-linux-short
-include $(shell find $(B)/linux -name '*.d' 2>/dev/null)
