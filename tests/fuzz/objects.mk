# SPDX-License-Identifier: BSD-2-Clause-Patent
#
# Fuzzing by libFuzzer (clang): one program for each hostile surface; docs/threat-model.md says which.

fuzz-targets := wire incoming outgoing migration tls records guest devices e1000e

fuzz-host-src := tests/fuzz/program.c tests/fuzz/host.c tests/fuzz/puppet.c
tests/fuzz/fuzz_guest-src := tests/fuzz/fuzz_guest.c tests/fuzz/program.c
tests/fuzz/fuzz_e1000e-src := tests/fuzz/fuzz_e1000e.c tests/fuzz/program.c
tests/fuzz/fuzz_devices-src := tests/fuzz/fuzz_devices.c tests/fuzz/program.c
tests/fuzz/fuzz_migration-src := tests/fuzz/fuzz_migration.c $(fuzz-host-src)
tests/fuzz/fuzz_tls-src := tests/fuzz/fuzz_tls.c tests/fuzz/program.c
tests/fuzz/fuzz_incoming-src := tests/fuzz/fuzz_incoming.c $(fuzz-host-src)
tests/fuzz/fuzz_outgoing-src := tests/fuzz/fuzz_outgoing.c $(fuzz-host-src)
fuzz-progs += $(addprefix tests/fuzz/fuzz_,$(fuzz-targets))
fuzz-all = $(addprefix $(B)/host-fuzz/,$(sort $(fuzz-progs)))

SECONDS ?= 60

## Run every fuzzer, SECONDS=60 in all; a crash is kept in build/fuzz and fails
fuzz: $(fuzz-all)
	@tests/fuzz/run.py --seconds $(SECONDS) $(if $(TARGET),--target $(TARGET)) $(fuzz-all)

## Each corpus once through its fuzzer
fuzz-corpus: $(fuzz-all)
	@tests/fuzz/run.py --replay $(fuzz-all)

## The kept inputs once, as a test
test-fuzz: $(fuzz-all)
	@mkdir -p $(B)/results; echo "0 1" > $(B)/results/$@.txt
	@tests/fuzz/run.py --replay $(fuzz-all)
	@echo "$(words $(fuzz-all)) 0" > $(B)/results/$@.txt

.PHONY: fuzz fuzz-corpus test-fuzz

# The stand-ins and the fuzzers themselves are not what is looked for: without coverage of them all is quicker.
fuzz-plain := $(fake-src) $(fuzz-host-src) $(addsuffix .c,$(fuzz-progs))
$(foreach s,$(fuzz-plain),$(eval $(B)/host-fuzz/obj/$(basename $s).o: CFLAGS-$s += -fno-sanitize=fuzzer-no-link))

$(B)/host-fuzz/tests/fuzz/fuzz_tls: | $(B)/test-pki/stamp

# What the fuzzers and the simulator lean on is never in what is delivered.
$(B)/image/nofakes: $(B)/image/godwit.elf tools/nofakes.sh
	$(Q)tools/nofakes.sh $<
	@touch $@

$(B)/lib/nofakes: $(B)/lib/libgodwit.a $(B)/lib/libgodwit-smmu.a tools/nofakes.sh
	$(Q)tools/nofakes.sh $(filter %.a,$^)
	@touch $@

image: $(B)/image/nofakes
lib: $(B)/lib/nofakes
