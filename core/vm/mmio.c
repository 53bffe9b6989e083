/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/vm/mmio.h"

#include <stdbool.h>
#include <string.h>

void mmio_init(struct mmio_space *s)
{
	memset(s, 0, sizeof(*s));
}

static bool region_holds(const struct mmio_region *r, uint64_t ipa, uint64_t size_bytes)
{
	return r->size_bytes >= size_bytes && ipa >= r->base && ipa - r->base <= r->size_bytes - size_bytes;
}

static bool region_overlaps(const struct mmio_region *r, uint64_t base, uint64_t size_bytes)
{
	return r->size_bytes != 0 && base < r->base + r->size_bytes && r->base < base + size_bytes;
}

/* Where a new region may go, or NULL: *err says why. */
static struct mmio_region *region_place(struct mmio_space *s, uint64_t base, uint64_t size_bytes, enum err *err)
{
	struct mmio_region *free_entry = NULL;

	for (uint32_t i = 0; i < MMIO_REGIONS_MAX; i++) {
		if (region_overlaps(&s->regions[i], base, size_bytes)) {
			*err = ERR_RANGE;
			return NULL;
		}
		if (s->regions[i].size_bytes == 0 && free_entry == NULL) {
			free_entry = &s->regions[i];
		}
	}
	*err = free_entry == NULL ? ERR_FULL : ERR_OK;
	return free_entry;
}

enum err mmio_add(
	struct mmio_space *s, uint64_t base, uint64_t size_bytes, mmio_read_fn read, mmio_write_fn write, void *ctx)
{
	struct mmio_region *r;
	enum err err;

	if (size_bytes == 0 || base + size_bytes < base) {
		return ERR_RANGE;
	}
	spin_lock(&s->lock);
	r = region_place(s, base, size_bytes, &err);
	if (r != NULL) {
		*r = (struct mmio_region){ base, size_bytes, read, write, ctx };
	}
	spin_unlock(&s->lock);
	return err;
}

enum err mmio_remove(struct mmio_space *s, uint64_t base)
{
	enum err err = ERR_RANGE;

	spin_lock(&s->lock);
	for (uint32_t i = 0; i < MMIO_REGIONS_MAX; i++) {
		if (s->regions[i].size_bytes != 0 && s->regions[i].base == base) {
			s->regions[i].size_bytes = 0;
			err = ERR_OK;
		}
	}
	spin_unlock(&s->lock);
	return err;
}

/* Copies the region out, so that its handler runs without the lock. */
static enum err mmio_find(struct mmio_space *s, uint64_t ipa, uint8_t size_bytes, struct mmio_region *out)
{
	enum err err = ERR_RANGE;

	if (size_bytes != 1 && size_bytes != 2 && size_bytes != 4 && size_bytes != 8) {
		return ERR_BAD_RECORD;
	}
	spin_lock(&s->lock);
	for (uint32_t i = 0; i < MMIO_REGIONS_MAX; i++) {
		if (region_holds(&s->regions[i], ipa, size_bytes)) {
			*out = s->regions[i];
			err = ERR_OK;
			break;
		}
	}
	spin_unlock(&s->lock);
	return err;
}

enum err mmio_read(struct mmio_space *s, uint32_t vcpu, uint64_t ipa, uint8_t size_bytes, uint64_t *value)
{
	struct mmio_region r;
	uint64_t got = 0;
	enum err err = mmio_find(s, ipa, size_bytes, &r);

	if (err != ERR_OK) {
		return err;
	}
	err = r.read(r.ctx, vcpu, ipa - r.base, size_bytes, &got);
	if (err == ERR_OK) {
		*value = size_bytes == 8 ? got : got & ((UINT64_C(1) << (size_bytes * 8u)) - 1);
	}
	return err;
}

enum err mmio_write(struct mmio_space *s, uint32_t vcpu, uint64_t ipa, uint8_t size_bytes, uint64_t value)
{
	struct mmio_region r;
	enum err err = mmio_find(s, ipa, size_bytes, &r);

	if (err != ERR_OK) {
		return err;
	}
	if (size_bytes < 8) {
		value &= (UINT64_C(1) << (size_bytes * 8u)) - 1;
	}
	return r.write(r.ctx, vcpu, ipa - r.base, size_bytes, value);
}
