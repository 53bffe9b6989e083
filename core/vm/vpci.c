/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/vm/vpci.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/vm/mmio.h"

/* PCI Local Bus 3.0, 6.1: type 0 header. */
#define PCI_ID		   0x00u
#define PCI_COMMAND_STATUS 0x04u
#define PCI_CLASS_REVISION 0x08u
#define PCI_CACHE_LINE	   0x0cu
#define PCI_BAR0	   0x10u
#define PCI_BAR_END	   0x28u
#define PCI_SUBSYSTEM	   0x2cu
#define PCI_INTERRUPT	   0x3cu
#define PCI_CONFIG_BYTES   0x100u

#define PCI_COMMAND_PARITY 0x0040u
#define PCI_COMMAND_SERR   0x0100u
#define PCI_COMMAND_DEVICE                                                                                             \
	(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE)
#define PCI_COMMAND_HOST      (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)
#define PCI_STATUS_INTX	      BIT32(19) /* STATUS bit 3, in the dword with COMMAND */

/* The host bridge, with the identity of QEMU's generic PCIe host. */
#define HOST_VENDOR	      0x1b36u
#define HOST_DEVICE	      0x0008u
#define HOST_CLASS	      0x06000000u
#define HOST_SUBSYSTEM_VENDOR 0x1af4u
#define HOST_SUBSYSTEM	      0x1100u

#define BAR_BYTES_MIN	      4096u
#define INTX_PIN_MAX	      4u

/* ECAM address: bus 27:20, device and function 19:12, register 11:0. */
#define ECAM_BDF(offset)      ((uint32_t)((offset) >> 12))
#define ECAM_REG(offset)      ((uint32_t)(offset)&0xfffu)

static bool is_host(const struct vpci_slot *s)
{
	return s->fn.bdf == 0;
}

static uint16_t command_mask(const struct vpci_slot *s)
{
	return is_host(s) ? PCI_COMMAND_HOST : PCI_COMMAND_DEVICE;
}

static struct vpci_slot *slot_at(struct vpci *p, uint32_t bdf)
{
	for (uint32_t i = 0; i < p->count; i++) {
		if (p->slot[i].fn.bdf == bdf) {
			return &p->slot[i];
		}
	}
	return NULL;
}

void vpci_init(struct vpci *p, const struct vpci_ops *ops, void *ctx)
{
	memset(p, 0, sizeof(*p));
	p->ops = ops;
	p->ctx = ctx;
	p->count = 1;
	p->slot[0].fn = (struct vpci_function){
		.bdf = 0,
		.vendor_id = HOST_VENDOR,
		.device_id = HOST_DEVICE,
		.subsystem_vendor_id = HOST_SUBSYSTEM_VENDOR,
		.subsystem_id = HOST_SUBSYSTEM,
		.class_revision = HOST_CLASS,
	};
}

static bool bar_size_valid(uint32_t bytes)
{
	return bytes == 0 || (bytes >= BAR_BYTES_MIN && (bytes & (bytes - 1u)) == 0);
}

enum err vpci_add_function(struct vpci *p, const struct vpci_function *fn)
{
	if (fn->bdf >= BIT32(8) || fn->intx_pin > INTX_PIN_MAX || slot_at(p, fn->bdf) != NULL) {
		return ERR_RANGE;
	}
	for (uint32_t i = 0; i < VPCI_BARS; i++) {
		if (!bar_size_valid(fn->bar_bytes[i])) {
			return ERR_RANGE;
		}
	}
	if (p->count == VPCI_FUNCTIONS_MAX) {
		return ERR_FULL;
	}
	p->slot[p->count] = (struct vpci_slot){ .fn = *fn };
	p->count++;
	return ERR_OK;
}

/* ---- what BARs decode ---- */

static bool range_taken(const struct vpci *p, uint64_t base, uint64_t bytes)
{
	for (uint32_t i = 0; i < p->count; i++) {
		for (uint32_t b = 0; b < VPCI_BARS; b++) {
			uint64_t other = p->slot[i].mapped[b];

			if (other != 0 && base < other + p->slot[i].fn.bar_bytes[b] && other < base + bytes) {
				return true;
			}
		}
	}
	return false;
}

/* Where BAR b should decode by its registers; 0 for nowhere. Never on top of another one. */
static uint64_t bar_wanted(const struct vpci_slot *s, uint32_t b)
{
	uint64_t base = s->bar[b], bytes = s->fn.bar_bytes[b];

	if (bytes == 0 || (s->command & PCI_COMMAND_MEMORY) == 0 || base < VPCI_WINDOW_BASE ||
		base + bytes > VPCI_WINDOW_END) {
		return 0;
	}
	return base;
}

static void bar_unmap(struct vpci *p, struct vpci_slot *s, uint32_t b)
{
	uint64_t ipa = s->mapped[b];

	s->mapped[b] = 0;
	if (p->ops != NULL && p->ops->bar_unmap != NULL) {
		p->ops->bar_unmap(p->ctx, s->fn.bdf, b, ipa, s->fn.bar_bytes[b]);
	}
}

static void bar_map(struct vpci *p, struct vpci_slot *s, uint32_t b, uint64_t ipa)
{
	s->mapped[b] = ipa;
	if (p->ops != NULL && p->ops->bar_map != NULL) {
		p->ops->bar_map(p->ctx, s->fn.bdf, b, ipa, s->fn.bar_bytes[b]);
	}
}

/* First everything that moved goes, then all that can be placed comes, lowest function first. */
static void bars_update(struct vpci *p)
{
	for (uint32_t i = 0; i < p->count; i++) {
		for (uint32_t b = 0; b < VPCI_BARS; b++) {
			struct vpci_slot *s = &p->slot[i];

			if (s->mapped[b] != 0 && s->mapped[b] != bar_wanted(s, b)) {
				bar_unmap(p, s, b);
			}
		}
	}
	for (uint32_t i = 0; i < p->count; i++) {
		for (uint32_t b = 0; b < VPCI_BARS; b++) {
			struct vpci_slot *s = &p->slot[i];
			uint64_t wanted = bar_wanted(s, b);

			if (wanted != 0 && s->mapped[b] == 0 && !range_taken(p, wanted, s->fn.bar_bytes[b])) {
				bar_map(p, s, b, wanted);
			}
		}
	}
}

static void command_set(struct vpci *p, struct vpci_slot *s, uint16_t command)
{
	if (s->command == command) {
		return;
	}
	s->command = command;
	if (!is_host(s) && p->ops != NULL && p->ops->command != NULL) {
		p->ops->command(p->ctx, s->fn.bdf, command);
	}
}

static void slot_reset(struct vpci *p, struct vpci_slot *s)
{
	memset(s->bar, 0, sizeof(s->bar));
	s->interrupt_line = 0;
	s->cache_line = 0;
	command_set(p, s, 0);
}

void vpci_reset(struct vpci *p)
{
	spin_lock(&p->lock);
	for (uint32_t i = 0; i < p->count; i++) {
		slot_reset(p, &p->slot[i]);
	}
	bars_update(p);
	spin_unlock(&p->lock);
}

/* ---- configuration space, by dwords ---- */

static bool intx_level(struct vpci *p, const struct vpci_slot *s)
{
	return s->fn.intx_pin != 0 && p->ops != NULL && p->ops->intx_level != NULL &&
	       p->ops->intx_level(p->ctx, s->fn.bdf);
}

static uint32_t dword_read(struct vpci *p, const struct vpci_slot *s, uint32_t reg)
{
	if (reg >= PCI_BAR0 && reg < PCI_BAR_END) {
		return s->bar[(reg - PCI_BAR0) / 4];
	}
	switch (reg) {
	case PCI_ID:
		return s->fn.vendor_id | (uint32_t)s->fn.device_id << 16;
	case PCI_COMMAND_STATUS:
		return s->command | (intx_level(p, s) ? PCI_STATUS_INTX : 0);
	case PCI_CLASS_REVISION:
		return s->fn.class_revision;
	case PCI_CACHE_LINE:
		return s->cache_line;
	case PCI_SUBSYSTEM:
		return s->fn.subsystem_vendor_id | (uint32_t)s->fn.subsystem_id << 16;
	case PCI_INTERRUPT:
		return s->interrupt_line | (uint32_t)s->fn.intx_pin << 8;
	default:
		return 0;
	}
}

/* mask: the bytes that are written. Read-only fields keep their value, as on hardware. */
static void dword_write(struct vpci *p, struct vpci_slot *s, uint32_t reg, uint32_t value, uint32_t mask)
{
	if (reg >= PCI_BAR0 && reg < PCI_BAR_END) {
		uint32_t b = (reg - PCI_BAR0) / 4, bytes = s->fn.bar_bytes[b];

		if (bytes != 0) {
			s->bar[b] = ((s->bar[b] & ~mask) | (value & mask)) & ~(bytes - 1u);
			bars_update(p);
		}
		return;
	}
	switch (reg) {
	case PCI_COMMAND_STATUS:
		mask &= command_mask(s);
		command_set(p, s, (uint16_t)((s->command & ~mask) | (value & mask)));
		bars_update(p);
		break;
	case PCI_CACHE_LINE:
		s->cache_line = (uint8_t)((s->cache_line & ~mask) | (value & mask));
		break;
	case PCI_INTERRUPT:
		s->interrupt_line = (uint8_t)((s->interrupt_line & ~mask) | (value & mask));
		break;
	default:
		break;
	}
}

static uint32_t byte_mask(uint32_t reg, uint32_t size_bytes)
{
	return (size_bytes == 4 ? UINT32_MAX : BIT32(size_bytes * 8u) - 1u) << ((reg & 3u) * 8u);
}

static bool access_valid(uint64_t offset, uint32_t size_bytes)
{
	return size_bytes <= 4 && (offset & (size_bytes - 1u)) == 0;
}

static enum err vpci_ecam_read(void *ctx, uint32_t vcpu, uint64_t offset, uint32_t size_bytes, uint64_t *value)
{
	struct vpci *p = ctx;
	uint32_t reg = ECAM_REG(offset), dword = UINT32_MAX;
	const struct vpci_slot *s;

	(void)vcpu;
	if (!access_valid(offset, size_bytes)) {
		return ERR_BAD_RECORD;
	}
	spin_lock(&p->lock);
	s = slot_at(p, ECAM_BDF(offset));
	if (s != NULL && reg < PCI_CONFIG_BYTES) {
		dword = dword_read(p, s, reg & ~3u);
	}
	spin_unlock(&p->lock);
	*value = (dword & byte_mask(reg, size_bytes)) >> ((reg & 3u) * 8u);
	return ERR_OK;
}

static enum err vpci_ecam_write(void *ctx, uint32_t vcpu, uint64_t offset, uint32_t size_bytes, uint64_t value)
{
	struct vpci *p = ctx;
	uint32_t reg = ECAM_REG(offset);
	struct vpci_slot *s;

	(void)vcpu;
	if (!access_valid(offset, size_bytes)) {
		return ERR_BAD_RECORD;
	}
	spin_lock(&p->lock);
	s = slot_at(p, ECAM_BDF(offset));
	if (s != NULL && reg < PCI_CONFIG_BYTES) {
		dword_write(p, s, reg & ~3u, (uint32_t)value << ((reg & 3u) * 8u), byte_mask(reg, size_bytes));
	}
	spin_unlock(&p->lock);
	return ERR_OK;
}

enum err vpci_map(struct vpci *p, struct mmio_space *s)
{
	return mmio_add(s, VPCI_ECAM_BASE, VPCI_ECAM_BYTES, vpci_ecam_read, vpci_ecam_write, p);
}

uint16_t vpci_command(struct vpci *p, uint16_t bdf)
{
	const struct vpci_slot *s;
	uint16_t command;

	spin_lock(&p->lock);
	s = slot_at(p, bdf);
	command = s == NULL ? 0 : s->command;
	spin_unlock(&p->lock);
	return command;
}

enum err vpci_bar(struct vpci *p, uint16_t bdf, uint32_t bar, uint64_t *ipa)
{
	const struct vpci_slot *s;
	enum err err = ERR_RANGE;

	spin_lock(&p->lock);
	s = slot_at(p, bdf);
	if (s != NULL && bar < VPCI_BARS && s->mapped[bar] != 0) {
		*ipa = s->mapped[bar];
		err = ERR_OK;
	}
	spin_unlock(&p->lock);
	return err;
}

/* ---- record ---- */

/*
 * le32 functions (the host bridge among them), then for each: le16 bdf, le32 vendor and device, le32 class and
 * revision, le32 subsystem, u8 pin, 6 x le32 BAR size; le16 COMMAND, u8 interrupt line, u8 cache line, 6 x { le32 BAR, u8 decodes }.
 */
void vpci_save(struct vpci *p, struct writer *w)
{
	spin_lock(&p->lock);
	write_le32(w, p->count);
	for (uint32_t i = 0; i < p->count; i++) {
		const struct vpci_slot *s = &p->slot[i];

		write_le16(w, s->fn.bdf);
		write_le32(w, dword_read(p, s, PCI_ID));
		write_le32(w, s->fn.class_revision);
		write_le32(w, dword_read(p, s, PCI_SUBSYSTEM));
		write_u8(w, s->fn.intx_pin);
		for (uint32_t b = 0; b < VPCI_BARS; b++) {
			write_le32(w, s->fn.bar_bytes[b]);
		}
		write_le16(w, s->command);
		write_u8(w, s->interrupt_line);
		write_u8(w, s->cache_line);
		for (uint32_t b = 0; b < VPCI_BARS; b++) {
			write_le32(w, s->bar[b]);
			write_u8(w, s->mapped[b] != 0);
		}
	}
	spin_unlock(&p->lock);
}

struct slot_image {
	uint32_t bar[VPCI_BARS];
	uint8_t decodes[VPCI_BARS];
	uint16_t command;
	uint8_t interrupt_line;
	uint8_t cache_line;
};

static enum err mismatch(char *reason, uint32_t bdf, const char *what, uint32_t got, uint32_t have)
{
	fmt(reason, REASON_BYTES, "pci: 00:%02x.%u %s 0x%x, this VM has 0x%x", bdf >> 3, bdf & 7u, what, got, have);
	return ERR_MISMATCH;
}

static enum err identity_check(struct vpci *p, const struct vpci_slot *s, struct reader *r, char *reason)
{
	uint32_t bdf = read_le16(r), id = read_le32(r), class_revision = read_le32(r);
	uint32_t subsystem = read_le32(r), pin = read_u8(r);
	const uint32_t have_id = dword_read(p, s, PCI_ID), have_subsystem = dword_read(p, s, PCI_SUBSYSTEM);
	enum err err = ERR_OK;

	if (r->failed) {
		return ERR_BAD_RECORD;
	}
	if (bdf != s->fn.bdf) {
		err = mismatch(reason, s->fn.bdf, "bdf", bdf, s->fn.bdf);
	} else if (id != have_id) {
		err = mismatch(reason, bdf, "device and vendor", id, have_id);
	} else if (class_revision != s->fn.class_revision) {
		err = mismatch(reason, bdf, "class and revision", class_revision, s->fn.class_revision);
	} else if (subsystem != have_subsystem) {
		err = mismatch(reason, bdf, "subsystem", subsystem, have_subsystem);
	} else if (pin != s->fn.intx_pin) {
		err = mismatch(reason, bdf, "interrupt pin", pin, s->fn.intx_pin);
	}
	for (uint32_t b = 0; b < VPCI_BARS && err == ERR_OK; b++) {
		uint32_t bytes = read_le32(r);

		if (r->failed) {
			return ERR_BAD_RECORD;
		}
		if (bytes != s->fn.bar_bytes[b]) {
			err = mismatch(reason, bdf, "BAR size", bytes, s->fn.bar_bytes[b]);
		}
	}
	return err;
}

static enum err bad_value(char *reason, uint32_t bdf, const char *what, uint32_t value)
{
	fmt(reason, REASON_BYTES, "pci: 00:%02x.%u %s 0x%x is not possible", bdf >> 3, bdf & 7u, what, value);
	return ERR_RANGE;
}

static enum err slot_read(
	struct vpci *p, const struct vpci_slot *s, struct reader *r, struct slot_image *in, char *reason)
{
	enum err err = identity_check(p, s, r, reason);

	if (err != ERR_OK) {
		return err;
	}
	in->command = read_le16(r);
	in->interrupt_line = read_u8(r);
	in->cache_line = read_u8(r);
	for (uint32_t b = 0; b < VPCI_BARS; b++) {
		in->bar[b] = read_le32(r);
		in->decodes[b] = read_u8(r);
	}
	if (r->failed) {
		return ERR_BAD_RECORD;
	}
	if ((in->command & ~command_mask(s)) != 0) {
		return bad_value(reason, s->fn.bdf, "COMMAND", in->command);
	}
	for (uint32_t b = 0; b < VPCI_BARS; b++) {
		struct vpci_slot as = { .fn = s->fn, .command = in->command };
		uint32_t bytes = s->fn.bar_bytes[b];

		as.bar[b] = in->bar[b];
		if (bytes == 0 ? in->bar[b] != 0 : (in->bar[b] & (bytes - 1u)) != 0) {
			return bad_value(reason, s->fn.bdf, "BAR", in->bar[b]);
		}
		if (in->decodes[b] > 1 || (in->decodes[b] == 1 && bar_wanted(&as, b) == 0)) {
			return bad_value(reason, s->fn.bdf, "decoded BAR", in->bar[b]);
		}
	}
	return ERR_OK;
}

/* Two BARs that decode at one place never come out of vpci_save. */
static enum err overlap_check(const struct vpci *p, const struct slot_image *in, char *reason)
{
	const uint32_t all = p->count * VPCI_BARS;

	for (uint32_t i = 0; i < all; i++) {
		for (uint32_t k = i + 1; k < all; k++) {
			uint64_t a = in[i / VPCI_BARS].bar[i % VPCI_BARS], b = in[k / VPCI_BARS].bar[k % VPCI_BARS];
			bool both =
				in[i / VPCI_BARS].decodes[i % VPCI_BARS] && in[k / VPCI_BARS].decodes[k % VPCI_BARS];

			if (both && a < b + p->slot[k / VPCI_BARS].fn.bar_bytes[k % VPCI_BARS] &&
				b < a + p->slot[i / VPCI_BARS].fn.bar_bytes[i % VPCI_BARS]) {
				return bad_value(reason, p->slot[k / VPCI_BARS].fn.bdf, "overlapping BAR", (uint32_t)b);
			}
		}
	}
	return ERR_OK;
}

/* Cannot fail. What was mapped goes; what decoded at the source decodes here, even where others wait for its place. */
static void take(struct vpci *p, const struct slot_image *in)
{
	for (uint32_t i = 0; i < p->count; i++) {
		for (uint32_t b = 0; b < VPCI_BARS; b++) {
			if (p->slot[i].mapped[b] != 0) {
				bar_unmap(p, &p->slot[i], b);
			}
		}
	}
	for (uint32_t i = 0; i < p->count; i++) {
		struct vpci_slot *s = &p->slot[i];

		memcpy(s->bar, in[i].bar, sizeof(s->bar));
		s->interrupt_line = in[i].interrupt_line;
		s->cache_line = in[i].cache_line;
		command_set(p, s, in[i].command);
		for (uint32_t b = 0; b < VPCI_BARS; b++) {
			if (in[i].decodes[b] == 1) {
				bar_map(p, s, b, s->bar[b]);
			}
		}
	}
}

static enum err load_locked(struct vpci *p, struct reader *r, char *reason)
{
	struct slot_image in[VPCI_FUNCTIONS_MAX] = { 0 };
	uint32_t count = read_le32(r);
	enum err err = r->failed ? ERR_BAD_RECORD : ERR_OK;

	if (err == ERR_OK && count != p->count) {
		fmt(reason, REASON_BYTES, "pci: %u functions, this VM has %u", count, p->count);
		return ERR_MISMATCH;
	}
	for (uint32_t i = 0; i < p->count && err == ERR_OK; i++) {
		err = slot_read(p, &p->slot[i], r, &in[i], reason);
	}
	if (err == ERR_OK && r->left_bytes != 0) {
		err = ERR_BAD_RECORD;
	}
	if (err == ERR_BAD_RECORD) {
		fmt(reason, REASON_BYTES, "pci: record %s", r->failed ? "is too short" : "has bytes left over");
	}
	if (err == ERR_OK) {
		err = overlap_check(p, in, reason);
	}
	if (err == ERR_OK) {
		take(p, in);
	}
	return err;
}

enum err vpci_load(struct vpci *p, struct reader *r, char *reason)
{
	enum err err;

	spin_lock(&p->lock);
	err = load_locked(p, r, reason);
	spin_unlock(&p->lock);
	return err;
}
