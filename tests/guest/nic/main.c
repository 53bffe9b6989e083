/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A guest with an Intel 82574L: sends numbered frames for ever, takes numbered frames, and checks each byte of both rings and
 * of what arrived. Receive descriptors are extended ones, where the device writes over the address of the buffer; every eighth frame has a
 * transmit context before it. One vCPU; one line of report every 200 ms of its time:
 *
 *   report n= counter0= tx= rx= rx_next= rx_twice= rx_bad= irq= errors=
 *
 * rx_next - rx frames were lost. A frame: destination, source, type 0x88b5, le32 number, le16 length of the pattern, pattern.
 */
#include "tests/guest/lib/guest.h"

#define VENDOR	      0x8086u
#define DEVICE	      0x10d3u

#define CTRL	      0x0000u
#define CTRL_RST      (1u << 26)
#define CTRL_SLU      (1u << 6)
#define ICR	      0x00c0u
#define IMS	      0x00d0u
#define IMC	      0x00d8u
#define CAUSES	      0x9du /* TXDW, LSC, RXDMT0, RXO, RXT0 */
#define RCTL	      0x0100u
#define RCTL_ON	      0x0400801au /* EN, UPE, MPE, BAM, SECRC */
#define TCTL	      0x0400u
#define TCTL_ON	      0x0103f0fau
#define RING_RX	      0x2800u
#define RING_TX	      0x3800u
#define RING_BAL      0x00u
#define RING_BAH      0x04u
#define RING_LEN      0x08u
#define RING_HEAD     0x10u
#define RING_TAIL     0x18u
#define RFCTL	      0x5008u
#define RFCTL_EXTEN   (1u << 15)
#define RA	      0x5400u
#define DD	      1u

#define TX_DATA	      0x2b100000u /* DEXT, RS, IFCS, EOP */
#define TX_CONTEXT    0x20000000u

#define DESCS	      64u
#define BUFFER_BYTES  2048u
#define HEADER_BYTES  20u
#define PATTERN_MAX   1400u
#define PATTERN_MIN   40u
#define TYPE_OFFSET   12u
#define RESET_US      2000u
#define TICK_US	      2000u
#define REPORT_US     200000u
#define STALL_US      3000000u
#define NUMBERS_MAX   (1u << 20)
#define NOTES_MAX     16u
#define CONTEXT_EVERY 8u

struct desc {
	uint64_t low;
	uint32_t word, status;
};

static volatile struct desc rx_ring[DESCS] __attribute__((aligned(4096)));
static volatile struct desc tx_ring[DESCS] __attribute__((aligned(4096)));
static uint8_t rx_buffer[DESCS][BUFFER_BYTES] __attribute__((aligned(4096)));
static uint8_t tx_buffer[DESCS][BUFFER_BYTES] __attribute__((aligned(4096)));
static uint8_t seen[NUMBERS_MAX / 8];

static struct pci_function nic;
static uint8_t mac[6];
static uint32_t rx_at, tx_at, tx_done;
static uint64_t tx_since;
static bool ticked;
static struct {
	uint64_t counter, tx, rx, rx_next, rx_twice, rx_bad, irq, errors;
} count;
static uint32_t notes;

static uint32_t reg(uint32_t offset)
{
	return mmio_read32(nic.bar0 + offset);
}

static void reg_set(uint32_t offset, uint32_t value)
{
	mmio_write32(nic.bar0 + offset, value);
}

static void barrier(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
}

static void error(const char *what, uint64_t a, uint64_t b)
{
	count.errors++;
	if (notes < NOTES_MAX) {
		notes++;
		print("error %s: 0x%llx 0x%llx", what, (unsigned long long)a, (unsigned long long)b);
	}
}

bool guest_fault(struct guest_frame *frame, enum guest_vector vector, uint64_t esr)
{
	(void)frame;
	(void)vector;
	(void)esr;
	return false;
}

void guest_interrupt(uint32_t intid)
{
	if (intid == TIMER_INTID) {
		ticked = true;
		timer_disarm();
	} else if (intid == nic.intid) {
		count.irq += reg(ICR) != 0;
	}
}

void guest_secondary(uint64_t cpu)
{
	(void)cpu;
}

/* ---- rings ---- */

static void ring_setup(uint32_t regs, volatile struct desc *ring)
{
	reg_set(regs + RING_BAL, (uint32_t)(uintptr_t)ring);
	reg_set(regs + RING_BAH, (uint32_t)((uint64_t)(uintptr_t)ring >> 32));
	reg_set(regs + RING_LEN, DESCS * (uint32_t)sizeof(*ring));
	reg_set(regs + RING_HEAD, 0);
	reg_set(regs + RING_TAIL, 0);
}

static void rx_give(uint32_t at)
{
	rx_ring[at].low = (uint64_t)(uintptr_t)rx_buffer[at];
	rx_ring[at].word = 0;
	rx_ring[at].status = 0;
}

static void nic_setup(void)
{
	uint64_t until;
	uint32_t low, high;

	reg_set(IMC, UINT32_MAX);
	reg_set(CTRL, reg(CTRL) | CTRL_RST);
	until = virtual_counter() + timer_ticks_of_us(RESET_US);
	while (virtual_counter() < until) {
		/* no access in this time */
	}
	reg_set(IMC, UINT32_MAX);
	(void)reg(ICR);
	reg_set(CTRL, reg(CTRL) | CTRL_SLU);
	low = reg(RA);
	high = reg(RA + 4);
	for (uint32_t i = 0; i < 4; i++) {
		mac[i] = (uint8_t)(low >> (8 * i));
	}
	mac[4] = (uint8_t)high;
	mac[5] = (uint8_t)(high >> 8);
	ring_setup(RING_RX, rx_ring);
	ring_setup(RING_TX, tx_ring);
	for (uint32_t i = 0; i < DESCS; i++) {
		rx_give(i);
	}
	reg_set(RFCTL, RFCTL_EXTEN);
	reg_set(TCTL, TCTL_ON);
	reg_set(RCTL, RCTL_ON);
	barrier();
	reg_set(RING_RX + RING_TAIL, DESCS - 1);
	reg_set(IMS, CAUSES);
}

/* ---- frames ---- */

static uint8_t pattern(uint32_t number, uint32_t i)
{
	return (uint8_t)(number * 31u + i * 7u + (i >> 8));
}

static uint32_t frame_build(uint8_t *f, uint32_t number)
{
	uint32_t len = PATTERN_MIN + number * 37u % (PATTERN_MAX - PATTERN_MIN);

	for (uint32_t i = 0; i < 6; i++) {
		f[i] = 0xff;
		f[6 + i] = mac[i];
	}
	f[TYPE_OFFSET] = 0x88;
	f[TYPE_OFFSET + 1] = 0xb5;
	for (uint32_t i = 0; i < 4; i++) {
		f[14 + i] = (uint8_t)(number >> (8 * i));
	}
	f[18] = (uint8_t)len;
	f[19] = (uint8_t)(len >> 8);
	for (uint32_t i = 0; i < len; i++) {
		f[HEADER_BYTES + i] = pattern(number, i);
	}
	return HEADER_BYTES + len;
}

static void desc_put(uint64_t low, uint32_t word)
{
	tx_ring[tx_at].low = low;
	tx_ring[tx_at].status = 0;
	tx_ring[tx_at].word = word;
	tx_at = (tx_at + 1) % DESCS;
}

/* Completed descriptors are free; contexts report nothing and go with what follows them. */
static void tx_reap(uint64_t now)
{
	uint32_t head = reg(RING_TX + RING_HEAD);

	if (head >= DESCS) {
		error("transmit head", head, 0);
		return;
	}
	while (tx_done != head) {
		uint32_t word = tx_ring[tx_done].word;

		if (word != TX_CONTEXT && (tx_ring[tx_done].status & DD) == 0) {
			error("transmit descriptor taken and not reported: place, word", tx_done, word);
		}
		tx_done = (tx_done + 1) % DESCS;
		tx_since = now;
	}
	if (tx_done != tx_at && now - tx_since > timer_ticks_of_us(STALL_US)) {
		error("transmission stands still: head, tail", head, tx_at);
		tx_since = now;
	}
}

static void send(uint64_t now)
{
	uint32_t number = (uint32_t)count.tx, len;

	tx_reap(now);
	if ((tx_at + DESCS - tx_done) % DESCS >= DESCS - 3) {
		return;
	}
	if (number % CONTEXT_EVERY == 0) {
		desc_put(UINT64_C(0x000e0e0000220e0e), TX_CONTEXT);
	}
	len = frame_build(tx_buffer[tx_at], number);
	desc_put((uint64_t)(uintptr_t)tx_buffer[tx_at], TX_DATA | len);
	if (tx_done == tx_at) {
		tx_since = now;
	}
	barrier();
	reg_set(RING_TX + RING_TAIL, tx_at);
	count.tx++;
}

static void frame_check(const volatile uint8_t *f, uint32_t len)
{
	uint32_t number = 0, pattern_len;

	if (len < HEADER_BYTES || f[TYPE_OFFSET] != 0x88 || f[TYPE_OFFSET + 1] != 0xb5) {
		return; /* not of ours: an announcement of another host */
	}
	for (uint32_t i = 0; i < 4; i++) {
		number |= (uint32_t)f[14 + i] << (8 * i);
	}
	pattern_len = f[18] | (uint32_t)f[19] << 8;
	if (pattern_len + HEADER_BYTES > len || number >= NUMBERS_MAX) {
		count.rx_bad++;
		error("frame received: number, length", number, len);
		return;
	}
	for (uint32_t i = 0; i < pattern_len; i++) {
		if (f[HEADER_BYTES + i] != pattern(number, i)) {
			count.rx_bad++;
			error("byte received: number, place", number, i);
			return;
		}
	}
	if ((seen[number / 8] >> number % 8 & 1) != 0) {
		count.rx_twice++;
		error("received twice: number, next", number, count.rx_next);
		return;
	}
	seen[number / 8] |= (uint8_t)(1u << number % 8);
	count.rx++;
	count.rx_next = number >= count.rx_next ? number + 1u : count.rx_next;
}

static void receive(void)
{
	uint32_t last = rx_at;
	bool moved = false;

	for (uint32_t n = 0; n < DESCS && (rx_ring[rx_at].word & DD) != 0; n++) {
		barrier();
		frame_check(rx_buffer[rx_at], rx_ring[rx_at].status & 0xffff);
		for (uint32_t i = 0; i < BUFFER_BYTES; i++) {
			rx_buffer[rx_at][i] = 0xa5; /* so that a write that was lost shows */
		}
		rx_give(rx_at);
		last = rx_at;
		rx_at = (rx_at + 1) % DESCS;
		moved = true;
	}
	if (moved) {
		barrier();
		reg_set(RING_RX + RING_TAIL, last);
	}
}

static void report(void)
{
	static uint64_t n;

	print("report n=%llu counter0=%llu tx=%llu rx=%llu rx_next=%llu rx_twice=%llu rx_bad=%llu irq=%llu errors=%llu",
		(unsigned long long)n++, (unsigned long long)count.counter, (unsigned long long)count.tx,
		(unsigned long long)count.rx, (unsigned long long)count.rx_next, (unsigned long long)count.rx_twice,
		(unsigned long long)count.rx_bad, (unsigned long long)count.irq, (unsigned long long)count.errors);
}

void guest_main(uint64_t cpu)
{
	uint64_t report_at = 0;

	(void)cpu;
	uart_init();
	gic_init_distributor();
	gic_init_cpu();
	gic_enable_private(TIMER_INTID);
	if (!pci_find(VENDOR, DEVICE, &nic)) {
		print("nic: no e1000e");
		psci_system_off();
	}
	nic_setup();
	gic_enable_spi(nic.intid, 0);
	print("nic: e1000e %02x:%02x:%02x:%02x:%02x:%02x, INTID %u", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
		nic.intid);
	timer_arm(virtual_counter());
	for (;;) {
		uint64_t now = virtual_counter();

		count.counter++;
		receive();
		if (ticked) {
			ticked = false;
			send(now);
			timer_arm(now + timer_ticks_of_us(TICK_US));
		}
		if (now >= report_at) {
			report();
			report_at = now + timer_ticks_of_us(REPORT_US);
		}
		wait_for_interrupt();
		irq_unmask();
		__asm__ volatile("isb" ::: "memory");
		irq_mask();
	}
}
