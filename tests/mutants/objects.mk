# SPDX-License-Identifier: BSD-2-Clause-Patent
#
# Mutants: the code broken on purpose, below build/mutants, and the checks that must notice.

mutants-units := $(filter tests/unit/migration/% tests/unit/session/%,$(unit-tests)) tests/unit/net/test_tls_port
mutants-units += tests/unit/vm/test_dirty_log tests/unit/vm/test_stage2
mutants-units += $(filter tests/unit/drivers/test_smmuv3%,$(unit-tests))
# Long ones run without sanitizers: what tests/mutants names as "fast" and "sim".
mutants-fast := $(addprefix tests/unit/migration/,test_failures test_godwit) $(addprefix tests/unit/session/,test_faults test_handshake)
mutants-progs := $(addprefix $(B)/host/,$(mutants-units) $(net-tests)) $(addprefix $(B)/host-fast/,$(mutants-fast) $(SIM))

mutants: export MUTANTS_CFLAGS = $(CFLAGS-common)
mutants: export MUTANTS_CFLAGS_PACKAGES = $(CFLAGS-packages)
mutants: export MUTANTS_SANITIZE = $(SANITIZE)
mutants: export MUTANTS_SIM = $(tests/sim/sim-src)
mutants: export MUTANTS_PROGRAMS = $(foreach p,$(mutants-units),$(p)=$(subst $() $(),$(,),$(strip $(p).c $($(p)-src)))) \
	$(foreach p,$(net-tests),$(p)=$(subst $() $(),$(,),$(strip $($(p)-src))))
## The named mutants and a sample of the mechanical ones (COUNT=n, SEED=n, FILES='glob...', ONLY=text, PART=k/n, WHAT=named|sample)
mutants: $(mutants-progs)
	@tests/mutants/run.py $(if $(WHAT),--$(WHAT)) $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED)) \
		$(if $(ONLY),--only '$(ONLY)') $(if $(PART),--part $(PART)) $(if $(LIST),--list) $(if $(FILES),--files $(FILES))

.PHONY: mutants
