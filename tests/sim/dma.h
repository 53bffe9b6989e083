/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * Between the devices of a simulated host and its RAM: the SMMUv3 model, driven by the unmodified driver of drivers/smmuv3,
 * with stage 2 tables that core/vm/stage2.c makes. A device's stream is attached while it may do DMA, and at no other time.
 */
#ifndef TESTS_SIM_DMA_H
#define TESTS_SIM_DMA_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/vm/stage2.h"
#include "drivers/smmuv3/smmuv3.h"
#include "tests/fake/smmuv3_model.h"

#define DMA_DEVICES 4u
#define DMA_FLIGHTS SMMU_MODEL_FLIGHT_MAX

struct sim_host;

/** A write that was issued and may not have landed. */
struct dma_flight {
	uint32_t device;
	uint64_t page, value;
	uint32_t at;
};

struct dma {
	struct sim_host *host;
	struct smmu_model model;
	struct gw_smmu smmu;
	struct s2_table s2;
	uint8_t *mem, *seen; /* tables and queues, then the guest's RAM */
	uint32_t updating;   /* device whose stream is being attached or detached; DMA_DEVICES: none */
	bool attaching;
	struct dma_flight flights[DMA_FLIGHTS];
	uint32_t flight_count;
	uint64_t writes, aborts;
};

/** Power-on: memory for page_count pages, returned zeroed; the SMMU is up, and every stream aborts. */
uint8_t *dma_init(struct dma *d, struct sim_host *h);
void dma_free(struct dma *d);

/** Let a device reach memory, or not any more. ERR_AGAIN until it is done; one device at a time, the others wait. */
enum err dma_gate(struct dma *d, uint32_t device, bool open);
bool dma_open(const struct dma *d, uint32_t device);
/** A device writes 8 bytes. False: the transaction aborted, and nothing changed. */
bool dma_write(struct dma *d, uint32_t device, uint64_t page, uint32_t at, uint64_t value);
/** Everything that was issued has landed, as before a dirty log is read. */
void dma_settle(struct dma *d);
/** A device that may not: the transaction must abort. */
void dma_stray(struct dma *d, uint32_t device);

#endif
