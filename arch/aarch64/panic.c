/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* An exception at EL2 that nobody expected, an ASSERT among them: print every register, stop the host. */
#include <stddef.h>
#include <stdint.h>

#include "arch/aarch64/core.h"
#include "arch/aarch64/layout.h"
#include "arch/aarch64/sysreg.h"
#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/vm/board.h"

#define ESR_EC	    MASK64(31, 26)
#define EC_BRK	    0x3Cu
#define EC_DABT_EL2 0x25u
#define EC_IABT_EL2 0x21u
#define PANIC_LINE  128u

struct panic_frame {
	uint64_t x[31];
	uint64_t sp, elr, spsr, esr, far, kind, spare;
};

_Static_assert(offsetof(struct panic_frame, sp) == PANIC_SP, "layout.h disagrees with struct panic_frame");
_Static_assert(offsetof(struct panic_frame, esr) == PANIC_ESR, "layout.h disagrees with struct panic_frame");
_Static_assert(offsetof(struct panic_frame, kind) == PANIC_KIND, "layout.h disagrees with struct panic_frame");
_Static_assert(sizeof(struct panic_frame) == PANIC_BYTES, "layout.h disagrees with struct panic_frame");

_Noreturn void panic_vector(const struct panic_frame *f);

static uint32_t panic_owner; /* 0, or core index + 1: only the first prints */

static void put(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *format, ...)
{
	char line[PANIC_LINE];
	va_list args;

	va_start(args, format);
	(void)vfmt(line, sizeof(line), format, args);
	va_end(args);
	for (const char *c = line; *c != '\0'; c++) {
		board_panic_putc(*c);
	}
	board_panic_putc('\r');
	board_panic_putc('\n');
}

static const char *what_is(const struct panic_frame *f)
{
	static const char *const kinds[8] = { "SP_EL0 exception", "SP_EL0 IRQ", "SP_EL0 FIQ", "SP_EL0 SError",
		"exception", "IRQ", "FIQ", "SError" };

	if (f->kind == 4) {
		switch (FIELD_GET(ESR_EC, f->esr)) {
		case EC_BRK:
			return "assertion failed";
		case EC_DABT_EL2:
			return "data abort";
		case EC_IABT_EL2:
			return "instruction abort";
		default:
			break;
		}
	}
	return kinds[f->kind % 8];
}

_Noreturn void panic_vector(const struct panic_frame *f)
{
	const struct core *core = core_self();
	uint32_t none = 0;

	if (!__atomic_compare_exchange_n(&panic_owner, &none, 1u, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		for (;;) {
			core_wfi();
		}
	}
	put("panic: %s at EL2 on core %u, pc 0x%llx", what_is(f), core == NULL ? 0u : core->index,
		(unsigned long long)f->elr);
	put("  esr 0x%llx far 0x%llx spsr 0x%llx sp 0x%llx", (unsigned long long)f->esr, (unsigned long long)f->far,
		(unsigned long long)f->spsr, (unsigned long long)f->sp);
	for (uint32_t i = 0; i < 30; i += 3) {
		put("  x%-2u %016llx  x%-2u %016llx  x%-2u %016llx", i, (unsigned long long)f->x[i], i + 1,
			(unsigned long long)f->x[i + 1], i + 2, (unsigned long long)f->x[i + 2]);
	}
	put("  x30 %016llx", (unsigned long long)f->x[30]);
	put("  hcr 0x%llx vttbr 0x%llx sctlr_el1 0x%llx elr_el1 0x%llx", (unsigned long long)SYSREG_READ(hcr_el2),
		(unsigned long long)SYSREG_READ(vttbr_el2), (unsigned long long)SYSREG_READ(sctlr_el1),
		(unsigned long long)SYSREG_READ(elr_el1));
	board_halt();
}
