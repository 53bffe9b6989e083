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

# clang-tidy is slow: a source without remarks leaves a stamp, and is looked at again when it or a header changes.
lint-tidy := $(patsubst %.c,$(B)/lint/%.tidy,$(filter-out arch/% board/% tests/guest/%,$(our-c)))

$(lint-tidy) lint lint-headers: export LINT_FLAGS = $(CFLAGS-common) $(CFLAGS-packages) $(CFLAGS-$<)
$(B)/lint/%.tidy: %.c .clang-tidy | $(stamp-lint) $(stamp-packages)
	$(Q)tools/lint.sh tidy $@ $<

## clang-tidy, cppcheck, format, header and licence-line checks, and that what the threat model names exists
lint: lint-tree lint-headers lint-cppcheck $(lint-tidy)
	@echo "lint: $(words $(our-c)) sources, no remark"

lint-tree: | $(stamp-lint)
	@tools/lint.sh tree

lint-headers: | $(stamp-lint) $(stamp-packages)
	@tools/lint.sh headers

lint-cppcheck: | $(stamp-lint)
	@tools/lint.sh cppcheck $(B)/lint/cppcheck $(our-c)

## The quick part of lint, as a test: licence lines, and that every test of the threat model exists
test-lint:
	@mkdir -p $(B)/results; echo "0 1" > $(B)/results/$@.txt
	@tools/lint.sh names
	@echo "1 0" > $(B)/results/$@.txt
	@echo "test-lint: licence lines and the threat model's tests are in order; make lint looks at more"

## Reformat what clang-format would write otherwise (CHECK=1: only say so)
format: $(stamp-lint)
	@tools/format.sh $(if $(CHECK),--check)

## Line and branch coverage of the unit tests in all and per folder, build/coverage/index.html
coverage: $(DEPS)/stamp/coverage
	@$(MAKE) --no-print-directory B=$(B)/coverage-build DEPS=$(DEPS) SANITIZE="--coverage -fprofile-abs-path" test-unit || true
	@mkdir -p $(B)/coverage
	@gcovr --root . --filter 'core/|drivers/|migration/|net/' --html-details $(B)/coverage/index.html \
		--json-summary $(B)/coverage/summary.json $(B)/coverage-build
	@tools/coverage.py $(B)/coverage/summary.json

-include $(shell find $(B)/lint -name '*.d' 2>/dev/null)
.PHONY: size stack lint lint-tree lint-headers lint-cppcheck test-lint format coverage
