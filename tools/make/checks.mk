# SPDX-License-Identifier: BSD-2-Clause-Patent
#
# Reports and style checks.

our-src := $(sort $(image-src) $(fake-src) $(addsuffix .c,$(unit-tests)) \
	$(foreach p,$(unit-tests) $(host-progs),$(or $($(p)-src),$(p).c)))
our-c := $(wildcard $(filter %.c,$(our-src)))

## Text, data and bss per folder, against the bar of docs/design.md
size: $I/godwit.elf
	@tools/size.py $I/godwit.map $<

## Worst-case stack per entry point, from the call graph
stack: $I/godwit.elf
	@tools/stack.py --entries tools/stack.entries --elf $< $I $(DEPS)/newlib/ci

lint: export LINT_FLAGS = $(CFLAGS-common) $(CFLAGS-packages)
## clang-tidy, cppcheck, header and licence-line checks
lint: $(stamp-lint) $(stamp-packages)
	@tools/lint.sh $(our-c)

## Reformat what clang-format would write otherwise (CHECK=1: only say so)
format: $(stamp-lint)
	@tools/format.sh $(if $(CHECK),--check)

## Line coverage of the unit tests, build/coverage/index.html
coverage: $(DEPS)/stamp/coverage
	@$(MAKE) --no-print-directory B=$(B)/coverage-build DEPS=$(DEPS) SANITIZE="--coverage -fprofile-abs-path" test-unit || true
	@mkdir -p $(B)/coverage
	@gcovr --root . --filter 'core/|drivers/|migration/|net/' --html-details $(B)/coverage/index.html --txt $(B)/coverage/summary.txt $(B)/coverage-build
	@awk '/^TOTAL/ { print "coverage: " $$4 " of " $$2 " lines, $(B)/coverage/index.html" }' $(B)/coverage/summary.txt

.PHONY: size stack lint format coverage
