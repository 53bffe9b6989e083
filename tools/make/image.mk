# SPDX-License-Identifier: BSD-2-Clause-Patent
#
# Cross build: the image and the two libraries.

I := $(B)/image

image-src := $(base-src) $(vm-src) $(arch-src) $(board-src) $(driver-src) $(smmu-src) $(engine-src) $(net-src)
image-objs = $(patsubst %,$I/obj/%.o,$(basename $1))

# Code that a vCPU's core may run, and all that the libraries export, keeps to the general registers.
# net/ and simd-src run on service cores only.
image-general-src := $(filter-out $(net-src) $(simd-src),$(image-src))
$(call image-objs,$(image-general-src)): CFLAGS-class := $(CFLAGS_IMAGE_GENERAL)
# The engine decides a few hundred times a second; only what touches each page is worth its size.
engine-page-path := migration/ram.c migration/session/channel.c migration/session/frame.c
$(call image-objs,$(filter-out $(engine-page-path),$(engine-src))): CFLAGS-class := $(CFLAGS_IMAGE_GENERAL) -Os
$(call image-objs,$(simd-src)): CFLAGS-class := -march=armv8-a+crypto

$I/obj/%.o: %.c tools/make/flags.mk | $(stamp-cross) $(stamp-packages) $(stamp-host)
	@mkdir -p $(@D)
	@echo "  CC [image] $<"
	$(Q)$(CC_IMAGE) $(CFLAGS-common) -O2 $(CFLAGS_IMAGE_BASE) $(CFLAGS_IMAGE_OURS) $(WARNINGS) $(WARNINGS-gcc) \
		$(CFLAGS_IMAGE_REPORT) $(if $(filter $(packages-dirs),$<),$(CFLAGS-packages)) $(CFLAGS-class) $(CFLAGS-$<) \
		-MMD -MP -c -o $@ $<

$I/obj/%.o: %.S tools/make/flags.mk | $(stamp-cross)
	@mkdir -p $(@D)
	@echo "  AS [image] $<"
	$(Q)$(CC_IMAGE) -I. -g $(CFLAGS_IMAGE_BASE) -MMD -MP -c -o $@ $<

# ---- packages ----
# They run on service cores. mbedTLS may use unaligned loads (SCTLR_EL2.A is 0) and the cryptographic instructions.

$I/mbedtls/%.o: $(MBEDTLS)/%.c $(mbedtls-conf) $(stamp-packages) | $(stamp-cross) $(stamp-host)
	@mkdir -p $(@D)
	$(Q)$(CC_IMAGE) $(CFLAGS-common) -O2 -w $(CFLAGS_IMAGE_BASE) -march=armv8-a+crypto $(CFLAGS_IMAGE_REPORT) \
		$(CFLAGS-packages) -isystem $(MBEDTLS)/library -c -o $@ $<

$I/lwip/%.o: $(LWIP)/%.c $(lwip-conf) $(stamp-packages) | $(stamp-cross) $(stamp-host)
	@mkdir -p $(@D)
	$(Q)$(CC_IMAGE) $(CFLAGS-common) -O2 -w $(CFLAGS_IMAGE_BASE) $(CFLAGS_IMAGE_OURS) $(CFLAGS_IMAGE_REPORT) \
		$(CFLAGS-packages) -MMD -MP -c -o $@ $<

$I/lib/libmbedtls.a: $(patsubst $(MBEDTLS)/%.c,$I/mbedtls/%.o,$(if $(mbedtls-conf),$(mbedtls-c)))
$I/lib/liblwip.a: $(patsubst $(LWIP)/%.c,$I/lwip/%.o,$(if $(lwip-conf),$(lwip-c)))
$I/lib/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR_IMAGE) rcs $@ $^

# ---- image ----

$I/image.ld: ld/image.ld | $(stamp-cross)
	@mkdir -p $(@D)
	$(Q)$(CC_IMAGE) -E -P -x c -I. -D__LINKER__ -D__ASSEMBLER__ -MMD -MP -MT $@ -MF $@.d -o $@ $<

# Our objects, mem* among them, come first, so that newlib's never get in.
$I/godwit.elf: $I/image.ld $(call image-objs,$(image-src)) $I/lib/libmbedtls.a $I/lib/liblwip.a
	@echo "  LD [image] $@"
	$(Q)$(LD_IMAGE) -nostdlib -static --build-id=none --gc-sections --orphan-handling=warn -z max-page-size=4096 \
		-z noexecstack --no-undefined -Map=$I/godwit.map -T $< -o $@ $(call image-objs,$(image-src)) --start-group \
		$I/lib/libmbedtls.a $I/lib/liblwip.a $(NEWLIB)/lib/libc.a $(image-libgcc) --end-group

$I/godwit.bin: $I/godwit.elf
	$(Q)$(OBJCOPY_IMAGE) -O binary $< $@

## Compile everything of the image, without linking it
image-objects: $(call image-objs,$(image-src)) $I/lib/libmbedtls.a $I/lib/liblwip.a
	@echo "image-objects: $(words $(image-src)) sources compiled"

# ---- libraries ----
# One relocatable object each: inside, everything is bound; outside, only gw_ names are seen.

L := $(B)/lib
libgodwit-objs := $(call image-objs,$(base-src) $(engine-src))
libgodwit-smmu-objs := $(call image-objs,$(base-src) $(smmu-src))

$L/libgodwit.a: $(libgodwit-objs)
$L/libgodwit-smmu.a: $(libgodwit-smmu-objs)
$L/%.a: | $(stamp-cross)
	@mkdir -p $(@D)
	@echo "  LIB $@"
	@rm -f $@
	$(Q)$(LD_IMAGE) -r -o $L/$*.all.o $^
	$(Q)$(OBJCOPY_IMAGE) --wildcard --keep-global-symbol='gw_*' $L/$*.all.o $L/$*.o
	$(Q)$(AR_IMAGE) rcs $@ $L/$*.o

# ---- link checks ----

$L/checked: $L/libgodwit.a $L/libgodwit-smmu.a tools/symbols.sh
	$(Q)tools/symbols.sh library $(filter %.a,$^)
	@touch $@

$I/checked: $I/godwit.elf tools/symbols.sh tools/fpcheck.py tools/stack.entries
	$(Q)tools/symbols.sh image $<
	$(Q)tools/fpcheck.py --map $I/godwit.map --calls tools/stack.entries --general "$(call image-objs,$(image-general-src))" $<
	@touch $@

.PHONY: image-objects
-include $(shell find $I -name '*.d' 2>/dev/null)
