/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** Runs a case on an SMMUv3 by its registers, and prints what came of each step (IHI 0070 4, 6.3, 7). */
#include "core/base/bits.h"
#include "tests/diff/smmu_case.h"

#define IDR0		0x00u
#define CR0		0x20u
#define CR0ACK		0x24u
#define CR1		0x28u
#define CR2		0x2cu
#define GERROR		0x60u
#define GERRORN		0x64u
#define STRTAB_BASE	0x80u
#define STRTAB_BASE_CFG 0x88u
#define CMDQ_BASE	0x90u
#define CMDQ_PROD	0x98u
#define CMDQ_CONS	0x9cu
#define EVENTQ_BASE	0xa0u
#define EVENTQ_PROD	0x100a8u
#define EVENTQ_CONS	0x100acu

#define CR0_OFF		0xcu /* queues only: GBPA lets everything through */
#define CR0_ON		0xdu
#define CR1_ALL_WB	0xd75u
#define CR2_RECINVSID	2u
#define POLLS_MAX	100000u
#define EVENTS_MAX	8u /* printed of one transaction */
#define SENTINEL	0x5e7713e1u
#define FNV_BASIS	UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME	UINT64_C(0x100000001b3)

#define OP_CFGI_STE	0x03u
#define OP_CFGI_ALL	0x04u
#define OP_CFGI_CD	0x05u
#define OP_NH_ALL	0x10u
#define OP_NH_ASID	0x11u
#define OP_NH_VA	0x12u
#define OP_NH_VAA	0x13u
#define OP_S12_VMALL	0x28u
#define OP_S2_IPA	0x2au
#define OP_NSNH_ALL	0x30u
#define OP_SYNC		0x46u

static uint32_t read(struct diff_machine *m, uint32_t offset)
{
	return m->ops->reg_read(m->ctx, offset);
}

static void write(struct diff_machine *m, uint32_t offset, uint32_t value)
{
	m->ops->reg_write(m->ctx, offset, value);
}

static void cr0_write(struct diff_machine *m, uint32_t value)
{
	write(m, CR0, value);
	for (uint32_t i = 0; i < POLLS_MAX && read(m, CR0ACK) != value; i++) {
	}
}

/* ---- commands ---- */

/* Waits for the end of the queue; CMDQ_CONS.ERR where it stopped. */
static uint32_t queue_wait(struct diff_machine *m)
{
	const uint32_t mask = (2u << DIFF_CMDQ_LOG2) - 1;

	for (uint32_t i = 0; i < POLLS_MAX; i++) {
		uint32_t cons = read(m, CMDQ_CONS);

		if (((read(m, GERROR) ^ read(m, GERRORN)) & 1) != 0) {
			return cons >> 24 & 0x7f;
		}
		if (((cons ^ read(m, CMDQ_PROD)) & mask) == 0) {
			return 0;
		}
	}
	diff_line(m, "x the command queue stands still");
	return UINT32_MAX;
}

static void put(struct diff_machine *m, uint32_t index, uint64_t d0, uint64_t d1)
{
	uint64_t at = DIFF_CMDQ + UINT64_C(16) * (index & ((1u << DIFF_CMDQ_LOG2) - 1));

	diff_store(m, at, d0);
	diff_store(m, at + 8, d1);
}

static uint32_t command(struct diff_machine *m, uint64_t d0, uint64_t d1)
{
	const uint32_t mask = (2u << DIFF_CMDQ_LOG2) - 1;
	uint32_t prod = read(m, CMDQ_PROD);

	put(m, prod, d0, d1);
	write(m, CMDQ_PROD, (prod + 1) & mask);
	return queue_wait(m);
}

static void sync(struct diff_machine *m)
{
	(void)command(m, OP_SYNC, 0);
}

/* A SYNC takes the place of what was refused, and the queue goes on. */
static void queue_repair(struct diff_machine *m)
{
	put(m, read(m, CMDQ_CONS), OP_SYNC, 0);
	write(m, GERRORN, read(m, GERROR));
	(void)queue_wait(m);
}

static uint64_t by_sid(const struct smmu_case *c, uint32_t op)
{
	return op | (uint64_t)c->sid << 32;
}

static uint64_t by_vmid(const struct smmu_case *c, uint32_t op)
{
	return op | (uint64_t)c->vmid << 32;
}

static void forget_everything(struct diff_machine *m)
{
	(void)command(m, OP_CFGI_ALL, 31);
	(void)command(m, OP_NSNH_ALL, 0);
	sync(m);
}

/* ---- transactions ---- */

static void words_mark(struct diff_machine *m, uint64_t offset)
{
	for (uint64_t page = 0; page < DIFF_PAGES; page++) {
		uint64_t pa = DIFF_DATA + 4096 * page + offset;

		diff_store32(m, pa, (uint32_t)pa | 1);
	}
}

/* The word that holds value; 0: none, 1: more than one. */
static uint64_t words_find(struct diff_machine *m, uint64_t offset, uint32_t value)
{
	uint64_t found = 0;

	for (uint64_t page = 0; page < DIFF_PAGES; page++) {
		uint64_t pa = DIFF_DATA + 4096 * page + offset;

		if (*(volatile uint32_t *)diff_word32(m, pa) == value) {
			found = found == 0 ? pa : 1;
		}
	}
	return found;
}

/* Between the device's buffer and the mailbox, past translation. */
static void mailbox(struct smmu_case *c, struct diff_machine *m, bool to_memory)
{
	cr0_write(m, CR0_OFF);
	m->ops->dma(m->ctx, c->device, DIFF_MAILBOX, to_memory);
	cr0_write(m, CR0_ON);
}

/* Events since, printed; returns how many. */
static uint32_t events(struct smmu_case *c, struct diff_machine *m, uint32_t step)
{
	const uint32_t mask = (2u << DIFF_EVENTQ_LOG2) - 1;
	uint32_t count = 0;

	for (; count < mask; count++) {
		uint32_t cons = read(m, EVENTQ_CONS) & mask;
		uint64_t at = DIFF_EVENTQ + UINT64_C(32) * (cons & (mask >> 1));
		volatile uint64_t *record = diff_word(m, at);

		if ((read(m, EVENTQ_PROD) & mask) == cons) {
			break;
		}
		if (count < EVENTS_MAX) {
			diff_line(m, "e %llu.%u %016llx %016llx %016llx %016llx", (unsigned long long)c->number, step,
				(unsigned long long)record[0], (unsigned long long)record[1],
				(unsigned long long)record[2], (unsigned long long)record[3]);
		}
		write(m, EVENTQ_CONS, (cons + 1) & mask);
	}
	return count;
}

static void transaction_at(struct smmu_case *c, struct diff_machine *m, uint32_t step, uint64_t iova)
{
	bool to_memory = diff_one_in(&c->draw, 2);
	uint64_t offset, pa;
	uint32_t value = 0xd1ff0000u | step, count;

	offset = iova % 4096;
	words_mark(m, offset);
	diff_store32(m, DIFF_MAILBOX, to_memory ? value : SENTINEL);
	mailbox(c, m, false);
	m->ops->dma(m->ctx, c->device, iova, to_memory);
	if (to_memory) {
		pa = words_find(m, offset, value);
	} else {
		mailbox(c, m, true);
		pa = *(volatile uint32_t *)diff_word32(m, DIFF_MAILBOX);
		pa = (pa & 1) != 0 && pa > DIFF_DATA && pa < DIFF_DATA + DIFF_DATA_BYTES ? pa - 1 : 0;
	}
	count = events(c, m, step);
	/* Drawn from what both sides should agree on; where they do not, the case is over. */
	c->last = pa > 1 ? iova : c->last;
	diff_line(m, "t %llu.%u %s iova=%llx stale=%d pa=%llx events=%u", (unsigned long long)c->number, step,
		to_memory ? "w" : "r", (unsigned long long)iova,
		c->stale   ? 1
		: c->parts ? 2
			   : 0,
		(unsigned long long)pa, count);
}

static void transaction(struct smmu_case *c, struct diff_machine *m, uint32_t step)
{
	uint64_t iova;

	if (smmu_case_address(c, &iova)) {
		transaction_at(c, m, step, iova);
	}
}

/* ---- changes ---- */

/* An invalidation; true: it covers the change (IHI 0070 4.4; combined entries are not tagged by IPA). */
static bool invalidate(struct smmu_case *c, struct diff_machine *m, unsigned stage, const struct smmu_map *map)
{
	uint64_t va = map->in;
	uint32_t op = OP_NSNH_ALL;
	uint64_t d1 = 0, d0;
	bool covers = true;

	if (stage == 1 && c->s1.high) {
		va |= ~(BIT64(c->s1.table.input_bits) - 1);
	}
	switch (diff_draw(&c->draw, 8)) {
	case 0:
		op = OP_NSNH_ALL;
		break;
	case 1:
		op = OP_S12_VMALL;
		break;
	case 2:
		op = OP_NH_ALL;
		break;
	case 3:
		op = OP_NH_ASID;
		break;
	case 4:
		op = OP_NH_VAA;
		break;
	case 5:
		op = OP_NH_VA;
		break;
	default:
		op = OP_S2_IPA;
		break;
	}
	if ((c->idr0 & 1) == 0 && (op == OP_S12_VMALL || op == OP_S2_IPA)) {
		op = OP_NH_ALL;
	}
	if ((c->idr0 & 2) == 0 && op < OP_S12_VMALL) {
		op = OP_S12_VMALL;
	}
	d0 = op | (uint64_t)c->vmid << 32 | (uint64_t)c->asid << 48;
	if (op == OP_S12_VMALL || op == OP_S2_IPA || op == OP_NH_ALL || op == OP_NH_VAA) {
		d0 = by_vmid(c, op);
	}
	if (op == OP_NSNH_ALL) {
		d0 = op;
	}
	if (op == OP_S2_IPA || op == OP_NH_VA || op == OP_NH_VAA) {
		d1 = va & MASK64(op == OP_S2_IPA ? 51 : 63, 12);
		if (diff_one_in(&c->draw, 2)) {
			/* As a range of one page of the granule: TTL says the level. */
			const struct diff_table *t = stage == 1 ? &c->s1.table : &c->s2.table;
			uint64_t tg = t->granule == 12 ? 1 : t->granule == 14 ? 2 : 3;

			d1 |= tg << 10 | (uint64_t)map->level << 8;
			d0 |= diff_draw(&c->draw, 2) << 12;
		}
		d1 |= diff_draw(&c->draw, 2); /* Leaf */
	}
	(void)command(m, d0, d1);
	if (stage == 1) {
		covers = op != OP_S2_IPA;
		c->parts = c->parts ||
			   (c->s2.on && (op == OP_NH_VA || op == OP_NH_VAA) && map->size_log2 > c->s2.table.granule);
	} else if (c->s1.on) {
		covers = op == OP_NSNH_ALL || op == OP_S12_VMALL;
		if (op == OP_S2_IPA && (c->idr0 & 2) != 0) {
			(void)command(m, by_vmid(c, OP_NH_ALL), 0);
			covers = true;
		}
	} else {
		covers = op == OP_NSNH_ALL || op == OP_S12_VMALL || op == OP_S2_IPA;
	}
	sync(m);
	return covers;
}

static void change(struct smmu_case *c, struct diff_machine *m, uint32_t step, bool then_invalidate)
{
	struct smmu_map changed;
	bool was_stale = c->stale;
	unsigned stage = smmu_case_change(c, m, &changed);

	if (stage == 0) {
		return;
	}
	c->stale = true;
	if (then_invalidate && invalidate(c, m, stage, &changed) && !was_stale) {
		c->stale = false;
	}
	if (c->last != 0 && smmu_case_again(c, c->last)) {
		transaction_at(c, m, step, c->last);
	}
}

/* Another STE: seen after CFGI_STE, and not before where it was cached. */
static void reconfigure(struct smmu_case *c, struct diff_machine *m)
{
	bool tell = !diff_one_in(&c->draw, 4);

	switch (diff_draw(&c->draw, 3)) {
	case 0:
		c->ste[0] ^= 1;
		diff_store(m, c->ste_pa, c->ste[0]);
		break;
	case 1:
		c->ste[2] ^= BIT64(58); /* S2R */
		diff_store(m, c->ste_pa + 16, c->ste[2]);
		break;
	default:
		c->cd[0] ^= BIT64(45); /* R */
		diff_store(m, DIFF_CD, c->cd[0]);
		if (tell && (c->idr0 & 2) != 0) {
			(void)command(m, by_sid(c, OP_CFGI_CD), 1);
		}
		break;
	}
	if (tell) {
		(void)command(m, by_sid(c, OP_CFGI_STE), 1);
		sync(m);
	} else {
		c->stale = true;
	}
}

static void everything_fresh(struct smmu_case *c, struct diff_machine *m)
{
	forget_everything(m);
	c->stale = false;
	c->parts = false;
}

/* Commands that this SMMU may not know, or not in this form (IHI 0070 4.1.3). */
static void odd_command(struct smmu_case *c, struct diff_machine *m, uint32_t step)
{
	static const struct {
		uint64_t d0, d1;
	} odd[] = {
		{ 0x00, 0 },
		{ 0x07, 0 },
		{ 0x14, 0 },
		{ 0x20, 0 },
		{ 0x40, 52 },
		{ 0x41, 0 },
		{ 0x44, 0 },
		{ 0x45, 0 },
		{ 0x46 | 3u << 12, 0 },
		{ 0x50, 0 },
		{ 0xff, 0 },
		{ 0x10 | 1u << 10, 0 },
		{ 0x30 | 1u << 10, 0 },
		{ 0x46 | 1u << 10, 0 },
		{ 0x2a, 1u << 10 },
		{ 0x12, 2u << 10 },
	};
	uint64_t which = diff_draw(&c->draw, ARRAY_SIZE(odd));
	uint32_t error = command(m, odd[which].d0, odd[which].d1);

	if (error != 0) {
		queue_repair(m);
	}
	everything_fresh(c, m);
	diff_line(m, "c %llu.%u command=%llx,%llx error=%u", (unsigned long long)c->number, step,
		(unsigned long long)odd[which].d0, (unsigned long long)odd[which].d1, error);
}

/* ---- cases ---- */

void smmu_run_begin(struct diff_machine *m)
{
	cr0_write(m, 0);
	write(m, CR1, CR1_ALL_WB);
	write(m, CR2, CR2_RECINVSID);
	m->ops->reg_write64(m->ctx, STRTAB_BASE, DIFF_STRTAB);
	m->ops->reg_write64(m->ctx, CMDQ_BASE, DIFF_CMDQ | DIFF_CMDQ_LOG2);
	write(m, CMDQ_PROD, 0);
	write(m, CMDQ_CONS, 0);
	m->ops->reg_write64(m->ctx, EVENTQ_BASE, DIFF_EVENTQ | DIFF_EVENTQ_LOG2);
	write(m, EVENTQ_PROD, 0);
	write(m, EVENTQ_CONS, 0);
	cr0_write(m, CR0_OFF);
}

/* A digest of all that was built: shows that both sides run the same case. */
static uint64_t digest(struct diff_machine *m)
{
	uint64_t sum = FNV_BASIS;

	for (uint64_t pa = DIFF_STRTAB; pa < m->pool_next; pa += 8) {
		uint64_t word = *(volatile uint64_t *)diff_word(m, pa);

		if (word == 0 || (pa >= DIFF_CMDQ && pa < DIFF_CD) || pa == DIFF_MAILBOX) {
			continue;
		}
		sum = ((sum ^ pa) * FNV_PRIME ^ word) * FNV_PRIME;
	}
	return sum;
}

static void run_case(struct diff_machine *m, uint64_t seed, uint64_t number)
{
	struct smmu_case c;
	uint32_t steps;

	cr0_write(m, CR0_OFF);
	smmu_case_build(&c, m, seed, number, read(m, IDR0));
	write(m, CR2, c.recinvsid ? CR2_RECINVSID : 0);
	write(m, STRTAB_BASE_CFG, c.strtab_cfg);
	cr0_write(m, CR0_ON);
	forget_everything(m);
	diff_line(m, "s %llu config=%u odd=%s sid=%x strtab=%x s1=%u,%u,%u,%u s2=%u,%u,%u,%u",
		(unsigned long long)number, c.config, smmu_odd_name[c.odd], c.sid, c.strtab_cfg, c.s1.table.granule,
		c.s1.table.start_level, c.s1.table.input_bits, c.s1.count, c.s2.table.granule, c.s2.table.start_level,
		c.s2.table.input_bits, c.s2.count);
	diff_line(m, "s %llu ste=%llx,%llx,%llx,%llx cd=%llx,%llx,%llx sum=%llx", (unsigned long long)number,
		(unsigned long long)c.ste[0], (unsigned long long)c.ste[1], (unsigned long long)c.ste[2],
		(unsigned long long)c.ste[3], (unsigned long long)c.cd[0], (unsigned long long)c.cd[1],
		(unsigned long long)c.cd[2], (unsigned long long)digest(m));
	steps = (uint32_t)(6 + diff_draw(&c.draw, 8));
	for (uint32_t step = 0; step < steps; step++) {
		switch (diff_draw(&c.draw, 22)) {
		case 20:
		case 21:
			change(&c, m, step, true);
			break;
		case 0:
			change(&c, m, step, false);
			break;
		case 1:
		case 2:
			change(&c, m, step, true);
			break;
		case 3:
			reconfigure(&c, m);
			break;
		case 4:
			everything_fresh(&c, m);
			break;
		case 5:
			odd_command(&c, m, step);
			break;
		default:
			transaction(&c, m, step);
			break;
		}
	}
	diff_line(m, "z %llu sum=%llx", (unsigned long long)number, (unsigned long long)digest(m));
}

void smmu_run_cases(struct diff_machine *m, uint64_t seed, uint64_t first, uint64_t count)
{
	for (unsigned pass = 0; pass < 2; pass++) {
		for (uint64_t n = first; n < first + count; n++) {
			if (smmu_case_two_level(n) == (pass == 1)) {
				run_case(m, seed, n);
			}
		}
	}
}
