# SPDX-License-Identifier: BSD-2-Clause-Patent
host-progs += tests/sim/sim
tests/sim/sim-src := $(addprefix tests/sim/,sim.c world.c host.c guest.c gadget.c chaos.c operator.c plan.c)
tests/sim/sim-src += $(addprefix tests/sim/,journal.c ledger.c trace.c wire.c quick_seal.c)
# Every step of the hand-over passes through tests/sim/trace.c.
tests/sim/sim-ldlibs := -Wl,--wrap=handover_post
