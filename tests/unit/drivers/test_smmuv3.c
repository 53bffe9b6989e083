/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The SMMUv3 driver against bare registers and a command queue that is read when the test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/addr.h"
#include "drivers/smmuv3/smmuv3.h"
#include "drivers/smmuv3/smmuv3_regs.h"

#define STREAM_BITS  4u
#define STREAMS	     (1u << STREAM_BITS)
#define QUEUE_LOG2   3u
#define COMMANDS_MAX 4096u
#define WRITES_MAX   8192u

struct command {
	uint64_t d0, d1;
	uint64_t ste0; /* word 0 of the entry of interest when it was read */
};

struct world {
	struct gw_smmu smmu;
	struct gw_smmu_config config;
	uint32_t reg[0x400]; /* page 0 by word; the indices of page 1 are kept there too */
	uint64_t now_us;
	bool held; /* commands stay in the queue */
	bool cr0_deaf, irq_deaf, gbpa_deaf;
	uint32_t refuse_op; /* this opcode is illegal */
	uint32_t writes[WRITES_MAX];
	uint32_t write_count;
	struct command command[COMMANDS_MAX];
	uint32_t command_count;
	const uint64_t *watch;		/* stream table entry that is looked at */
	uint64_t watch_make[STE_WORDS]; /* what it may hold once V is set */
	bool watching;
	bool filled_first; /* seen published with all words but V */
	uint64_t strtab[STREAMS * STE_WORDS] __attribute__((aligned(4096)));
	uint64_t leaves[2][GW_SMMU_LEAF_BYTES / 8] __attribute__((aligned(GW_SMMU_LEAF_BYTES)));
	uint64_t cmdq[(1u << QUEUE_LOG2) * 2] __attribute__((aligned(4096)));
	uint64_t eventq[(1u << QUEUE_LOG2) * 4] __attribute__((aligned(4096)));
};

static uint32_t *reg(struct world *w, uint32_t offset)
{
	return &w->reg[(offset & 0xfff) / 4];
}

static void commands_run(struct world *w)
{
	uint32_t log2 = *reg(w, SMMU_CMDQ_BASE) & 31;
	uint32_t mask = (2u << log2) - 1;
	uint32_t *cons = reg(w, SMMU_CMDQ_CONS);

	if ((*reg(w, SMMU_CR0) & SMMU_CR0_CMDQEN) == 0) {
		return;
	}
	while ((*cons & mask) != (*reg(w, SMMU_CMDQ_PROD) & mask) &&
		((*reg(w, SMMU_GERROR) ^ *reg(w, SMMU_GERRORN)) & SMMU_GERROR_CMDQ_ERR) == 0) {
		const uint64_t *entry = &w->cmdq[(*cons & ((1u << log2) - 1)) * 2];

		if (w->refuse_op != 0 && (entry[0] & 0xff) == w->refuse_op) {
			*cons = (*cons & mask) | 1u << 24;
			*reg(w, SMMU_GERROR) ^= SMMU_GERROR_CMDQ_ERR;
			return;
		}
		assert_true(w->command_count < COMMANDS_MAX);
		w->command[w->command_count++] =
			(struct command){ entry[0], entry[1], w->watch != NULL ? w->watch[0] : 0 };
		*cons = (*cons + 1) & mask;
	}
}

static uint32_t op_read32(void *ctx, uint32_t offset)
{
	return *reg(ctx, offset);
}

static void op_write32(void *ctx, uint32_t offset, uint32_t value)
{
	struct world *w = ctx;

	assert_true(w->write_count < WRITES_MAX);
	w->writes[w->write_count++] = offset;
	*reg(w, offset) = value;
	if (offset == SMMU_CR0 && !w->cr0_deaf) {
		*reg(w, SMMU_CR0ACK) = value;
	}
	if (offset == SMMU_IRQ_CTRL && !w->irq_deaf) {
		*reg(w, SMMU_IRQ_CTRLACK) = value;
	}
	if (offset == SMMU_GBPA && !w->gbpa_deaf) {
		*reg(w, SMMU_GBPA) = value & ~SMMU_GBPA_UPDATE;
	}
	if (!w->held) {
		commands_run(w);
	}
}

static void op_write64(void *ctx, uint32_t offset, uint64_t value)
{
	struct world *w = ctx;

	w->writes[w->write_count++] = offset;
	*reg(w, offset) = (uint32_t)value;
	*reg(w, offset + 4) = (uint32_t)(value >> 32);
}

/* The moment a device may look: an entry with V set is whole, always. */
static void op_publish(void *ctx, const void *mem, size_t len_bytes)
{
	struct world *w = ctx;

	(void)mem;
	(void)len_bytes;
	if (!w->watching) {
		return;
	}
	if ((w->watch[0] & STE0_V) != 0) {
		assert_memory_equal(w->watch, w->watch_make, STE_BYTES);
		assert_true(w->filled_first);
	} else if (memcmp(&w->watch[1], &w->watch_make[1], STE_BYTES - 8) == 0) {
		w->filled_first = true;
	}
}

static void op_acquire(void *ctx, const void *mem, size_t len_bytes)
{
	(void)ctx;
	(void)mem;
	(void)len_bytes;
}

static uint64_t op_time_us(void *ctx)
{
	struct world *w = ctx;

	return w->now_us += 10;
}

static const struct gw_smmu_ops ops = { op_read32, op_write32, op_write64, op_publish, op_acquire, op_time_us, NULL };

static void world_reset(struct world *w)
{
	memset(w, 0, sizeof(*w));
	/* As QEMU's, with fewer StreamIDs needed. */
	*reg(w, SMMU_IDR0) = 0x0d44101b;
	*reg(w, SMMU_IDR1) = 0x02730010;
	*reg(w, SMMU_IDR3) = 0x1414;
	*reg(w, SMMU_IDR5) = 0x74;
	*reg(w, SMMU_GBPA) = 0x1000;
	w->config = (struct gw_smmu_config){
		.ops = &ops,
		.ctx = w,
		.pa_bits = 40,
		.stream_bits = STREAM_BITS,
		.strtab = w->strtab,
		.strtab_bytes = sizeof(w->strtab),
		.cmdq = w->cmdq,
		.cmdq_log2 = QUEUE_LOG2,
		.eventq = w->eventq,
		.eventq_log2 = QUEUE_LOG2,
	};
	w->watch = &w->strtab[3 * STE_WORDS];
}

static void world_up(struct world *w)
{
	assert_int_equal(gw_smmu_probe(&w->smmu, &w->config), ERR_OK);
	assert_int_equal(gw_smmu_init(&w->smmu), ERR_OK);
	w->command_count = 0;
	w->write_count = 0;
}

static int setup(void **state)
{
	/* Aligned as the largest member needs, so from the system's aligned allocator. */
	struct world *w = aligned_alloc(_Alignof(struct world), sizeof(struct world));

	world_reset(w);
	*state = w;
	return 0;
}

static int setup_up(void **state)
{
	(void)setup(state);
	world_up(*state);
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static struct gw_smmu_s2 s2_good(void)
{
	return (struct gw_smmu_s2){ .root_pa = 0x80001000, .vmid = 7, .t0sz = 25, .sl0 = 1, .ps = 4 };
}

static void hardware_that_lacks_something_is_refused_by_name(void **state)
{
	static const struct {
		uint32_t offset, clear, set;
		const char *name;
	} lack[] = {
		{ SMMU_IDR0, SMMU_IDR0_S2P, 0, "IDR0.S2P" },
		{ SMMU_IDR0, SMMU_IDR0_TTF, 1u << 2, "IDR0.TTF = 1" },
		{ SMMU_IDR0, 0, 3u << 21, "TTENDIAN" },
		{ SMMU_IDR0, 3u << 24, 2u << 24, "STALL_MODEL" },
		{ SMMU_IDR0, SMMU_IDR0_COHACC, 0, "COHACC" },
		{ SMMU_IDR5, SMMU_IDR5_GRAN4K, 0, "GRAN4K" },
		{ SMMU_IDR5, 7, 1, "36 bits, 40 needed" },
		{ SMMU_IDR1, 63, 3, "SIDSIZE = 3, 4 needed" },
		{ SMMU_IDR1, 0, SMMU_IDR1_QUEUES_PRESET, "PRESET" },
		{ SMMU_IDR1, 0, SMMU_IDR1_TABLES_PRESET, "PRESET" },
		{ SMMU_IDR1, SMMU_IDR1_CMDQS, 2u << 21, "CMDQS = 2, 3 needed" },
		{ SMMU_IDR1, SMMU_IDR1_EVENTQS, 2u << 16, "EVENTQS = 2, 3 needed" },
	};
	struct world *w = *state;

	for (uint32_t i = 0; i < ARRAY_SIZE(lack); i++) {
		world_reset(w);
		*reg(w, lack[i].offset) = (*reg(w, lack[i].offset) & ~lack[i].clear) | lack[i].set;
		assert_int_equal(gw_smmu_probe(&w->smmu, &w->config), ERR_UNSUPPORTED);
		assert_non_null(strstr(gw_smmu_reason(&w->smmu), lack[i].name));
		assert_int_equal(gw_smmu_init(&w->smmu), ERR_BAD_STATE);
		assert_int_equal(w->write_count, 0);
	}
}

static void an_smmu_without_coherency_will_do_for_who_maintains_caches(void **state)
{
	struct world *w = *state;

	*reg(w, SMMU_IDR0) = (*reg(w, SMMU_IDR0) & ~SMMU_IDR0_COHACC) | 2u << 6;
	w->config.maintains_caches = true;
	assert_int_equal(gw_smmu_probe(&w->smmu, &w->config), ERR_OK);
	assert_int_equal(w->smmu.features.httu, 0); /* no dirty state without a coherent walk */
}

static void memory_that_does_not_fit_is_refused(void **state)
{
	struct world *w = *state;

	w->config.strtab_bytes--;
	assert_int_equal(gw_smmu_probe(&w->smmu, &w->config), ERR_RANGE);
	world_reset(w);
	w->config.strtab = (uint8_t *)w->strtab + 64;
	assert_int_equal(gw_smmu_probe(&w->smmu, &w->config), ERR_RANGE);
	world_reset(w);
	w->config.cmdq = (uint8_t *)w->cmdq + 16;
	assert_int_equal(gw_smmu_probe(&w->smmu, &w->config), ERR_RANGE);
	world_reset(w);
	w->config.eventq = NULL;
	assert_int_equal(gw_smmu_probe(&w->smmu, &w->config), ERR_RANGE);
	world_reset(w);
	w->config.cmdq_log2 = 1;
	assert_int_equal(gw_smmu_probe(&w->smmu, &w->config), ERR_RANGE);
	world_reset(w);
	w->config.stream_bits = 17;
	assert_int_equal(gw_smmu_probe(&w->smmu, &w->config), ERR_RANGE);
}

static uint32_t write_at(const struct world *w, uint32_t offset, uint32_t nth)
{
	for (uint32_t i = 0; i < w->write_count; i++) {
		if (w->writes[i] == offset && nth-- == 0) {
			return i;
		}
	}
	fail();
	return 0;
}

static void bypass_is_closed_first_and_translation_comes_last(void **state)
{
	struct world *w = *state;

	memset(w->strtab, 0xff, sizeof(w->strtab));
	assert_int_equal(gw_smmu_probe(&w->smmu, &w->config), ERR_OK);
	assert_int_equal(w->write_count, 0);
	assert_int_equal(gw_smmu_init(&w->smmu), ERR_OK);
	assert_int_equal(w->writes[0], SMMU_GBPA);
	assert_int_equal(*reg(w, SMMU_GBPA), 0x1000 | SMMU_GBPA_ABORT);
	assert_int_equal(w->writes[w->write_count - 1], SMMU_CR0);
	assert_int_equal(*reg(w, SMMU_CR0), SMMU_CR0_SMMUEN | SMMU_CR0_EVENTQEN | SMMU_CR0_CMDQEN);
	assert_int_equal(*reg(w, SMMU_CR1), 0xd75);
	assert_true(write_at(w, SMMU_CR0, 0) < write_at(w, SMMU_CR1, 0));
	assert_true(write_at(w, SMMU_STRTAB_BASE_CFG, 0) < write_at(w, SMMU_CMDQ_BASE, 0));
	assert_true(write_at(w, SMMU_CMDQ_CONS, 0) < write_at(w, SMMU_CR0, 1));
	assert_true(write_at(w, SMMU_EVENTQ_CONS, 0) < write_at(w, SMMU_CR0, 2));
	assert_true(write_at(w, SMMU_GERRORN, 0) < write_at(w, SMMU_IRQ_CTRL, 1));
	assert_int_equal(*reg(w, SMMU_IRQ_CTRL), SMMU_IRQ_CTRL_GERROR | SMMU_IRQ_CTRL_EVENTQ);
	for (uint32_t i = 0; i < ARRAY_SIZE(w->strtab); i++) {
		assert_int_equal(w->strtab[i], 0);
	}
	assert_int_equal(w->command_count, 3);
	assert_int_equal(w->command[0].d0 & 0xff, CMD_CFGI_ALL);
	assert_int_equal(w->command[0].d1, 31);
	assert_int_equal(w->command[1].d0 & 0xff, CMD_TLBI_NSNH_ALL);
	assert_int_equal(w->command[2].d0 & 0xff, CMD_SYNC);
}

static void el2_translations_are_dropped_where_there_are_any(void **state)
{
	struct world *w = *state;

	*reg(w, SMMU_IDR0) |= SMMU_IDR0_HYP;
	w->config.cmdq_log2 = 2; /* the smallest queue: full to the brim */
	assert_int_equal(gw_smmu_probe(&w->smmu, &w->config), ERR_OK);
	assert_int_equal(gw_smmu_init(&w->smmu), ERR_OK);
	assert_int_equal(w->command_count, 4);
	assert_int_equal(w->command[2].d0 & 0xff, CMD_TLBI_EL2_ALL);
}

static void an_acknowledge_that_never_comes_is_a_timeout_with_traffic_aborting(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < 4; i++) {
		world_reset(w);
		w->gbpa_deaf = i == 0;
		w->cr0_deaf = i == 1;
		w->irq_deaf = i == 2;
		w->held = i == 3;
		*reg(w, SMMU_CR0ACK) = i == 1 ? 1 : 0;
		*reg(w, SMMU_IRQ_CTRLACK) = i == 2 ? 1 : 0;
		assert_int_equal(gw_smmu_probe(&w->smmu, &w->config), ERR_OK);
		assert_int_equal(gw_smmu_init(&w->smmu), ERR_TIMEOUT);
		assert_true(strlen(gw_smmu_reason(&w->smmu)) > 0);
		assert_int_equal(*reg(w, SMMU_CR0) & SMMU_CR0_SMMUEN, 0);
		assert_true((*reg(w, SMMU_GBPA) & SMMU_GBPA_ABORT) != 0);
		assert_int_equal(gw_smmu_sync(&w->smmu), ERR_BAD_STATE);
	}
}

static void watch_for(struct world *w, const struct gw_smmu_s2 *s2)
{
	memset(w->watch_make, 0, sizeof(w->watch_make));
	w->watch_make[0] = 0xd;
	w->watch_make[1] = UINT64_C(1) << 44;
	w->watch_make[2] =
		s2->vmid | (UINT64_C(1) << 51) | (UINT64_C(1) << 58) |
		((uint64_t)s2->t0sz | (uint64_t)s2->sl0 << 6 | 1u << 8 | 1u << 10 | 3u << 12 | (uint64_t)s2->ps << 16)
			<< 32;
	w->watch_make[3] = s2->root_pa;
	w->watching = true;
}

static void an_entry_is_made_whole_before_it_is_valid(void **state)
{
	struct world *w = *state;
	struct gw_smmu_s2 s2 = s2_good();

	watch_for(w, &s2);
	assert_false(gw_smmu_attached(&w->smmu, 3));
	assert_int_equal(gw_smmu_attach_s2(&w->smmu, 3, &s2), ERR_OK);
	assert_true(gw_smmu_attached(&w->smmu, 3));
	assert_memory_equal(w->watch, w->watch_make, STE_BYTES);
	/* break: CFGI_STE, TLBI of the VMID, SYNC with V clear; make: CFGI_STE, SYNC with V set */
	assert_int_equal(w->command_count, 5);
	assert_int_equal(w->command[0].d0, CMD_CFGI_STE | UINT64_C(3) << 32);
	assert_int_equal(w->command[0].d1, CMD1_LEAF);
	assert_int_equal(w->command[1].d0, CMD_TLBI_S12_VMALL | UINT64_C(7) << 32);
	assert_int_equal(w->command[2].d0, CMD_SYNC);
	assert_int_equal(w->command[2].ste0, 0);
	assert_int_equal(w->command[3].d0, CMD_CFGI_STE | UINT64_C(3) << 32);
	assert_int_equal(w->command[3].ste0, 0xd);
	assert_int_equal(w->command[4].d0, CMD_SYNC);
}

static void a_live_entry_is_invalid_and_forgotten_before_it_changes(void **state)
{
	struct world *w = *state;
	struct gw_smmu_s2 s2 = s2_good();
	struct gw_smmu_s2 other = s2_good();

	other.root_pa = 0x90000000;
	other.vmid = 9;
	assert_int_equal(gw_smmu_attach_s2(&w->smmu, 3, &s2), ERR_OK);
	w->command_count = 0;
	w->held = true;
	assert_int_equal(gw_smmu_attach_s2_begin(&w->smmu, 3, &other), ERR_OK);
	/* nothing consumed yet: the words of the old entry must stand, its V must not */
	assert_int_equal(w->watch[0], 0);
	assert_int_equal(w->watch[3], s2.root_pa);
	assert_int_equal(gw_smmu_update_poll(&w->smmu), ERR_AGAIN);
	assert_int_equal(w->watch[3], s2.root_pa);
	assert_false(gw_smmu_attached(&w->smmu, 3));
	assert_int_equal(gw_smmu_detach_begin(&w->smmu, 2), ERR_BAD_STATE);
	commands_run(w);
	watch_for(w, &other);
	assert_int_equal(gw_smmu_update_poll(&w->smmu), ERR_AGAIN);
	assert_int_equal(w->watch[0], 0xd);
	assert_int_equal(gw_smmu_update_poll(&w->smmu), ERR_AGAIN);
	commands_run(w);
	assert_int_equal(gw_smmu_update_poll(&w->smmu), ERR_OK);
	assert_int_equal(gw_smmu_update_poll(&w->smmu), ERR_BAD_STATE);
	assert_true(gw_smmu_attached(&w->smmu, 3));
}

static void a_detached_stream_aborts_after_the_sync(void **state)
{
	struct world *w = *state;
	struct gw_smmu_s2 s2 = s2_good();

	assert_int_equal(gw_smmu_attach_s2(&w->smmu, 3, &s2), ERR_OK);
	w->command_count = 0;
	assert_int_equal(gw_smmu_detach(&w->smmu, 3), ERR_OK);
	assert_int_equal(w->watch[0], 0);
	assert_int_equal(w->command_count, 2);
	assert_int_equal(w->command[0].d0, CMD_CFGI_STE | UINT64_C(3) << 32);
	assert_int_equal(w->command[0].ste0, 0);
	assert_false(gw_smmu_attached(&w->smmu, 3));
	assert_int_equal(gw_smmu_detach(&w->smmu, 5), ERR_OK);
}

static void stage2_shapes_that_cannot_be_are_refused_and_change_nothing(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < 14; i++) {
		struct gw_smmu_s2 s2 = s2_good();
		enum err want = ERR_RANGE;

		switch (i) {
		case 0:
			s2.t0sz = 40;
			break;
		case 1:
			s2.t0sz = 15;
			break;
		case 2:
			s2.sl0 = 3;
			break;
		case 3:
			s2.sl0 = 0;
			break; /* 39 bits from level 2 */
		case 4:
			s2.t0sz = 34;
			break; /* 30 bits from level 1 */
		case 5:
			s2.ps = 5;
			break; /* 48 bits, the SMMU has 44 */
		case 6:
			s2.ps = 7;
			break;
		case 7:
			s2.root_pa = 0x80000800;
			break;
		case 8:
			s2.root_pa = UINT64_C(1) << 44;
			break;
		case 9:
			s2.t0sz = 24;
			break; /* two tables side by side: 8 KiB alignment */
		case 10:
			s2.fwb = true;
			want = ERR_UNSUPPORTED;
			break;
		case 11:
			s2.hw_access = true;
			want = ERR_UNSUPPORTED;
			break;
		case 12:
			s2.hw_dirty = true;
			want = ERR_UNSUPPORTED;
			break;
		default:
			s2.root_pa = UINT64_MAX & ~UINT64_C(0xfff);
			break;
		}
		assert_int_equal(gw_smmu_attach_s2_begin(&w->smmu, 3, &s2), want);
		assert_true(strlen(gw_smmu_reason(&w->smmu)) > 0);
	}
	struct gw_smmu_s2 good = s2_good();

	assert_int_equal(gw_smmu_attach_s2_begin(&w->smmu, STREAMS, &good), ERR_RANGE);
	assert_int_equal(gw_smmu_attach_s2_begin(&w->smmu, UINT32_MAX, &good), ERR_RANGE);
	assert_int_equal(w->command_count, 0);
	assert_int_equal(w->watch[0], 0);
}

static void hardware_dirty_state_goes_into_the_entry_where_there_is_some(void **state)
{
	struct world *w = *state;
	struct gw_smmu_s2 s2 = s2_good();

	*reg(w, SMMU_IDR0) |= 2u << 6;
	world_up(w);
	s2.hw_access = true;
	s2.hw_dirty = true;
	assert_int_equal(gw_smmu_attach_s2(&w->smmu, 3, &s2), ERR_OK);
	assert_int_equal(w->watch[2] >> 55 & 3, 3);
}

static void vmids_of_nine_bits_need_vmid16(void **state)
{
	struct world *w = *state;
	struct gw_smmu_s2 s2 = s2_good();

	*reg(w, SMMU_IDR0) &= ~SMMU_IDR0_VMID16;
	world_up(w);
	s2.vmid = 256;
	assert_int_equal(gw_smmu_attach_s2(&w->smmu, 3, &s2), ERR_RANGE);
	s2.vmid = 255;
	assert_int_equal(gw_smmu_attach_s2(&w->smmu, 3, &s2), ERR_OK);
}

static void a_two_level_table_hands_out_leaves_until_there_are_none(void **state)
{
	struct world *w = *state;
	struct gw_smmu_s2 s2 = s2_good();

	w->config.stream_bits = 16;
	w->config.strtab_bytes = 2048;
	w->config.leaves = w->leaves;
	w->config.leaf_count = 2;
	memset(w->leaves, 0xff, sizeof(w->leaves));
	static uint64_t l1[256] __attribute__((aligned(2048)));
	w->config.strtab = l1;
	world_up(w);
	assert_int_equal(*reg(w, SMMU_STRTAB_BASE_CFG), 16 | 8u << 6 | 1u << 16);
	assert_int_equal(gw_smmu_detach(&w->smmu, 0x1234), ERR_OK);
	assert_int_equal(l1[0x12], 0);
	assert_int_equal(gw_smmu_attach_s2(&w->smmu, 0x1234, &s2), ERR_OK);
	assert_int_equal(l1[0x12], (uint64_t)(uintptr_t)w->leaves[0] | 9);
	assert_int_equal(w->leaves[0][0x34 * STE_WORDS], 0xd);
	assert_int_equal(w->leaves[0][0x33 * STE_WORDS], 0);
	assert_int_equal(w->command[1].d1, 0); /* CFGI_STE reaches level 1 */
	assert_int_equal(gw_smmu_attach_s2(&w->smmu, 0x12ff, &s2), ERR_OK);
	assert_int_equal(gw_smmu_attach_s2(&w->smmu, 0x0000, &s2), ERR_OK);
	assert_int_equal(gw_smmu_attach_s2(&w->smmu, 0xff00, &s2), ERR_FULL);
	assert_true(gw_smmu_attached(&w->smmu, 0x12ff));
	assert_false(gw_smmu_attached(&w->smmu, 0xff00));
	assert_int_equal(w->smmu.leaves_used, 2);
}

static void the_command_queue_wraps_many_times(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(gw_smmu_tlbi_vmid(&w->smmu, (uint16_t)i), ERR_OK);
		assert_int_equal(gw_smmu_sync(&w->smmu), ERR_OK);
		assert_int_equal(w->command[2 * i].d0, CMD_TLBI_S12_VMALL | (uint64_t)i << 32);
		assert_int_equal(w->command[2 * i + 1].d0, CMD_SYNC);
	}
}

static void a_full_queue_still_takes_the_sync(void **state)
{
	struct world *w = *state;
	struct gw_smmu_token token;
	uint32_t queued = 0;

	w->held = true;
	while (gw_smmu_tlbi_vmid(&w->smmu, 1) == ERR_OK) {
		queued++;
	}
	assert_int_equal(queued, (1u << QUEUE_LOG2) - 1);
	assert_int_equal(gw_smmu_tlbi_vmid(&w->smmu, 1), ERR_FULL);
	assert_int_equal(gw_smmu_sync_begin(&w->smmu, &token), ERR_OK);
	assert_int_equal(gw_smmu_sync_begin(&w->smmu, &token), ERR_FULL);
	assert_int_equal(gw_smmu_sync_poll(&w->smmu, &token), ERR_AGAIN);
	commands_run(w);
	assert_int_equal(gw_smmu_sync_poll(&w->smmu, &token), ERR_OK);
	assert_int_equal(w->command_count, 1u << QUEUE_LOG2);
	assert_int_equal(gw_smmu_tlbi_vmid(&w->smmu, 1), ERR_OK);
}

static void a_sync_that_does_not_end_is_a_timeout_with_its_indices(void **state)
{
	struct world *w = *state;

	w->held = true;
	assert_int_equal(gw_smmu_sync(&w->smmu), ERR_TIMEOUT);
	assert_non_null(strstr(gw_smmu_reason(&w->smmu), "CMDQ_CONS"));
	w->held = false;
	assert_int_equal(gw_smmu_sync(&w->smmu), ERR_OK);
}

static void a_refused_command_fails_its_sync_and_the_queue_goes_on(void **state)
{
	struct world *w = *state;

	w->refuse_op = CMD_TLBI_S12_VMALL;
	assert_int_equal(gw_smmu_tlbi_vmid(&w->smmu, 5), ERR_OK);
	assert_int_equal(gw_smmu_sync(&w->smmu), ERR_IO);
	assert_non_null(strstr(gw_smmu_reason(&w->smmu), "CERROR_ILL"));
	assert_int_equal(w->smmu.counts.command_errors, 1);
	assert_int_equal(gw_smmu_sync(&w->smmu), ERR_OK);
	w->refuse_op = 0;
	assert_int_equal(gw_smmu_tlbi_vmid(&w->smmu, 5), ERR_OK);
	assert_int_equal(gw_smmu_sync(&w->smmu), ERR_OK);
	assert_int_equal(w->smmu.counts.command_errors, 1);
}

static void a_refused_update_leaves_the_stream_aborting(void **state)
{
	struct world *w = *state;
	struct gw_smmu_s2 s2 = s2_good();

	w->refuse_op = CMD_CFGI_STE;
	assert_int_equal(gw_smmu_attach_s2(&w->smmu, 3, &s2), ERR_IO);
	assert_int_equal(w->watch[0], 0);
	assert_false(gw_smmu_attached(&w->smmu, 3));
}

static void an_index_that_runs_ahead_fails_the_smmu(void **state)
{
	struct world *w = *state;
	struct gw_smmu_token token;

	w->held = true;
	assert_int_equal(gw_smmu_sync_begin(&w->smmu, &token), ERR_OK);
	*reg(w, SMMU_CMDQ_CONS) = *reg(w, SMMU_CMDQ_PROD) + 3;
	assert_int_equal(gw_smmu_sync_poll(&w->smmu, &token), ERR_IO);
	assert_int_equal(gw_smmu_sync(&w->smmu), ERR_BAD_STATE);
}

static void range_invalidation_covers_its_pages_and_no_other(void **state)
{
	struct world *w = *state;

	srand(3);
	for (uint32_t i = 0; i < 2000; i++) {
		uint64_t first = (uint64_t)(rand() & 0xfffff);
		uint64_t count = 1 + (uint64_t)rand() % (UINT64_C(1) << (1 + rand() % 19));
		uint64_t next = first;

		w->command_count = 0;
		assert_int_equal(gw_smmu_tlbi_s2_ipa(&w->smmu, 9, first * PAGE_BYTES, count, i & 1), ERR_OK);
		for (uint32_t c = 0; c < w->command_count; c++) {
			uint64_t d0 = w->command[c].d0;
			uint64_t d1 = w->command[c].d1;
			uint64_t num = d0 >> 12 & 31;
			uint64_t scale = d0 >> 20 & 31;
			uint64_t tg = d1 >> 10 & 3;

			assert_int_equal(d0 & 0xff, CMD_TLBI_S2_IPA);
			assert_int_equal(d0 >> 32, 9);
			assert_int_equal(d1 & 1, i & 1);
			assert_int_equal((d1 & CMD1_IPA) / PAGE_BYTES, next);
			assert_false(tg != 0 && num == 0 && scale == 0); /* reserved */
			next += tg == 0 ? 1 : (num + 1) << scale;
		}
		assert_int_equal(next, first + count);
	}
	w->command_count = 0;
	assert_int_equal(gw_smmu_tlbi_s2_ipa(&w->smmu, 9, 0, 1u << 20, true), ERR_OK);
	assert_int_equal(w->command_count, 1);
	assert_int_equal(w->command[0].d0 & 0xff, CMD_TLBI_S12_VMALL);
	assert_int_equal(gw_smmu_tlbi_s2_ipa(&w->smmu, 9, 0, 0, true), ERR_RANGE);
	assert_int_equal(gw_smmu_tlbi_s2_ipa(&w->smmu, 9, 1, 1, true), ERR_RANGE);
	assert_int_equal(gw_smmu_tlbi_s2_ipa(&w->smmu, 9, UINT64_C(1) << 52, 1, true), ERR_RANGE);
	assert_int_equal(gw_smmu_tlbi_s2_ipa(&w->smmu, 9, (UINT64_C(1) << 52) - 4096, 2, true), ERR_RANGE);
}

static void without_ranges_a_few_pages_go_one_by_one_and_many_as_the_vmid(void **state)
{
	struct world *w = *state;

	*reg(w, SMMU_IDR3) &= ~SMMU_IDR3_RIL;
	world_up(w);
	assert_int_equal(gw_smmu_tlbi_s2_ipa(&w->smmu, 9, 0x40000000, 5, true), ERR_OK);
	assert_int_equal(w->command_count, 5);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(w->command[i].d1, (0x40000000u + i * PAGE_BYTES) | 1);
	}
	assert_int_equal(gw_smmu_tlbi_s2_ipa(&w->smmu, 9, 0x40000000, 9, true), ERR_OK);
	assert_int_equal(w->command_count, 6);
	assert_int_equal(w->command[5].d0 & 0xff, CMD_TLBI_S12_VMALL);
}

static void event_put(struct world *w, uint64_t d0, uint64_t d1, uint64_t d2, uint64_t d3)
{
	uint32_t *prod = reg(w, SMMU_EVENTQ_PROD);
	uint32_t mask = (2u << QUEUE_LOG2) - 1;
	uint64_t *e = &w->eventq[(*prod & ((1u << QUEUE_LOG2) - 1)) * 4];

	e[0] = d0;
	e[1] = d1;
	e[2] = d2;
	e[3] = d3;
	*prod = (*prod & BIT32(31)) | ((*prod + 1) & mask);
}

static void events_are_decoded_and_the_queue_wraps(void **state)
{
	struct world *w = *state;
	struct gw_smmu_event e;

	assert_int_equal(gw_smmu_event_next(&w->smmu, &e), ERR_AGAIN);
	for (uint32_t i = 0; i < 100; i++) {
		event_put(w, 0x10 | (uint64_t)(8 + i) << 32, BIT64(39) | 2ull << 40 | (i & 1 ? BIT64(35) : 0),
			0x48004123 + i, 0x48004000);
		event_put(w, 0x04 | UINT64_C(0x88) << 32, 0, 0xdead, 0xbeef);
		assert_int_equal(gw_smmu_event_next(&w->smmu, &e), ERR_OK);
		assert_string_equal(e.name, "F_TRANSLATION");
		assert_string_equal(e.class_name, "input address");
		assert_int_equal(e.stream_id, 8 + i);
		assert_int_equal(e.addr, 0x48004123 + i);
		assert_true(e.has_addr && e.has_ipa && e.stage2);
		assert_int_equal(e.ipa, 0x48004000);
		assert_int_equal(e.read, i & 1);
		assert_int_equal(gw_smmu_event_next(&w->smmu, &e), ERR_OK);
		assert_string_equal(e.name, "C_BAD_STE");
		assert_int_equal(e.stream_id, 0x88);
		assert_false(e.has_addr);
		assert_int_equal(e.addr, 0);
		assert_int_equal(gw_smmu_event_next(&w->smmu, &e), ERR_AGAIN);
		assert_int_equal(*reg(w, SMMU_EVENTQ_CONS), *reg(w, SMMU_EVENTQ_PROD));
	}
	assert_int_equal(w->smmu.counts.events, 200);
}

static void every_event_type_decodes_to_a_name_or_to_unknown(void **state)
{
	uint32_t known = 0;

	(void)state;
	for (uint32_t type = 0; type < 256; type++) {
		const uint64_t raw[4] = { type | UINT64_C(0xffffffff) << 32, UINT64_MAX, UINT64_MAX, UINT64_MAX };
		struct gw_smmu_event e;

		gw_smmu_event_decode(raw, &e);
		assert_int_equal(e.type, type);
		assert_int_equal(e.stream_id, UINT32_MAX);
		assert_non_null(e.name);
		assert_non_null(e.class_name);
		known += strcmp(e.name, "unknown") != 0;
	}
	assert_int_equal(known, 19);
}

static void an_overflow_is_told_once_and_acknowledged(void **state)
{
	struct world *w = *state;
	struct gw_smmu_event e;

	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 1u << QUEUE_LOG2; i++) {
			event_put(w, 0x13 | (uint64_t)i << 32, 0, 0, 0);
		}
		*reg(w, SMMU_EVENTQ_PROD) ^= BIT32(31);
		assert_int_equal(gw_smmu_event_next(&w->smmu, &e), ERR_LOST);
		for (uint32_t i = 0; i < 1u << QUEUE_LOG2; i++) {
			assert_int_equal(gw_smmu_event_next(&w->smmu, &e), ERR_OK);
			assert_int_equal(e.stream_id, i);
		}
		assert_int_equal(gw_smmu_event_next(&w->smmu, &e), ERR_AGAIN);
		assert_int_equal(*reg(w, SMMU_EVENTQ_CONS), *reg(w, SMMU_EVENTQ_PROD));
	}
	assert_int_equal(w->smmu.counts.event_overflows, 3);
}

static void global_errors_are_acknowledged_as_read(void **state)
{
	struct world *w = *state;

	assert_int_equal(gw_smmu_gerror_service(&w->smmu), 0);
	*reg(w, SMMU_GERROR) ^= SMMU_GERROR_EVENTQ_ABT;
	assert_int_equal(gw_smmu_gerror_service(&w->smmu), SMMU_GERROR_EVENTQ_ABT);
	assert_int_equal(gw_smmu_gerror_service(&w->smmu), 0);
	assert_int_equal(w->smmu.counts.event_overflows, 1);
	*reg(w, SMMU_GERROR) ^= SMMU_GERROR_SFM;
	assert_int_equal(gw_smmu_gerror_service(&w->smmu), SMMU_GERROR_SFM);
	assert_int_equal(gw_smmu_sync(&w->smmu), ERR_BAD_STATE);
}

#define BARE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define UP(name)   cmocka_unit_test_setup_teardown(name, setup_up, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BARE(hardware_that_lacks_something_is_refused_by_name),
		BARE(an_smmu_without_coherency_will_do_for_who_maintains_caches),
		BARE(memory_that_does_not_fit_is_refused),
		BARE(bypass_is_closed_first_and_translation_comes_last),
		BARE(el2_translations_are_dropped_where_there_are_any),
		BARE(an_acknowledge_that_never_comes_is_a_timeout_with_traffic_aborting),
		UP(an_entry_is_made_whole_before_it_is_valid),
		UP(a_live_entry_is_invalid_and_forgotten_before_it_changes),
		UP(a_detached_stream_aborts_after_the_sync),
		UP(stage2_shapes_that_cannot_be_are_refused_and_change_nothing),
		BARE(hardware_dirty_state_goes_into_the_entry_where_there_is_some),
		BARE(vmids_of_nine_bits_need_vmid16),
		BARE(a_two_level_table_hands_out_leaves_until_there_are_none),
		UP(the_command_queue_wraps_many_times),
		UP(a_full_queue_still_takes_the_sync),
		UP(a_sync_that_does_not_end_is_a_timeout_with_its_indices),
		UP(a_refused_command_fails_its_sync_and_the_queue_goes_on),
		UP(a_refused_update_leaves_the_stream_aborting),
		UP(an_index_that_runs_ahead_fails_the_smmu),
		UP(range_invalidation_covers_its_pages_and_no_other),
		BARE(without_ranges_a_few_pages_go_one_by_one_and_many_as_the_vmid),
		UP(events_are_decoded_and_the_queue_wraps),
		BARE(every_event_type_decodes_to_a_name_or_to_unknown),
		UP(an_overflow_is_told_once_and_acknowledged),
		UP(global_errors_are_acknowledged_as_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
