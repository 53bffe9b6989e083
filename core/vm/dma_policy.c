/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/base/text.h"
#include "core/vm/dma_policy.h"

#define HTTU_ACCESS 1u
#define HTTU_DIRTY  2u
#define DEVICE_LOG  "device-log"

/** The best first. */
static const struct dma_tracker_choice ranked[] = {
	{ .device_log = true },
	{ .backend = DIRTY_SMMU_HTTU, .hw_access = true, .hw_dirty = true },
	{ .backend = DIRTY_SMMU_ACCESS, .hw_access = true },
	{ .backend = DIRTY_ALL_MAPPED },
};

const char *dma_tracker_name(const struct dma_tracker_choice *choice)
{
	return choice->device_log ? DEVICE_LOG : dirty_backend_name(choice->backend);
}

/** What is missing for it; NULL: nothing. */
static const char *missing(const struct dma_tracker_facts *facts, const struct dma_tracker_choice *choice)
{
	if (choice->device_log) {
		return facts->device_log ? NULL : "the device's driver has no log";
	}
	if (choice->hw_dirty && facts->httu < HTTU_DIRTY) {
		return "the SMMU records no dirty state (IDR0.HTTU below 2)";
	}
	if (choice->hw_access && facts->httu < HTTU_ACCESS) {
		return "the SMMU records no Access flag (IDR0.HTTU is 0)";
	}
	if (choice->hw_access && !facts->coherent) {
		return "the SMMU's walks are not coherent (IDR0.COHACC is 0), so its updates may be lost";
	}
	return NULL;
}

enum err dma_tracker_choose(
	const struct dma_tracker_facts *facts, const char *wish, struct dma_tracker_choice *out, char *reason)
{
	bool any = text_equal(wish, "auto");

	for (uint32_t i = 0; i < ARRAY_SIZE(ranked); i++) {
		const char *lack = missing(facts, &ranked[i]);

		if (!any && !text_equal(wish, dma_tracker_name(&ranked[i]))) {
			continue;
		}
		if (lack == NULL) {
			*out = ranked[i];
			return ERR_OK;
		}
		if (!any) {
			fmt(reason, REASON_BYTES, "DMA tracker %s: %s", wish, lack);
			return ERR_UNSUPPORTED;
		}
	}
	fmt(reason, REASON_BYTES, "DMA tracker: no tracker is named %s", wish);
	return ERR_RANGE;
}
