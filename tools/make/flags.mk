# SPDX-License-Identifier: BSD-2-Clause-Patent
#
# Compilers, flags and dependencies.

DEPS := $(B)/deps
MBEDTLS := $(DEPS)/src/mbedtls
LWIP := $(DEPS)/src/lwip
NEWLIB := $(DEPS)/newlib/aarch64-none-elf

# tools/deps.sh installs and builds a group, and leaves its stamp.
$(DEPS)/stamp/%: tools/deps.lock
	@tools/deps.sh $*
	@touch $@

$(DEPS)/stamp/linux $(DEPS)/stamp/linux612: tools/guest.lock
	@tools/deps.sh $(@F)
	@touch $@

stamp-host := $(DEPS)/stamp/host
stamp-cross := $(DEPS)/stamp/cross
stamp-packages := $(DEPS)/stamp/packages
stamp-lint := $(DEPS)/stamp/lint
stamp-linux := $(DEPS)/stamp/linux

# A variable that may not be set reads "make Q=" for the commands themselves.
Q := @

# ---- flags that every build of ours shares ----

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla -Wundef
WARNINGS += -Wpointer-arith -Wwrite-strings -Wcast-qual -Wmissing-declarations -Wredundant-decls -Wnested-externs
WARNINGS += -Wimplicit-fallthrough -Wformat=2 -Wdouble-promotion
WARNINGS-gcc := -Wlogical-op -Wduplicated-cond
WARNINGS-clang := -Wno-unknown-warning-option -Wno-gnu-zero-variadic-macro-arguments

CFLAGS-common := -std=gnu11 -I. -fno-common -fno-strict-aliasing -ffunction-sections -fdata-sections -g
CFLAGS-common += -isystem $(DEPS)/include

# Below net/, board/ and tests/ the packages' headers are in reach, with the configuration that net/ keeps.
CFLAGS-packages := -isystem $(MBEDTLS)/include -isystem $(LWIP)/src/include -Inet/lwip
CFLAGS-packages += -DMBEDTLS_CONFIG_FILE='"net/mbedtls/mbedtls_config.h"'
packages-dirs := net/% board/% tests/%

# ---- host ----

HOST_CC := gcc
HOST_AR := ar
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

# ---- image ----

CROSS := aarch64-linux-gnu-
CC_IMAGE := $(CROSS)gcc
LD_IMAGE := $(CROSS)ld
AR_IMAGE := $(CROSS)ar
NM_IMAGE := $(CROSS)nm
OBJCOPY_IMAGE := $(CROSS)objcopy
OBJDUMP_IMAGE := $(CROSS)objdump

# Found late: the compiler may not be there before its stamp is.
image-gcc-include = $(shell $(CC_IMAGE) -print-file-name=include 2>/dev/null)
image-libgcc = $(shell $(CC_IMAGE) -print-libgcc-file-name 2>/dev/null)

# The Debian compiler is one for Linux programs: take back what it assumes. -fbuiltin after -ffreestanding lets a
# four-byte memcpy become a load; what remains a call is one of memcpy, memmove, memset, memcmp.
CFLAGS_IMAGE_BASE = -ffreestanding -fbuiltin -fno-tree-loop-distribute-patterns -march=armv8-a -mabi=lp64
CFLAGS_IMAGE_BASE += -mno-outline-atomics -mbranch-protection=none -fno-pic -fno-pie -fno-stack-protector
CFLAGS_IMAGE_BASE += -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-delete-null-pointer-checks
CFLAGS_IMAGE_BASE += -U__linux__ -U__linux -Ulinux -U__gnu_linux__ -U__unix__ -U__unix -Uunix
CFLAGS_IMAGE_BASE += -nostdinc -isystem $(image-gcc-include) -isystem $(NEWLIB)/include
CFLAGS_IMAGE_OURS := -mstrict-align
# No jump tables: then every branch through a register is a call, and tools/fpcheck.py can follow it.
CFLAGS_IMAGE_GENERAL := -mgeneral-regs-only -fno-jump-tables
CFLAGS_IMAGE_REPORT := -fstack-usage -fcallgraph-info=su
