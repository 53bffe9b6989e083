# SPDX-License-Identifier: BSD-2-Clause-Patent
# What cores share, between real threads under ThreadSanitizer. Programs of their own: it does not go with the other sanitizers.

stress-progs := $(B)/host-tsan/tests/stress/stress_dirty_log $(B)/host-tsan/tests/stress/stress_ring
$(B)/host-tsan/tests/stress/stress_dirty_log: core/vm/dirty_log.c core/vm/stage2.c core/base/bitmap.c $(wildcard core/vm/*.h core/base/*.h)
$(B)/host-tsan/tests/stress/stress_ring: core/base/ring.c core/base/ring.h

$(B)/host-tsan/%: %.c | $(stamp-host)
	@mkdir -p $(@D)
	@echo "  LD [host-tsan] $*"
	$(Q)$(HOST_CC) $(CFLAGS-common) $(WARNINGS) -O1 -fsanitize=thread -o $@ $(filter %.c,$^) -lcmocka -lpthread

test-targets += test-race

## Dirty log and ring between threads, under ThreadSanitizer
test-race: $(stress-progs)
	@tools/run-tests.py unit --name test-race $(stress-progs)

.PHONY: test-race
