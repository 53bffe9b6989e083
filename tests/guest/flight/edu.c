/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * QEMU's edu device, kept busy: a pattern goes to its buffer by DMA and comes back to another place in RAM, in changing
 * lengths and offsets; each transfer ends by an interrupt. Its other registers are watched too: the inverter (0x04) and
 * the factorial (0x08) keep what they were given.
 */
#include "tests/guest/flight/flight.h"

#define EDU_VENDOR	 0x1234u
#define EDU_DEVICE	 0x11e8u

#define EDU_INVERT	 0x04u
#define EDU_FACTORIAL	 0x08u
#define EDU_STATUS	 0x20u
#define EDU_IRQ_STATUS	 0x24u
#define EDU_IRQ_ACK	 0x64u
#define EDU_DMA_SRC	 0x80u
#define EDU_DMA_DST	 0x88u
#define EDU_DMA_CNT	 0x90u
#define EDU_DMA_CMD	 0x98u

#define STATUS_COMPUTING 1u
#define IRQ_DMA		 0x100u
#define CMD_RUN		 1u
#define CMD_FROM_DEVICE	 2u
#define CMD_IRQ		 4u

#define BUFFER_DEVICE	 0x40000u
#define BUFFER_BYTES	 4096u
#define AREA_BYTES	 (2u * 4096u) /* in RAM: transfers cross a page */
#define GUARD		 0x5au
#define FACTORIAL_MAX	 12u

enum stage { STAGE_IDLE, STAGE_OUT, STAGE_BACK };

static struct edu {
	struct pci_function fn;
	bool present;
	enum stage stage;
	uint64_t since;
	uint64_t random;
	uint32_t len, at_out, at_back, at_device;
	uint32_t inverted;  /* last value written to 0x04 */
	uint32_t factorial; /* last input of 0x08 */
	struct edu_counts counts;
	uint32_t irq_status; /* gathered by the interrupt */
} edu;

static uint8_t area_out[AREA_BYTES] __attribute__((aligned(4096)));
static uint8_t area_back[AREA_BYTES] __attribute__((aligned(4096)));

static uint64_t reg(uint32_t offset)
{
	return edu.fn.bar0 + offset;
}

static uint32_t below(uint32_t end)
{
	return (uint32_t)(flight_random(&edu.random) % end);
}

static void error(const char *what, uint64_t a, uint64_t b, uint64_t c)
{
	edu.counts.errors++;
	flight_note(what, a, b, c);
}

bool edu_init(void)
{
	edu.random = 7;
	edu.present = pci_find(EDU_VENDOR, EDU_DEVICE, &edu.fn);
	if (!edu.present) {
		return false;
	}
	edu.inverted = 0x1234567u;
	edu.factorial = 1;
	mmio_write32(reg(EDU_INVERT), edu.inverted);
	mmio_write32(reg(EDU_STATUS), 0);
	mmio_write32(reg(EDU_FACTORIAL), edu.factorial);
	mmio_write32(reg(EDU_IRQ_ACK), UINT32_MAX);
	return true;
}

uint32_t edu_intid(void)
{
	return edu.fn.intid;
}

struct edu_counts edu_counts(void)
{
	return edu.counts;
}

void edu_interrupt(void)
{
	uint32_t status = mmio_read32(reg(EDU_IRQ_STATUS));

	mmio_write32(reg(EDU_IRQ_ACK), status);
	(void)mmio_read32(reg(EDU_IRQ_STATUS)); /* the line is down before the interrupt ends */
	edu.irq_status |= status;
}

static void start(uint64_t src, uint64_t dst, uint32_t command, enum stage stage, uint64_t now)
{
	__asm__ volatile("dsb sy" ::: "memory");
	mmio_write64(reg(EDU_DMA_SRC), src);
	mmio_write64(reg(EDU_DMA_DST), dst);
	mmio_write64(reg(EDU_DMA_CNT), edu.len);
	mmio_write64(reg(EDU_DMA_CMD), command | CMD_RUN | CMD_IRQ);
	edu.stage = stage;
	edu.since = now;
}

static void registers_check(void)
{
	uint32_t inverted = mmio_read32(reg(EDU_INVERT)), product = 1;

	if (inverted != ~edu.inverted) {
		error("edu inverter: wrote, read", edu.inverted, inverted, 0);
	}
	edu.inverted = (uint32_t)flight_random(&edu.random);
	mmio_write32(reg(EDU_INVERT), edu.inverted);
	if ((mmio_read32(reg(EDU_STATUS)) & STATUS_COMPUTING) != 0) {
		return;
	}
	for (uint32_t i = 2; i <= edu.factorial; i++) {
		product *= i;
	}
	if (mmio_read32(reg(EDU_FACTORIAL)) != product) {
		error("edu factorial: of, read, wanted", edu.factorial, mmio_read32(reg(EDU_FACTORIAL)), product);
	}
	edu.factorial = 1 + below(FACTORIAL_MAX);
	mmio_write32(reg(EDU_FACTORIAL), edu.factorial);
}

static void go_out(uint64_t now)
{
	registers_check();
	edu.len = 1 + below(BUFFER_BYTES);
	edu.at_out = below(AREA_BYTES - edu.len + 1);
	edu.at_back = below(AREA_BYTES - edu.len + 1);
	edu.at_device = below(BUFFER_BYTES - edu.len + 1);
	for (uint32_t i = 0; i < edu.len; i++) {
		area_out[edu.at_out + i] = (uint8_t)flight_random(&edu.random);
	}
	for (uint32_t i = 0; i < AREA_BYTES; i++) {
		area_back[i] = GUARD;
	}
	start((uint64_t)(uintptr_t)area_out + edu.at_out, BUFFER_DEVICE + edu.at_device, 0, STAGE_OUT, now);
}

static void come_back(uint64_t now)
{
	start(BUFFER_DEVICE + edu.at_device, (uint64_t)(uintptr_t)area_back + edu.at_back, CMD_FROM_DEVICE, STAGE_BACK,
		now);
}

static void compare(void)
{
	for (uint32_t i = 0; i < AREA_BYTES; i++) {
		bool inside = i >= edu.at_back && i - edu.at_back < edu.len;
		uint8_t wanted = inside ? area_out[edu.at_out + i - edu.at_back] : GUARD;

		if (((volatile uint8_t *)area_back)[i] != wanted) {
			error("DMA: at, found, wanted", i, area_back[i], wanted);
			return;
		}
	}
}

/* Interrupts are masked. */
void edu_work(uint64_t now)
{
	if (!edu.present) {
		return;
	}
	if (edu.stage == STAGE_IDLE) {
		go_out(now);
		return;
	}
	if ((edu.irq_status & IRQ_DMA) == 0) {
		if (now - edu.since > timer_ticks_of_us(STALL_US)) {
			error("DMA without its interrupt: stage, command, interrupt status", edu.stage,
				mmio_read64(reg(EDU_DMA_CMD)), mmio_read32(reg(EDU_IRQ_STATUS)));
			edu.stage = STAGE_IDLE;
		}
		return;
	}
	edu.irq_status = 0;
	if ((mmio_read64(reg(EDU_DMA_CMD)) & CMD_RUN) != 0) {
		error("DMA interrupt before its end: stage, length", edu.stage, edu.len, 0);
	}
	__asm__ volatile("dsb sy" ::: "memory");
	edu.counts.done++;
	if (edu.stage == STAGE_OUT) {
		come_back(now);
	} else {
		compare();
		go_out(now);
	}
}
