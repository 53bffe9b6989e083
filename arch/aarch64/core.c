/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <stddef.h>

#include "arch/aarch64/cache.h"
#include "arch/aarch64/core.h"
#include "arch/aarch64/psci.h"
#include "arch/aarch64/sysreg.h"
#include "arch/aarch64/timer.h"
#include "core/base/assert.h"
#include "core/base/bits.h"

#define MPIDR_AFFINITY	      (MASK64(39, 32) | MASK64(23, 0))
#define CORE_START_TIMEOUT_US 1000000u

_Static_assert(offsetof(struct core, stack_top) == CORE_STACK_TOP, "layout.h disagrees with struct core");
_Static_assert(offsetof(struct core, panic_top) == CORE_PANIC_TOP, "layout.h disagrees with struct core");

extern uint8_t stack_service_top[], stacks_vcpu[], stacks_panic[];
extern void boot_secondary_entry(void);
void boot_secondary(struct core *core);

static struct core cores[CORE_COUNT_MAX];

struct core *core_self(void)
{
	return (struct core *)SYSREG_READ(tpidr_el2);
}

struct core *core_at(uint32_t index)
{
	ASSERT(index < CORE_COUNT_MAX);
	return &cores[index];
}

static void core_place(uint32_t index, uint64_t mpidr)
{
	struct core *c = &cores[index];

	c->index = index;
	c->mpidr = mpidr & MPIDR_AFFINITY;
	c->stack_top = index == 0 ? (uintptr_t)stack_service_top
				  : (uintptr_t)stacks_vcpu + (uint64_t)index * STACKS_VCPU_STRIDE;
	c->panic_top = (uintptr_t)stacks_panic + (uint64_t)(index + 1) * STACKS_PANIC_STRIDE;
}

void core_init_first(void)
{
	core_place(0, SYSREG_READ(mpidr_el1));
	cores[0].online = 1;
	SYSREG_WRITE(tpidr_el2, (uintptr_t)&cores[0]);
}

enum err core_start(uint32_t index, uint64_t mpidr, void (*main)(struct core *core, void *ctx), void *ctx)
{
	struct core *c;
	enum err err;
	uint64_t end;

	if (index == 0 || index >= CORE_COUNT_MAX) {
		return ERR_RANGE;
	}
	c = &cores[index];
	core_place(index, mpidr);
	c->main = main;
	c->main_ctx = ctx;
	/* The new core reads its struct with the MMU off: past the caches, so it has to be at the point of coherency. */
	cache_clean_invalidate((uintptr_t)c, sizeof(*c));
	err = psci_cpu_on(c->mpidr, (uintptr_t)boot_secondary_entry, (uintptr_t)c);
	if (err != ERR_OK) {
		return err;
	}
	end = timer_now_us() + CORE_START_TIMEOUT_US;
	while (__atomic_load_n(&c->online, __ATOMIC_ACQUIRE) == 0) {
		if (timer_now_us() > end) {
			return ERR_TIMEOUT;
		}
	}
	return ERR_OK;
}

/** C entry of a secondary: MMU on, on its own stack. */
void boot_secondary(struct core *core)
{
	__atomic_store_n(&core->online, 1u, __ATOMIC_RELEASE);
	core->main(core, core->main_ctx);
}

void core_take_serrors(void)
{
	__asm__ volatile("msr daifclr, #4" ::: "memory");
}

void core_wfi(void)
{
	__asm__ volatile("dsb sy\n\twfi" ::: "memory");
}
