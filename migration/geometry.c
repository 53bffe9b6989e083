/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/geometry.h"

#include <string.h>

#include "core/base/addr.h"
#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/cursor.h"
#include "core/base/fmt.h"
#include "core/base/text.h"

#define MANDATORY 0x8000u

enum geometry_record {
	GEOMETRY_VM_NAME = 1,	 /* text, no final zero */
	GEOMETRY_RAM_REGION = 2, /* le64 first gfn, le64 pages */
	GEOMETRY_VCPUS = 3,	 /* le32 */
	GEOMETRY_TIMER_HZ = 4,	 /* le64 */
	GEOMETRY_GIC = 5,	 /* le32 priority bits */
	GEOMETRY_ID_REG = 6,	 /* le64, in the fixed order of vm_desc */
	GEOMETRY_DEVICE =
		7, /* 16 id, 16 type, le16 vendor, le16 device, le32 state version, le32 load time in us (informative) */
	GEOMETRY_LIMITS = 8,  /* le32: page, frame, pages in a frame, entries in a frame, record bytes */
	GEOMETRY_GIC_LRS = 9, /* le32, informative */
};

/** Records that are one number, or five of them, and must be equal on both sides if they have a name. */
static const struct number {
	uint16_t type, offset;
	uint8_t bytes;
	bool more; /* of the record before */
	const char *name;
} numbers[] = {
#define NUMBER(type, field, more, name)                                                                                \
	{                                                                                                              \
		type, offsetof(struct geometry, field), sizeof(((struct geometry *)0)->field), more, name              \
	}
	NUMBER(MANDATORY | GEOMETRY_VCPUS, vm.vcpu_count, false, "vCPUs"),
	NUMBER(MANDATORY | GEOMETRY_TIMER_HZ, vm.timer_hz, false, "timer frequency"),
	NUMBER(MANDATORY | GEOMETRY_GIC, vm.gic_prio_bits, false, "GIC priority bits"),
	NUMBER(MANDATORY | GEOMETRY_LIMITS, limits.page_bytes, false, "page size"),
	NUMBER(MANDATORY | GEOMETRY_LIMITS, limits.frame_bytes, true, "frame size"),
	NUMBER(MANDATORY | GEOMETRY_LIMITS, limits.frame_pages, true, "pages in a frame"),
	NUMBER(MANDATORY | GEOMETRY_LIMITS, limits.frame_entries, true, "entries in a frame"),
	NUMBER(MANDATORY | GEOMETRY_LIMITS, limits.record_bytes, true, "record size"),
	NUMBER(GEOMETRY_GIC_LRS, vm.gic_lr_count, false, NULL),
#undef NUMBER
};

#define LIMITS_BYTES (5u * 4u)

static uint64_t number_of(const struct geometry *h, const struct number *n)
{
	const void *at = (const uint8_t *)h + n->offset;

	return n->bytes == sizeof(uint64_t) ? *(const uint64_t *)at : *(const uint32_t *)at;
}

/** The numbers of a record; false: it has none. */
static bool read_numbers(uint16_t type, struct reader *r, struct geometry *h)
{
	bool any = false;

	for (uint32_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		void *at = (uint8_t *)h + numbers[i].offset;

		if (((numbers[i].type ^ type) & ~MANDATORY) != 0) {
			continue;
		}
		any = true;
		if (numbers[i].bytes == sizeof(uint64_t)) {
			*(uint64_t *)at = read_le64(r);
		} else {
			*(uint32_t *)at = read_le32(r);
		}
	}
	return any;
}

void geometry_make(struct geometry *h, const struct vm_desc *vm)
{
	*h = (struct geometry){
		.protocol_lowest = GEOMETRY_PROTOCOL_LOWEST,
		.protocol_highest = GEOMETRY_PROTOCOL_HIGHEST,
		.vm = *vm,
		.limits = { PAGE_BYTES, FRAME_BYTES, FRAME_PAGES_MAX, FRAME_PAGE_ENTRIES_MAX, VM_RECORD_BYTES },
	};
}

enum err geometry_add_device(struct geometry *h, const struct device_desc *desc)
{
	struct geometry_device *d = &h->devices[h->device_count];

	if (h->device_count >= DEVICE_COUNT_MAX) {
		return ERR_FULL;
	}
	*d = (struct geometry_device){
		.vendor_id = desc->vendor_id, .device_id = desc->device_id, .state_version = desc->state_version
	};
	(void)text_copy(d->id, sizeof(d->id), desc->id);
	(void)text_copy(d->type, sizeof(d->type), desc->type);
	h->device_count++;
	return ERR_OK;
}

static void record_head(struct writer *w, uint16_t type, size_t len_bytes)
{
	write_le16(w, type);
	write_le16(w, (uint16_t)len_bytes);
}

static void write_u64_record(struct writer *w, uint16_t type, uint64_t v)
{
	record_head(w, type, 8);
	write_le64(w, v);
}

static void write_device(struct writer *w, const struct geometry_device *d)
{
	record_head(w, MANDATORY | GEOMETRY_DEVICE, 44);
	write_bytes(w, (const uint8_t *)d->id, sizeof(d->id));
	write_bytes(w, (const uint8_t *)d->type, sizeof(d->type));
	write_le16(w, d->vendor_id);
	write_le16(w, d->device_id);
	write_le32(w, d->state_version);
	write_le32(w, d->load_us);
}

enum err geometry_encode(const struct geometry *h, uint8_t *out, size_t cap_bytes, size_t *len_bytes)
{
	struct writer w = writer_over(out, cap_bytes);
	size_t name_bytes = text_len(h->vm.name, VM_NAME_MAX);

	write_le32(&w, GEOMETRY_MAGIC);
	write_le16(&w, h->protocol_lowest);
	write_le16(&w, h->protocol_highest);
	record_head(&w, MANDATORY | GEOMETRY_VM_NAME, name_bytes);
	write_bytes(&w, (const uint8_t *)h->vm.name, name_bytes);
	for (uint32_t i = 0; i < h->vm.ram_region_count; i++) {
		record_head(&w, MANDATORY | GEOMETRY_RAM_REGION, 16);
		write_le64(&w, h->vm.ram[i].first_gfn);
		write_le64(&w, h->vm.ram[i].page_count);
	}
	for (uint32_t i = 0; i < h->vm.id_reg_count; i++) {
		write_u64_record(&w, MANDATORY | GEOMETRY_ID_REG, h->vm.id_regs[i]);
	}
	for (uint32_t i = 0; i < h->device_count; i++) {
		write_device(&w, &h->devices[i]);
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const struct number *n = &numbers[i];

		if (!n->more) {
			record_head(&w, n->type, n->type == (MANDATORY | GEOMETRY_LIMITS) ? LIMITS_BYTES : n->bytes);
		}
		if (n->bytes == sizeof(uint64_t)) {
			write_le64(&w, number_of(h, n));
		} else {
			write_le32(&w, (uint32_t)number_of(h, n));
		}
	}
	if (w.failed) {
		return ERR_FULL;
	}
	*len_bytes = w.len_bytes;
	return ERR_OK;
}

/** Text of a peer: printable, zero-filled to its end. */
static void read_text(struct reader *r, char *out, size_t cap, size_t len)
{
	const uint8_t *bytes = read_bytes(r, len);

	if (bytes == NULL || len > cap) {
		r->failed = true;
		return;
	}
	memset(out, 0, cap);
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != 0 && (bytes[i] < 0x20 || bytes[i] >= 0x7f)) {
			r->failed = true;
			return;
		}
		out[i] = (char)bytes[i];
	}
}

static void read_device(struct reader *r, struct geometry *h)
{
	struct geometry_device *d = &h->devices[h->device_count];

	if (h->device_count >= DEVICE_COUNT_MAX) {
		r->failed = true;
		return;
	}
	read_text(r, d->id, sizeof(d->id), sizeof(d->id));
	read_text(r, d->type, sizeof(d->type), sizeof(d->type));
	if (d->id[sizeof(d->id) - 1] != '\0' || d->type[sizeof(d->type) - 1] != '\0') {
		r->failed = true;
	}
	d->vendor_id = read_le16(r);
	d->device_id = read_le16(r);
	d->state_version = read_le32(r);
	d->load_us = read_le32(r);
	h->device_count++;
}

static void read_region(struct reader *r, struct geometry *h)
{
	struct vm_ram_region *region = &h->vm.ram[h->vm.ram_region_count];

	if (h->vm.ram_region_count >= VM_RAM_REGIONS_MAX) {
		r->failed = true;
		return;
	}
	region->first_gfn = read_le64(r);
	region->page_count = read_le64(r);
	h->vm.ram_region_count++;
}

static void read_id_reg(struct reader *r, struct geometry *h)
{
	if (h->vm.id_reg_count >= VM_ID_REGS_MAX) {
		r->failed = true;
		return;
	}
	h->vm.id_regs[h->vm.id_reg_count] = read_le64(r);
	h->vm.id_reg_count++;
}

/** One record. ERR_UNSUPPORTED: a mandatory one that is unknown. */
static enum err read_record(uint16_t type, struct reader *r, struct geometry *h)
{
	size_t len = r->left_bytes;

	switch (type & ~MANDATORY) {
	case GEOMETRY_VM_NAME:
		if (len >= VM_NAME_MAX) {
			r->failed = true;
			break;
		}
		read_text(r, h->vm.name, VM_NAME_MAX, len);
		break;
	case GEOMETRY_RAM_REGION:
		read_region(r, h);
		break;
	case GEOMETRY_ID_REG:
		read_id_reg(r, h);
		break;
	case GEOMETRY_DEVICE:
		read_device(r, h);
		break;
	default:
		if (!read_numbers(type, r, h)) {
			return (type & MANDATORY) != 0 ? ERR_UNSUPPORTED : ERR_OK;
		}
		break;
	}
	return r->failed || r->left_bytes != 0 ? ERR_BAD_RECORD : ERR_OK;
}

static bool once_only(uint16_t type)
{
	uint16_t t = type & 0x7fffu;

	return t <= GEOMETRY_GIC_LRS && t != GEOMETRY_RAM_REGION && t != GEOMETRY_ID_REG && t != GEOMETRY_DEVICE;
}

enum err geometry_decode(const uint8_t *bytes, size_t len_bytes, struct geometry *out, char *reason)
{
	const uint32_t needed = BIT32(GEOMETRY_VM_NAME) | BIT32(GEOMETRY_RAM_REGION) | BIT32(GEOMETRY_VCPUS) |
				BIT32(GEOMETRY_TIMER_HZ) | BIT32(GEOMETRY_GIC) | BIT32(GEOMETRY_LIMITS);
	struct reader r = reader_over(bytes, len_bytes);
	struct geometry h = { 0 };
	uint32_t seen = 0;

	if (read_le32(&r) != GEOMETRY_MAGIC || r.failed) {
		fmt(reason, REASON_BYTES, "geometry: not a hello of this engine");
		return ERR_BAD_RECORD;
	}
	h.protocol_lowest = read_le16(&r);
	h.protocol_highest = read_le16(&r);
	if (!r.failed &&
		(h.protocol_lowest > GEOMETRY_PROTOCOL_HIGHEST || h.protocol_highest < GEOMETRY_PROTOCOL_LOWEST)) {
		fmt(reason, REASON_BYTES, "engine protocol: peer speaks %u to %u, this host %u to %u",
			h.protocol_lowest, h.protocol_highest, GEOMETRY_PROTOCOL_LOWEST, GEOMETRY_PROTOCOL_HIGHEST);
		return ERR_MISMATCH;
	}
	while (!r.failed && r.left_bytes != 0) { /* each turn takes four bytes at least */
		uint16_t type = read_le16(&r);
		struct reader sub = read_sub(&r, read_le16(&r));
		enum err err = sub.failed ? ERR_BAD_RECORD : read_record(type, &sub, &h);

		if (err == ERR_OK && once_only(type) && (seen & BIT32(type & 0xfu)) != 0) {
			err = ERR_BAD_RECORD;
		}
		if (err != ERR_OK) {
			fmt(reason, REASON_BYTES, "geometry: record 0x%x %s", type,
				err == ERR_UNSUPPORTED ? "is unknown" : "is malformed");
			return err;
		}
		if ((type & 0x7fffu) <= GEOMETRY_GIC_LRS) {
			seen |= BIT32(type & 0xfu);
		}
	}
	if (r.failed || (seen & needed) != needed) {
		fmt(reason, REASON_BYTES, "geometry: cut short (records seen 0x%x)", seen);
		return ERR_BAD_RECORD;
	}
	*out = h;
	return ERR_OK;
}

static enum err differ_u64(char *reason, const char *field, uint64_t peer, uint64_t own)
{
	if (peer == own) {
		return ERR_OK;
	}
	fmt(reason, REASON_BYTES, "%s: peer has %llu, this host %llu", field, (unsigned long long)peer,
		(unsigned long long)own);
	return ERR_MISMATCH;
}

static enum err compare_ram(const struct vm_desc *own, const struct vm_desc *peer, char *reason)
{
	char field[40];
	enum err err = differ_u64(reason, "RAM regions", peer->ram_region_count, own->ram_region_count);

	for (uint32_t i = 0; err == ERR_OK && i < own->ram_region_count; i++) {
		fmt(field, sizeof(field), "RAM region %u first page", i);
		err = differ_u64(reason, field, peer->ram[i].first_gfn, own->ram[i].first_gfn);
		if (err == ERR_OK) {
			fmt(field, sizeof(field), "RAM region %u pages", i);
			err = differ_u64(reason, field, peer->ram[i].page_count, own->ram[i].page_count);
		}
	}
	return err;
}

static enum err compare_id_regs(const struct vm_desc *own, const struct vm_desc *peer, char *reason)
{
	enum err err = differ_u64(reason, "ID registers", peer->id_reg_count, own->id_reg_count);

	if (err != ERR_OK) {
		return err;
	}
	for (uint32_t i = 0; i < own->id_reg_count; i++) {
		if (peer->id_regs[i] != own->id_regs[i]) {
			fmt(reason, REASON_BYTES, "%s: peer has 0x%llx, this host 0x%llx",
				own->id_reg_names[i] == NULL ? "ID register" : own->id_reg_names[i],
				(unsigned long long)peer->id_regs[i], (unsigned long long)own->id_regs[i]);
			return ERR_MISMATCH;
		}
	}
	return ERR_OK;
}

static enum err compare_devices(const struct geometry *own, const struct geometry *peer, char *reason)
{
	uint32_t shared = MIN(own->device_count, peer->device_count);
	char field[64];
	enum err err = ERR_OK;

	for (uint32_t i = 0; err == ERR_OK && i < shared; i++) {
		const struct geometry_device *a = &peer->devices[i];
		const struct geometry_device *b = &own->devices[i];

		if (!text_equal(a->id, b->id) || !text_equal(a->type, b->type)) {
			fmt(reason, REASON_BYTES, "device %u: peer has %s at %s, this host %s at %s", i, a->type, a->id,
				b->type, b->id);
			return ERR_MISMATCH;
		}
		if (a->vendor_id != b->vendor_id || a->device_id != b->device_id) {
			fmt(reason, REASON_BYTES, "device %s: peer has %04x:%04x, this host %04x:%04x", b->id,
				a->vendor_id, a->device_id, b->vendor_id, b->device_id);
			return ERR_MISMATCH;
		}
		fmt(field, sizeof(field), "device %s (%s) state version", b->id, b->type);
		err = differ_u64(reason, field, a->state_version, b->state_version);
	}
	return err != ERR_OK ? err : differ_u64(reason, "devices", peer->device_count, own->device_count);
}

enum err geometry_compare(const struct geometry *own, const struct geometry *peer, char *reason)
{
	enum err err;

	if (!text_equal(own->vm.name, peer->vm.name)) {
		fmt(reason, REASON_BYTES, "VM name: peer has %s, this host %s", peer->vm.name, own->vm.name);
		return ERR_MISMATCH;
	}
	err = compare_ram(&own->vm, &peer->vm, reason);
	for (uint32_t i = 0; err == ERR_OK && i < ARRAY_SIZE(numbers); i++) {
		if (numbers[i].name != NULL) {
			err = differ_u64(
				reason, numbers[i].name, number_of(peer, &numbers[i]), number_of(own, &numbers[i]));
		}
	}
	err = err != ERR_OK ? err : compare_id_regs(&own->vm, &peer->vm, reason);
	return err != ERR_OK ? err : compare_devices(own, peer, reason);
}
