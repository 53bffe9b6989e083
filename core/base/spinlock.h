/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The lock of the few structures that two cores share by design (docs/design.md, "At run time"). Never held
 * across a wait. Not for interrupt handlers of the same core: EL2 runs with interrupts masked.
 *
 * Whoever comes first takes it; there is no queue. A queue would be fair, but each hand-over would then need one
 * certain core to be running, and where cores are threads of a busy emulator the lock would crawl from time slice to time
 * slice. The sections are a few hundred instructions and the cores a handful, so nobody waits long here either.
 */
#ifndef CORE_BASE_SPINLOCK_H
#define CORE_BASE_SPINLOCK_H

#include <stdint.h>

struct spinlock {
	uint32_t held;
};

static inline void spin_lock(struct spinlock *l)
{
	/* Bounded by the holders' sections. Waiting reads only: the line stays shared until it is free. */
	while (__atomic_exchange_n(&l->held, 1u, __ATOMIC_ACQUIRE) != 0) {
		while (__atomic_load_n(&l->held, __ATOMIC_RELAXED) != 0) {
		}
	}
}

static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->held, 0u, __ATOMIC_RELEASE);
}

#endif
