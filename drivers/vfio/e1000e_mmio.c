/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** BAR 0 as the guest sees it while accesses trap. */
#include "drivers/vfio/e1000e_priv.h"

/* Statistics of 64 bits: the low word, the high one behind it. Reading the high one clears both. */
static const uint16_t wide_stats[] = { 0x4088, 0x4090, 0x40c0, 0x40c8 };

enum err e1000e_traps_update(struct e1000e *e)
{
	bool track = e->state != DEVICE_RUNNING || e->job != E1000E_JOB_NONE || e->log.on;
	uint32_t pages = track ? E1000E_TRAP_ALL : e->carries ? E1000E_TRAP_STATS : 0;

	if (pages != e->traps) {
		if (e->config.ops->trap(e->config.ctx, pages) != ERR_OK) {
			E1000E_ERROR(e, "e1000e %s: BAR 0 could not be trapped", e->config.id);
			return ERR_IO;
		}
		e->traps = pages;
	}
	if (track && !e->tracking) {
		e->rctl = e->held.dma ? e->held.rctl : e1000e_reg(e, E1000E_RCTL);
		/* Doorbells trap from here on: what is in the rings now came before. */
		for (uint32_t q = 0; q < E1000E_QUEUES; q++) {
			e1000e_tx_arm(e, q);
		}
	} else if (!track && e->tracking) {
		for (uint32_t q = 0; q < E1000E_QUEUES; q++) {
			e->context[q] = (struct e1000e_context){ .state = E1000E_CONTEXT_UNKNOWN };
		}
		e->tidv_known = false;
		e->mdic.ours = false;
		e->eerd.ours = false;
	}
	e->tracking = track;
	return ERR_OK;
}

static enum err access_check(const struct e1000e *e, uint64_t offset, uint32_t size_bytes)
{
	if (e->held.interrupts || e->state == DEVICE_ERROR || e->job == E1000E_JOB_WIPE) {
		return ERR_BAD_STATE;
	}
	if (size_bytes != 4 || offset % 4 != 0) {
		return ERR_BAD_RECORD;
	}
	return offset < E1000E_BAR_BYTES ? ERR_OK : ERR_RANGE;
}

/** Registers that are at a second place, at their first. */
static uint32_t unalias(uint32_t offset)
{
	if (offset == E1000E_CTRL_DUP) {
		return E1000E_CTRL;
	}
	if (offset == E1000E_RDTR_ALIAS) {
		return E1000E_RDTR;
	}
	if (offset >= E1000E_RX_ALIAS && offset < E1000E_RX_ALIAS_END) {
		return offset - E1000E_RX_ALIAS + E1000E_RX_RING(0);
	}
	if (offset >= E1000E_TX_ALIAS && offset < E1000E_TX_ALIAS_END) {
		return offset - E1000E_TX_ALIAS + E1000E_TX_RING(0);
	}
	return offset;
}

/* ---- statistics ---- */

static bool is_stat(uint32_t offset)
{
	return offset >= E1000E_STATS && offset < E1000E_STATS + 4 * E1000E_STATS_COUNT;
}

static bool is_wide_low(uint32_t n)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(wide_stats); i++) {
		if (wide_stats[i] == E1000E_STATS + 4 * n) {
			return true;
		}
	}
	return false;
}

static void carries_update(struct e1000e *e)
{
	e->carries = false;
	for (uint32_t i = 0; i < E1000E_STATS_COUNT; i++) {
		e->carries |= e->carry[i] != 0;
	}
}

/** value more of statistic n. Narrow ones stick at their end, as the device's do. */
static uint32_t stat_sum(struct e1000e *e, uint32_t n, uint32_t value)
{
	uint32_t sum = value + e->carry[n];

	if (sum < value && is_wide_low(n)) {
		e->carry[n + 1]++;
	} else if (sum < value && (n == 0 || !is_wide_low(n - 1))) {
		sum = UINT32_MAX;
	}
	return sum;
}

static uint32_t stat_read(struct e1000e *e, uint32_t n)
{
	uint32_t sum = stat_sum(e, n, e1000e_reg(e, E1000E_STATS + 4 * n));

	e->carry[n] = 0;
	carries_update(e);
	if (!e->carries) {
		(void)!e1000e_traps_update(e); /* it only lets go */
	}
	return sum;
}

void e1000e_stats_take(struct e1000e *e, uint32_t out[E1000E_STATS_COUNT])
{
	for (uint32_t i = 0; i < E1000E_STATS_COUNT; i++) {
		out[i] = e1000e_reg(e, E1000E_STATS + 4 * i);
	}
	for (uint32_t i = 0; i < E1000E_STATS_COUNT; i++) {
		uint32_t left = e1000e_reg(e, E1000E_STATS + 4 * i);

		if (out[i] != 0 && left < out[i]) {
			e->carry[i] = stat_sum(e, i, out[i]);
			out[i] = e->carry[i];
		} else {
			/* Not one that reading clears. */
			out[i] = stat_sum(e, i, out[i]);
		}
	}
	carries_update(e);
}

/* ---- reads ---- */

static uint32_t register_read(struct e1000e *e, uint32_t offset)
{
	uint32_t at = unalias(offset);

	if (is_stat(at)) {
		return stat_read(e, (at - E1000E_STATS) / 4);
	}
	if (e->held.dma && at == E1000E_RCTL) {
		return e->held.rctl;
	}
	if (e->held.dma && at == E1000E_TCTL) {
		return e->held.tctl;
	}
	return e1000e_reg(e, offset);
}

enum err e1000e_mmio_read(struct e1000e *e, uint64_t offset, uint32_t size_bytes, uint64_t *value)
{
	enum err err;

	spin_lock(&e->lock);
	err = access_check(e, offset, size_bytes);
	if (err == ERR_OK) {
		e->counts.trapped++;
		*value = register_read(e, (uint32_t)offset);
	}
	spin_unlock(&e->lock);
	return err;
}

/* ---- writes ---- */

static void arm(struct e1000e *e)
{
	e->rctl = e->held.dma ? e->held.rctl : e1000e_reg(e, E1000E_RCTL);
	for (uint32_t q = 0; q < E1000E_QUEUES; q++) {
		e1000e_tx_arm(e, q);
	}
	if (e->log.on) {
		e1000e_log_arm(e);
	}
}

/** The guest resets the device: rings, contexts and what is put off are gone. What was posted may have been written. */
static void guest_reset(struct e1000e *e, uint32_t value)
{
	e1000e_reg_set(e, E1000E_CTRL, value);
	for (uint32_t q = 0; q < E1000E_QUEUES; q++) {
		e->context[q] = (struct e1000e_context){ .state = E1000E_CONTEXT_NONE };
	}
	for (uint32_t i = 0; i < E1000E_STATS_COUNT; i++) {
		e->carry[i] = 0;
	}
	e->carries = false;
	e->tidv_known = true;
	e->tidv = 0;
	e->mdic.ours = false;
	e->eerd.ours = false;
	if (e->held.dma) {
		e->held.rctl = e1000e_reg(e, E1000E_RCTL);
		e->held.tctl = e1000e_reg(e, E1000E_TCTL);
	}
	arm(e);
}

static void doorbell(struct e1000e *e, uint32_t offset, uint32_t at, uint32_t value)
{
	uint32_t q = at >> 8 & 1;

	e->counts.doorbells++;
	/* Posted before it can happen: a harvest on another core must not miss it. */
	if (at == E1000E_RX_RING(q) + E1000E_RING_TAIL) {
		e1000e_log_rx_posted(e, q, value & 0xffff);
	} else {
		e1000e_log_ring(e, &e->tx[q], e->tx[q].tail, value & 0xffff);
		e1000e_tx_posted(e, q, value & 0xffff);
	}
	mmio_wmb();
	e1000e_reg_set(e, offset, value);
}

static bool is_doorbell(uint32_t at)
{
	return (at & ~UINT32_C(0x100)) == E1000E_RX_RING(0) + E1000E_RING_TAIL ||
	       (at & ~UINT32_C(0x100)) == E1000E_TX_RING(0) + E1000E_RING_TAIL;
}

/** Registers by which what the rings hold becomes something else. */
static bool changes_rings(uint32_t at)
{
	uint32_t ring = at & ~UINT32_C(0x100);

	return (ring >= E1000E_RX_RING(0) && ring <= E1000E_RX_RING(0) + E1000E_RING_HEAD) ||
	       (ring >= E1000E_TX_RING(0) && ring <= E1000E_TX_RING(0) + E1000E_RING_HEAD) || at == E1000E_RFCTL ||
	       at == E1000E_PSRCTL;
}

static void register_write(struct e1000e *e, uint32_t offset, uint32_t value)
{
	uint32_t at = unalias(offset);

	if (at == E1000E_CTRL && (value & E1000E_CTRL_RST) != 0) {
		guest_reset(e, value);
	} else if (is_doorbell(at)) {
		doorbell(e, offset, at, value);
	} else if (at == E1000E_RCTL) {
		/* Posted with what will be the size of a buffer, before it is. */
		e->rctl = value;
		if (e->log.on) {
			e1000e_log_arm(e);
		}
		e->held.rctl = value;
		e1000e_reg_set(e, offset, e->held.dma ? value & ~E1000E_RCTL_EN : value);
	} else if (at == E1000E_TCTL && e->held.dma) {
		e->held.tctl = value;
		e1000e_reg_set(e, offset, value & ~E1000E_TCTL_EN);
	} else {
		if (at == E1000E_TIDV) {
			e->tidv = value & E1000E_DELAY_TIME;
			e->tidv_known = true;
		}
		e->mdic.ours &= at != E1000E_MDIC;
		e->eerd.ours &= at != E1000E_EERD;
		e1000e_reg_set(e, offset, value);
		if (changes_rings(at)) {
			arm(e);
		}
	}
}

enum err e1000e_mmio_write(struct e1000e *e, uint64_t offset, uint32_t size_bytes, uint64_t value)
{
	enum err err;

	spin_lock(&e->lock);
	err = access_check(e, offset, size_bytes);
	if (err == ERR_OK) {
		e->counts.trapped++;
		register_write(e, (uint32_t)offset, (uint32_t)value);
	}
	spin_unlock(&e->lock);
	return err;
}

void e1000e_guest_command(struct e1000e *e, uint16_t command)
{
	spin_lock(&e->lock);
	e->command = command;
	if (!e->held.interrupts && e->state != DEVICE_ERROR && e->job != E1000E_JOB_WIPE) {
		/* Refused only when the function lost its stream table entry: then it stays off, which is right. */
		(void)!e->config.ops->command(e->config.ctx, (command & E1000E_COMMAND_MASTER) != 0,
			(command & E1000E_COMMAND_INTX_DISABLE) == 0);
	}
	spin_unlock(&e->lock);
}

bool e1000e_irq_pending(struct e1000e *e)
{
	bool pending;

	spin_lock(&e->lock);
	pending = (e1000e_reg(e, E1000E_ICS) & e1000e_reg(e, E1000E_IMS)) != 0;
	spin_unlock(&e->lock);
	return pending;
}
