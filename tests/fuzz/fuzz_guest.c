/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A guest that does what it likes: any access to the emulated interrupt controller, UART and PCI bus, any PSCI call,
 * acknowledging and ending interrupts in any order, with interrupts coming meanwhile. Afterwards the state
 * can be saved, and is taken by another host as it was.
 */
#include <string.h>

#include "core/vm/mmio.h"
#include "core/vm/vgic.h"
#include "core/vm/vpci.h"
#include "core/vm/vpl011.h"
#include "core/vm/vpsci.h"
#include "tests/fuzz/program.h"

#define VCPUS	   3u
#define LR_PENDING BIT64(62)
#define LR_ACTIVE  BIT64(63)
#define LINKED_SPI 36u
#define LINKED_PPI 27u

struct machine {
	struct mmio_space mmio;
	struct vgic vgic;
	struct vpl011 uart;
	struct vpci pci;
	struct vpsci psci;
	struct vgic_lrs lrs[VCPUS];
	bool in_guest[VCPUS];
	uint64_t bar[256][VPCI_BARS], bar_bytes[256][VPCI_BARS];
	bool line;
};

static struct machine here, there;

static void sink(void *ctx, const char *line, size_t len_bytes)
{
	(void)ctx;
	HOLDS(len_bytes <= VPL011_LINE_MAX && line[len_bytes] == '\0');
}

static void uart_irq(void *ctx, bool level)
{
	struct machine *m = ctx;

	m->line = level;
	HOLDS(vgic_set_level(&m->vgic, 0, VPL011_INTID, level) == ERR_OK);
}

static void hw_deactivate(void *ctx, uint32_t vcpu, uint32_t pintid)
{
	(void)ctx;
	HOLDS(pintid >= 32 || vcpu < VCPUS);
}

static void bar_map(void *ctx, uint16_t bdf, uint32_t bar, uint64_t ipa, uint64_t size_bytes)
{
	struct machine *m = ctx;

	HOLDS(m->bar[bdf][bar] == 0);
	HOLDS(ipa >= VPCI_WINDOW_BASE && ipa + size_bytes <= VPCI_WINDOW_END && ipa % size_bytes == 0);
	for (uint32_t i = 0; i < 256; i++) {
		for (uint32_t k = 0; k < VPCI_BARS; k++) {
			HOLDS(m->bar[i][k] == 0 || m->bar[i][k] + m->bar_bytes[i][k] <= ipa ||
				ipa + size_bytes <= m->bar[i][k]);
		}
	}
	m->bar[bdf][bar] = ipa;
	m->bar_bytes[bdf][bar] = size_bytes;
}

static void bar_unmap(void *ctx, uint16_t bdf, uint32_t bar, uint64_t ipa, uint64_t size_bytes)
{
	struct machine *m = ctx;

	HOLDS(m->bar[bdf][bar] == ipa && m->bar_bytes[bdf][bar] == size_bytes);
	m->bar[bdf][bar] = 0;
}

static const struct vpci_ops pci_ops = { .bar_map = bar_map, .bar_unmap = bar_unmap };

static void machine_init(struct machine *m)
{
	const struct vpci_function edu = { .bdf = VPCI_BDF(1, 0),
		.vendor_id = 0x1234,
		.device_id = 0x11e8,
		.class_revision = 0x00ff0010,
		.bar_bytes = { 0x100000 },
		.intx_pin = 1 };
	const struct vpci_function nic = { .bdf = VPCI_BDF(2, 0),
		.vendor_id = 0x8086,
		.device_id = 0x10d3,
		.class_revision = 0x02000000,
		.bar_bytes = { 0x20000, 0, 0, 0x4000 },
		.intx_pin = 1 };

	memset(m, 0, sizeof(*m));
	mmio_init(&m->mmio);
	vgic_init(&m->vgic, VCPUS, hw_deactivate, m);
	HOLDS(vgic_map(&m->vgic, &m->mmio) == ERR_OK);
	HOLDS(vgic_link_hw(&m->vgic, LINKED_SPI, 38) == ERR_OK && vgic_link_hw(&m->vgic, LINKED_PPI, 27) == ERR_OK);
	vpl011_init(&m->uart, sink, m, uart_irq, m);
	HOLDS(vpl011_map(&m->uart, &m->mmio) == ERR_OK);
	vpci_init(&m->pci, &pci_ops, m);
	HOLDS(vpci_map(&m->pci, &m->mmio) == ERR_OK);
	HOLDS(vpci_add_function(&m->pci, &edu) == ERR_OK && vpci_add_function(&m->pci, &nic) == ERR_OK);
	vpsci_init(&m->psci, VCPUS, UINT64_C(0x40000000), 0x4000000);
}

static void enter(struct machine *m, uint32_t vcpu)
{
	struct vgic_lrs *l = &m->lrs[vcpu];

	l->lr_count = 4;
	vgic_flush(&m->vgic, vcpu, l);
	for (uint32_t i = 0; i < VGIC_LR_MAX; i++) {
		HOLDS(i < 4 || l->lr[i] == 0);
		for (uint32_t k = 0; k < i && l->lr[i] != 0; k++) {
			HOLDS((uint32_t)l->lr[k] != (uint32_t)l->lr[i] || l->lr[k] == 0);
		}
	}
	m->in_guest[vcpu] = true;
}

/* The guest ran: bits of what say which list registers were acknowledged or ended. */
static void leave(struct machine *m, uint32_t vcpu, uint64_t what)
{
	struct vgic_lrs *l = &m->lrs[vcpu];

	for (uint32_t i = 0; i < 4; i++, what >>= 2) {
		if ((what & 1) != 0 && (l->lr[i] & LR_PENDING) != 0) {
			l->lr[i] = (l->lr[i] & ~LR_PENDING) | LR_ACTIVE;
		}
		if ((what & 2) != 0) {
			l->lr[i] &= ~LR_ACTIVE;
		}
	}
	l->hcr |= (uint32_t)(what & 3) << 27;
	l->cpu.vmcr = what & UINT64_C(0xff00021f);
	l->cpu.ap1r0 = (uint32_t)(what >> 8);
	vgic_sync(&m->vgic, vcpu, l);
	m->in_guest[vcpu] = false;
}

static void access_mmio(struct machine *m, const struct step *s)
{
	static const uint64_t bases[] = { VGIC_DIST_BASE, VGIC_REDIST_BASE, VGIC_REDIST_BASE + 0x10000,
		VGIC_REDIST_BASE + VGIC_REDIST_BYTES, VPL011_BASE, VPCI_ECAM_BASE,
		VPCI_ECAM_BASE + (VPCI_BDF(1, 0) << 12), VPCI_ECAM_BASE + (VPCI_BDF(2, 0) << 12) };
	uint64_t ipa = bases[s->a % 8] + (s->a / 8 == 31 ? s->c : s->b), value = 0x5a;
	uint8_t size = (uint8_t)(1u << (s->c >> 30)), vcpu = (uint8_t)(s->c % VCPUS);

	if (s->op % 2 == 0) {
		(void)!mmio_write(&m->mmio, vcpu, ipa, size, s->d);
	} else if (mmio_read(&m->mmio, vcpu, ipa, size, &value) == ERR_OK) {
		HOLDS(size == 8 || value >> (8 * size) == 0);
	} else {
		HOLDS(value == 0x5a);
	}
}

static void do_step(struct machine *m, const struct step *s)
{
	uint32_t vcpu = s->a % VCPUS;
	uint8_t bytes[8];

	switch (s->op % 16) {
	case 8:
		if (m->in_guest[vcpu]) {
			leave(m, vcpu, s->d);
		} else {
			enter(m, vcpu);
		}
		break;
	case 9:
		(void)!vgic_set_level(&m->vgic, vcpu, s->b % 300, (s->c & 1) != 0);
		break;
	case 10:
		(void)!vgic_set_pending(&m->vgic, vcpu, s->b % 300);
		break;
	case 11:
		vgic_sgi(&m->vgic, vcpu, s->d);
		break;
	case 12:
		vgic_deactivate(&m->vgic, vcpu, s->b);
		break;
	case 13: {
		uint64_t x[4] = { s->a < 200 ? 0x84000000u + s->a % 24 + (s->a >= 100 ? 0x40000000u : 0) : s->d, s->b,
			s->d, s->c };
		struct vpsci_action act;
		uint64_t entry, context;

		vpsci_call(&m->psci, s->c % VCPUS, x, &act);
		HOLDS(act.what != VPSCI_START ||
			(act.target < VCPUS && act.entry >= 0x40000000u && act.entry < 0x44000000u));
		(void)vpsci_starting(&m->psci, s->b % VCPUS, &entry, &context);
		break;
	}
	case 14:
		store_le64(bytes, s->d);
		HOLDS(vpl011_input(&m->uart, bytes, 1u + s->a % 8) <= 8);
		break;
	case 15:
		(void)vgic_kicks_take(&m->vgic);
		(void)vgic_pending(&m->vgic, vcpu);
		break;
	default:
		access_mmio(m, s);
		break;
	}
}

struct all {
	uint8_t gic[VGIC_RECORD_BYTES_MAX], rest[3][4096];
	size_t gic_len, len[3];
};

static void save(struct machine *m, struct all *out)
{
	struct writer w = writer_over(out->gic, sizeof(out->gic));

	HOLDS(vgic_save(&m->vgic, &w) == ERR_OK && !w.failed);
	out->gic_len = w.len_bytes;
	for (uint32_t i = 0; i < 3; i++) {
		w = writer_over(out->rest[i], sizeof(out->rest[i]));
		if (i == 0) {
			vpl011_save(&m->uart, &w);
		} else if (i == 1) {
			vpci_save(&m->pci, &w);
		} else {
			vpsci_save(&m->psci, &w);
		}
		HOLDS(!w.failed);
		out->len[i] = w.len_bytes;
	}
}

/* Whatever a guest did, its state is one that may be loaded. */
static void move(void)
{
	static struct all a, b;
	char reason[REASON_BYTES] = "";
	struct reader r;

	for (uint32_t i = 0; i < VCPUS; i++) {
		if (here.in_guest[i]) {
			leave(&here, i, 0);
		}
	}
	save(&here, &a);
	machine_init(&there);
	r = reader_over(a.rest[0], a.len[0]);
	HOLDS(vpl011_load(&there.uart, &r, reason) == ERR_OK);
	r = reader_over(a.rest[1], a.len[1]);
	HOLDS(vpci_load(&there.pci, &r, reason) == ERR_OK);
	r = reader_over(a.rest[2], a.len[2]);
	HOLDS(vpsci_load(&there.psci, &r, reason) == ERR_OK);
	r = reader_over(a.gic, a.gic_len);
	HOLDS(vgic_load(&there.vgic, &r, reason) == ERR_OK);
	save(&there, &b);
	HOLDS(a.gic_len == b.gic_len && memcmp(a.gic, b.gic, a.gic_len) == 0);
	for (uint32_t i = 0; i < 3; i++) {
		HOLDS(a.len[i] == b.len[i] && memcmp(a.rest[i], b.rest[i], a.len[i]) == 0);
	}
	HOLDS(memcmp(here.bar, there.bar, sizeof(here.bar)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct step s;

	machine_init(&here);
	for (uint32_t n = 0; program_step(data, size, n, &s); n++) {
		do_step(&here, &s);
	}
	move();
	return 0;
}
