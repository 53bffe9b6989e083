# SPDX-License-Identifier: BSD-2-Clause-Patent
#
# Host builds: archives of everything portable, the packages, the unit tests and other programs.
#
#   build/host         GCC, ASan and UBSan: what `make test` runs
#   build/host-clang   the same by clang
#   build/host-fast    GCC -O2, no sanitizer: benchmarks, long simulations
#   build/host-fuzz    clang with libFuzzer's instrumentation: what fuzz-progs lists, linked with libFuzzer's main

mbedtls-c := $(sort $(wildcard $(MBEDTLS)/library/*.c))
lwip-c := $(sort $(wildcard $(LWIP)/src/core/*.c $(LWIP)/src/core/ipv4/*.c) $(LWIP)/src/netif/ethernet.c)
mbedtls-conf := $(wildcard net/mbedtls/*.h)
lwip-conf := $(wildcard net/lwip/*.h net/lwip/arch/*.h)

# The list of the packages' files is read from the unpacked sources: unpack them before anything else is decided.
ifeq ($(filter clean help pki format,$(or $(MAKECMDGOALS),all)),)
include $(stamp-packages)
endif

, := ,
host-archives := fake engine vm driver smmu base net

host-objs = $(patsubst %,$(B)/$1/obj/%.o,$(basename $2))

# host-variant NAME CC CFLAGS PACKAGE-CFLAGS LDFLAGS STAMPS
define host-variant
$(foreach a,$(host-archives),
$(B)/$1/lib/lib$(a).a: $(call host-objs,$1,$($(a)-src))
)
$(B)/$1/lib/libmbedtls.a: $(patsubst $(MBEDTLS)/%.c,$(B)/$1/mbedtls/%.o,$(if $(mbedtls-conf),$(mbedtls-c)))
$(B)/$1/lib/liblwip.a: $(patsubst $(LWIP)/%.c,$(B)/$1/lwip/%.o,$(if $(lwip-conf),$(lwip-c)))

$(B)/$1/lib/%.a:
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)$(HOST_AR) rcs $$@ $$^

$(B)/$1/obj/%.o: %.c | $6 $(stamp-packages)
	@mkdir -p $$(@D)
	@echo "  CC [$1] $$<"
	$$(Q)$2 $(CFLAGS-common) $(WARNINGS) $3 $$(if $$(filter $(packages-dirs),$$<),$(CFLAGS-packages)) $$(CFLAGS-$$<) \
		-MMD -MP -c -o $$@ $$<

$(B)/$1/mbedtls/%.o: $(MBEDTLS)/%.c $(mbedtls-conf) $(stamp-packages) | $6
	@mkdir -p $$(@D)
	$$(Q)$2 $(CFLAGS-common) -w $4 $(CFLAGS-packages) -isystem $(MBEDTLS)/library -c -o $$@ $$<

$(B)/$1/lwip/%.o: $(LWIP)/%.c $(lwip-conf) $(stamp-packages) | $6
	@mkdir -p $$(@D)
	$$(Q)$2 $(CFLAGS-common) -w $4 $(CFLAGS-packages) -MMD -MP -c -o $$@ $$<

$(foreach p,$(unit-tests),$(call host-program,$1,$2,$5,$(p),$(p).c $($(p)-src),-lcmocka $($(p)-ldlibs)))
$(foreach p,$(host-progs),$(call host-program,$1,$2,$5,$(p),$(or $($(p)-src),$(p).c),$($(p)-ldlibs)))
endef

host-libs = $(foreach a,$(host-archives) mbedtls lwip,$(B)/$1/lib/lib$(a).a)

# host-program VARIANT CC LDFLAGS PATH SOURCES LDLIBS
define host-program
$(B)/$1/$4: $(call host-objs,$1,$5) $(call host-libs,$1)
	@mkdir -p $$(@D)
	@echo "  LD [$1] $4"
	$$(Q)$2 $3 -o $$@ $(call host-objs,$1,$5) -Wl,--gc-sections -Wl,--start-group $(call host-libs,$1) -Wl,--end-group $6

endef

$(eval $(call host-variant,host,$(HOST_CC),-O1 $(WARNINGS-gcc) $(SANITIZE) $$(CFLAGS_HOST),-O1 -fsanitize=address \
	-fno-omit-frame-pointer,$(SANITIZE),$(stamp-host)))
$(eval $(call host-variant,host-clang,clang,-O1 $(WARNINGS-clang) $(SANITIZE),-O1 -fsanitize=address \
	-fno-omit-frame-pointer,$(SANITIZE),$(stamp-host) $(stamp-lint)))
$(eval $(call host-variant,host-fast,$(HOST_CC),-O2 $(WARNINGS-gcc),-O2,,$(stamp-host)))

FUZZ := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
$(eval $(call host-variant,host-fuzz,clang,-O1 $(WARNINGS-clang) $(FUZZ),-O1 -fsanitize=fuzzer-no-link$(,)address,$(FUZZ),\
	$(stamp-host) $(stamp-lint)))
$(eval $(foreach p,$(fuzz-progs),$(call host-program,host-fuzz,clang,$(FUZZ) -fsanitize=fuzzer,$(p),\
	$(or $($(p)-src),$(p).c),$($(p)-ldlibs))))

# UNIT=tests/unit/base/% runs only those.
unit-progs := $(addprefix $(B)/host/,$(filter $(or $(UNIT),%),$(unit-tests)))
unit-progs-clang := $(addprefix $(B)/host-clang/,$(filter $(or $(UNIT),%),$(unit-tests)))

## The host build, without running anything
host: $(unit-progs) $(addprefix $(B)/host/,$(host-progs)) $(call host-libs,host)
	@echo "host: $(words $(unit-tests)) unit tests, $(words $(host-progs)) programs in $(B)/host"

.PHONY: host
-include $(shell find $(B)/host $(B)/host-clang $(B)/host-fast $(B)/host-fuzz -name '*.d' 2>/dev/null)
