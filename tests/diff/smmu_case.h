/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * A case for two SMMUv3s: configuration and tables, then transactions, changes and invalidations,
 * all drawn from (seed, number). Most cases are ordinary; the others hold exactly one oddity,
 * which the case's line names, so that a known deviation excuses nothing else.
 */
#ifndef TESTS_DIFF_SMMU_CASE_H
#define TESTS_DIFF_SMMU_CASE_H

#include "tests/diff/tables.h"

#define SMMU_CASE_MAPS_MAX 8u

/* One oddity per case. NAME is what the line says. */
#define SMMU_ODDITIES(X)                                                                                               \
	X(NONE, "none")                                                                                                \
	X(STE_INVALID, "ste-v0")                                                                                       \
	X(STE_CONFIG, "ste-config-reserved")                                                                           \
	X(STE_STRW, "ste-strw")                                                                                        \
	X(STE_CDMAX, "ste-s1cdmax")                                                                                    \
	X(STE_STALLD, "ste-s1stalld")                                                                                  \
	X(STE_EATS, "ste-eats")                                                                                        \
	X(STE_S2S, "ste-s2s")                                                                                          \
	X(STE_S2HA, "ste-s2ha")                                                                                        \
	X(STE_S2HD, "ste-s2hd")                                                                                        \
	X(STE_ENDIAN, "ste-s2endi")                                                                                    \
	X(STE_TG, "ste-s2tg-reserved")                                                                                 \
	X(STE_PS, "ste-s2ps")                                                                                          \
	X(STE_T0SZ, "ste-s2t0sz")                                                                                      \
	X(STE_SL0, "ste-s2sl0")                                                                                        \
	X(STE_TTB, "ste-s2ttb")                                                                                        \
	X(S2_CONCAT, "s2-concatenated")                                                                                \
	X(STE_FWB, "ste-s2fwb")                                                                                        \
	X(STE_PTW, "ste-s2ptw")                                                                                        \
	X(CD_INVALID, "cd-v0")                                                                                         \
	X(CD_AA32, "cd-aa64-0")                                                                                        \
	X(CD_A, "cd-a0")                                                                                               \
	X(CD_S, "cd-s")                                                                                                \
	X(CD_HA, "cd-ha")                                                                                              \
	X(CD_HD, "cd-hd")                                                                                              \
	X(CD_TG, "cd-tg-reserved")                                                                                     \
	X(CD_TSZ, "cd-tsz")                                                                                            \
	X(CD_IPS, "cd-ips")                                                                                            \
	X(CD_TTB, "cd-ttb")                                                                                            \
	X(CD_ENDIAN, "cd-endi")                                                                                        \
	X(CD_EPD, "cd-epd")                                                                                            \
	X(CD_PAN, "cd-wxn-pan")                                                                                        \
	X(PTE_AP1, "pte-ap1-0")                                                                                        \
	X(PTE_APTABLE, "pte-aptable")                                                                                  \
	X(PTE_HAD, "pte-aptable-had")                                                                                  \
	X(PTE_CONT, "pte-contiguous")                                                                                  \
	X(PTE_CONT_ODD, "pte-contiguous-alone")                                                                        \
	X(PTE_RESERVED, "pte-reserved-type")                                                                           \
	X(PTE_BLOCK, "pte-block-level")                                                                                \
	X(PTE_IGNORED, "pte-ignored-bits")                                                                             \
	X(PTE_TABLE_OA, "pte-table-beyond-ps")                                                                         \
	X(PTE_TABLE_BUS, "pte-table-nowhere")                                                                          \
	X(NEST_CD, "nested-cd-page")                                                                                   \
	X(NEST_TABLE, "nested-table-page")                                                                             \
	X(SID_BEYOND, "sid-beyond")                                                                                    \
	X(SID_SPAN0, "l1-span-0")                                                                                      \
	X(SID_SPAN_SHORT, "l1-span-short")                                                                             \
	X(SID_SPAN_WIDE, "l1-span-wide")                                                                               \
	X(STE_BUS, "l1-leaf-nowhere")                                                                                  \
	X(CD_BUS, "cd-nowhere")

enum smmu_odd {
#define X(id, name) ODD_##id,
	SMMU_ODDITIES(X)
#undef X
		ODD_COUNT
};

/** A leaf of a stage. */
struct smmu_map {
	uint64_t in; /* without the sign bits of a high half */
	uint64_t out;
	uint64_t at; /* PA of the descriptor */
	uint8_t level;
	uint8_t size_log2;
};

struct smmu_stage {
	bool on;
	bool high;  /* stage 1, through TTB1 */
	uint8_t ps; /* code of the output size */
	struct diff_table table;
	struct smmu_map map[SMMU_CASE_MAPS_MAX];
	uint32_t count;
};

struct smmu_case {
	uint64_t number;
	struct diff_draw draw;
	uint64_t idr0;
	uint8_t config; /* STE.Config */
	enum smmu_odd odd;
	uint32_t device, sid;
	uint16_t vmid, asid;
	bool recinvsid;
	bool two_level;
	uint32_t strtab_cfg;
	uint64_t ste_pa;
	struct smmu_stage s1, s2;
	uint64_t ste[8], cd[8];
	bool tbi;
	/* Where the last transaction went through, 0: none did; a change likes to hit what it left in the TLB. */
	uint64_t last;
	/* What was changed and not invalidated: either outcome is right. */
	bool stale;
	/* A block of stage 1, which stage 2 may cut in parts, was invalidated by one address. */
	bool parts;
};

extern const char *const smmu_odd_name[ODD_COUNT];

/** Format of a case's stream table. QEMU does not go back from two levels to one: linear cases run first. */
static inline bool smmu_case_two_level(uint64_t number)
{
	return number % 2 != 0;
}
/** Draw a case and store its structures and tables. The SMMU must be off. */
void smmu_case_build(struct smmu_case *c, struct diff_machine *m, uint64_t seed, uint64_t number, uint32_t idr0);
/** Draw an address that leads into the arena's data, or nowhere; false: none was found. */
bool smmu_case_address(struct smmu_case *c, uint64_t *iova);
/** Does an address, as smmu_case_address gave it, still lead into the data, or nowhere? */
bool smmu_case_again(const struct smmu_case *c, uint64_t iova);
/** Another descriptor for a drawn leaf; what it was is stale. Returns the stage: 1, 2; 0: there is none. */
unsigned smmu_case_change(struct smmu_case *c, struct diff_machine *m, struct smmu_map *changed);

/** Queues and registers, once. */
void smmu_run_begin(struct diff_machine *m);
/** Cases first to first + count - 1: build, run, print; those with a linear stream table come before the others. */
void smmu_run_cases(struct diff_machine *m, uint64_t seed, uint64_t first, uint64_t count);

#endif
