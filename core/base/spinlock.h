/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A ticket lock for the few structures that two cores share by design (docs/design.md,
 * "Who may touch what"). Never held across a wait. Not for interrupt handlers of the
 * same core: EL2 runs with interrupts masked.
 */
#ifndef CORE_BASE_SPINLOCK_H
#define CORE_BASE_SPINLOCK_H

#include <stdint.h>

struct spinlock {
	uint32_t next;
	uint32_t owner;
};

static inline void spin_lock(struct spinlock *l)
{
	uint32_t ticket = __atomic_fetch_add(&l->next, 1u, __ATOMIC_RELAXED);

	while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket) {
		/* bounded by the holders' sections, each a few hundred instructions */
	}
}

static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->owner, l->owner + 1u, __ATOMIC_RELEASE);
}

#endif
