/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * ASSERT stops us when we broke an invariant of our own; it stays in release images.
 * Nothing that a peer, guest, device or operator sends may reach one.
 *
 * It traps (BRK on AArch64): in the image the vectors print a register dump, on the
 * host the process ends. No symbol is needed, so the libraries stay self-contained.
 */
#ifndef CORE_BASE_ASSERT_H
#define CORE_BASE_ASSERT_H

#define ASSERT(x)                                                                                                      \
	do {                                                                                                           \
		if (!(x)) {                                                                                            \
			__builtin_trap();                                                                              \
		}                                                                                                      \
	} while (0)

#endif
