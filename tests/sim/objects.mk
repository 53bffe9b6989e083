# SPDX-License-Identifier: BSD-2-Clause-Patent
host-progs += tests/sim/sim
tests/sim/sim-src := $(addprefix tests/sim/,sim.c world.c host.c guest.c gadget.c chaos.c operator.c plan.c)
tests/sim/sim-src += $(addprefix tests/sim/,journal.c ledger.c trace.c wire.c quick_seal.c console.c reached.c rogue.c dma.c limits.c conserve.c)
# Every step of the hand-over passes through tests/sim/trace.c, and every text through tests/sim/reached.c.
tests/sim/sim-ldlibs := -Wl,--wrap=handover_post,--wrap=fmt,--wrap=vfmt,--wrap=err_name,--wrap=qmp_check,--wrap=channel_receive,--wrap=channel_join_seal,--wrap=channel_join_open

sim-named := $(B)/gen/tests/sim/named_errors.inc
$(sim-named): tests/sim/named_errors.py $(engine-src)
	@mkdir -p $(@D)
	@python3 $< $(filter %.c,$^) > $@
CFLAGS-tests/sim/reached.c := -I$(B)/gen
$(foreach v,host host-fast host-clang,$(B)/$v/obj/tests/sim/reached.o) $(B)/lint/tests/sim/reached.tidy: $(sim-named)

SIM := tests/sim/sim
sim-args = $(if $(SEED),--seed $(SEED),--count $(or $(COUNT),2000) $(if $(FIRST),--first $(FIRST))) $(if $(MASK),--mask $(MASK)) \
	$(if $(WORKERS),--workers $(WORKERS)) $(if $(SECONDS),--seconds $(SECONDS))

## The deterministic simulator (COUNT=n seeds from FIRST=n on, or SECONDS=n of them; SEED=n [MASK=m] replays one)
sim: $(B)/host-fast/$(SIM)
	@$< $(sim-args)

test-targets += test-sim
## A short run of the simulator: fixed seeds, GCC's and clang's hashes compared, a few under ASan and UBSan
test-sim: $(B)/host-fast/$(SIM) $(B)/host/$(SIM) $(B)/host-clang/$(SIM)
	@tests/sim/short.sh $^

.PHONY: sim test-sim
