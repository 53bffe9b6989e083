/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "board/qemu-virt/selftest_smmu.h"

#include "arch/aarch64/core.h"
#include "arch/aarch64/timer.h"
#include "core/base/bits.h"
#include "core/base/text.h"
#include "core/vm/console.h"
#include "drivers/mmio.h"
#include "drivers/vfio/edu_regs.h"

#define STRANGER_SLOT	2u
#define DMA_WAIT_US_MAX 3000000u
#define DMA_BYTES	256u
#define PATTERN		0xA5u

static uint8_t target[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

/** Let the function write from its buffer to target; false when the transfer never ended. */
static bool stranger_dma(uintptr_t regs)
{
	uint64_t deadline = timer_now_us() + DMA_WAIT_US_MAX;

	mmio_write64(regs + EDU_DMA_SRC, EDU_BUFFER);
	mmio_write64(regs + EDU_DMA_DST, (uint64_t)(uintptr_t)target);
	mmio_write64(regs + EDU_DMA_COUNT, DMA_BYTES);
	mmio_write64(regs + EDU_DMA_CMD, EDU_DMA_RUN | EDU_DMA_TO_RAM);
	while ((mmio_read64(regs + EDU_DMA_CMD) & EDU_DMA_RUN) != 0) {
		if (timer_now_us() > deadline) {
			return false;
		}
	}
	return true;
}

/** COMMAND past our own driver, as a function might that ignores it. */
static void raw_command(const struct passthrough *p, const struct pcie_function *f, uint16_t command)
{
	mmio_write16(p->pcie.config.ecam + ((uintptr_t)f->bdf << 12) + PCI_COMMAND, command);
}

static const char *smmu_blocks(struct passthrough *p)
{
	struct pcie_function *f = pcie_at(&p->pcie, pcie_bdf(0, STRANGER_SLOT, 0));
	uint64_t before = p->events;
	uint16_t command;
	bool ended;

	if (f == NULL || f->bar[0].size_bytes == 0) {
		return "no second edu at 0000:00:02.0";
	}
	for (uint32_t i = 0; i < PAGE_BYTES; i++) {
		target[i] = PATTERN;
	}
	if (pcie_bus_master(&p->pcie, f, true) != ERR_REFUSED) {
		return "bus mastering was granted to a function that no stream table entry confines";
	}
	command = (uint16_t)pcie_config_read(&p->pcie, f->bdf, PCI_COMMAND, 2);
	raw_command(p, f, command | PCIE_COMMAND_BUS_MASTER);
	ended = stranger_dma((uintptr_t)f->bar[0].addr);
	raw_command(p, f, command);
	passthrough_poll(p);
	if (!ended) {
		return "the device did not end its transfer";
	}
	for (uint32_t i = 0; i < PAGE_BYTES; i++) {
		if (target[i] != PATTERN) {
			return "memory was written";
		}
	}
	if (p->events == before) {
		return "no event was recorded";
	}
	if (p->last_event.stream_id != f->bdf) {
		return "the event names another StreamID";
	}
	return NULL;
}

void selftest_smmu(const char *name, struct passthrough *p)
{
	const char *fault;

	if (!text_equal(name, "smmu")) {
		return;
	}
	fault = smmu_blocks(p);
	if (fault == NULL) {
		console_line("godwit: selftest smmu ok");
	} else {
		console_line("godwit: selftest smmu fail: %s", fault);
	}
}
