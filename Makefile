# SPDX-License-Identifier: BSD-2-Clause-Patent
#
# Every entry point of the project; `make help` lists them. All output goes below build/.
#
# Sources are listed by hand in the objects.mk of each folder, appended to these variables, relative to this folder:
#
#   base-src vm-src driver-src smmu-src engine-src net-src    host builds and image
#   arch-src board-src                                        image only, C and assembly
#   simd-src       those of the above that may use FP/SIMD registers (service cores only)
#   fake-src       host only: the stand-ins that tests link
#   unit-tests     cmocka programs: tests/unit/AREA/test_NOUN, built from the .c file of that name and PATH-src
#   host-progs     other host programs, by path: built from PATH-src (default: PATH.c), PATH-ldlibs
#   fuzz-progs     libFuzzer programs, likewise; results in build/host-fuzz
#   test-targets   what `make test` runs besides test-unit
#
# docs/building.md tells more.

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

B := build

base-src :=
vm-src :=
arch-src :=
board-src :=
driver-src :=
smmu-src :=
engine-src :=
net-src :=
simd-src :=
fake-src :=
unit-tests :=
host-progs :=
fuzz-progs :=
test-targets := test-link test-lint

folders := core/base core/vm arch/aarch64 drivers migration migration/session migration/control net board/qemu-virt
folders += tests/fake tests/unit/base tests/unit/vm tests/unit/arch tests/unit/drivers tests/unit/migration
folders += tests/unit/session tests/unit/net tests/unit/qmp tests/unit/board tests/sim tests/net tests/guest tests/board tests/model
folders += tests/conformance tests/fuzz tests/stress tests/bench tests/linux tests/mutants tests/diff

include tools/make/flags.mk
-include $(addsuffix /objects.mk,$(folders))
include tools/make/host.mk
include tools/make/image.mk
include tools/make/checks.mk

## The image of the hypervisor and the libraries, with their link checks
all: image lib
	@echo "all: $(B)/image/godwit.bin, $(B)/lib/libgodwit.a, $(B)/lib/libgodwit-smmu.a"

## The hypervisor image, and the link checks on it
image: $(B)/image/godwit.bin $(B)/image/checked
	@echo "image: $$(stat -c %s $<) bytes, $<"

## libgodwit.a and libgodwit-smmu.a for the target; only gw_ symbols are exported
lib: $(B)/lib/checked
	@echo "lib: $(B)/lib/libgodwit.a, $(B)/lib/libgodwit-smmu.a"

## All tests; ends with "N passed, N failed"
test:
	@tools/run-tests.py all --make "$(MAKE)" test-unit $(test-targets)

## The link checks on image and libraries: heap, exported and undefined symbols, stand-ins, FP/SIMD on vCPU cores; stack and size
test-link:
	@mkdir -p $(B)/results; echo "0 1" > $(B)/results/$@.txt
	@$(MAKE) --no-print-directory image lib size stack
	@echo "1 0" > $(B)/results/$@.txt
	@echo "test-link: image and libraries are as promised"

## cmocka suites of every module that runs on the host, under ASan and UBSan
test-unit: $(unit-progs)
	@tools/run-tests.py unit --name test-unit $(unit-progs)

## The unit tests built by clang
test-clang: $(unit-progs-clang)
	@tools/run-tests.py unit --name test-clang $(unit-progs-clang)

## A test CA and two host certificates in build/pki
pki: $(B)/pki/stamp
	@echo "pki: $(B)/pki holds ca, alpha and beta"

## Remove what was built; build/deps stays (remove build/ to lose that too)
clean:
	@find $(B) -mindepth 1 -maxdepth 1 ! -name deps -exec rm -rf {} + 2>/dev/null || true
	@echo "clean: $(B)/deps is kept"

## List the targets
help:
	@awk '/^## / { text = text sep substr($$0, 4); sep = " " } \
		/^[a-z][a-z0-9-]*:([^=]|$$)/ && text { name = $$1; sub(":.*", "", name); printf "%-14s %s\n", name, text } \
		!/^## / { text = sep = "" }' $(MAKEFILE_LIST) | sort
	@echo "help: each target sets itself up"

$(B)/pki/stamp: tools/pki.sh $(B)/deps/stamp/host
	@mkdir -p $(@D)
	@tools/pki.sh ca $(@D)
	@tools/pki.sh host $(@D) alpha
	@tools/pki.sh host $(@D) beta
	@touch $@

.PHONY: all image lib test test-link test-unit test-clang pki clean help
