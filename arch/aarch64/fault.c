/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Where a stage 2 fault was: Arm ARM D24.2.67 (HPFAR_EL2). */
#include "arch/aarch64/sysreg.h"
#include "core/base/addr.h"
#include "core/base/bits.h"
#include "core/vm/arch.h"

#define HPFAR_FIPA	MASK64(43, 4)
#define ISS_S1PTW	BIT64(7)
#define ISS_DFSC_KIND	MASK64(5, 2)
#define DFSC_PERMISSION 3u
#define PAR_F		BIT64(0)
#define PAR_PA		MASK64(51, 12)

/** The guest's own translation of a VA; its PAR_EL1 is kept. */
static enum err translate(uint64_t va, uint64_t *page)
{
	uint64_t par_guest = SYSREG_READ(par_el1);
	uint64_t par;

	/* EL1 rights, and read: stage 1 was passed already, and what the instruction needed is not known here. */
	__asm__ volatile("at s1e1r, %0" ::"r"(va) : "memory");
	isb();
	par = SYSREG_READ(par_el1);
	SYSREG_WRITE(par_el1, par_guest);
	if ((par & PAR_F) != 0) {
		return ERR_AGAIN;
	}
	*page = par & PAR_PA;
	return ERR_OK;
}

enum err arch_fault_ipa(const struct arch_exit *exit, uint64_t *ipa)
{
	uint64_t page;
	enum err err;

	/* For a permission fault outside a stage 1 walk HPFAR_EL2 is UNKNOWN. */
	if (FIELD_GET(ISS_DFSC_KIND, exit->esr) != DFSC_PERMISSION || (exit->esr & ISS_S1PTW) != 0) {
		page = FIELD_GET(HPFAR_FIPA, exit->hpfar) << PAGE_SHIFT;
	} else {
		err = translate(exit->far, &page);
		if (err != ERR_OK) {
			return err;
		}
	}
	*ipa = page | (exit->far & PAGE_MASK);
	return ERR_OK;
}
