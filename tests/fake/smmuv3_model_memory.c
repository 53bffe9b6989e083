/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/** The two views of memory, and what carries one to the other. */
#include <string.h>

#include "tests/fake/smmuv3_model_priv.h"

uint64_t model_draw(struct smmu_model *m, uint64_t below)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return below == 0 ? 0 : m->random % below;
}

void model_violation(struct smmu_model *m, const char *what, uint64_t value)
{
	if (m->violations++ == 0) {
		(void)fmt(m->violation, sizeof(m->violation), "%s: 0x%llx", what, (unsigned long long)value);
	}
}

/* IDR5.OAS */
uint8_t model_oas(const struct smmu_model *m)
{
	static const uint8_t bits[8] = { 32, 36, 40, 42, 44, 48, 52, 52 };

	return bits[m->id.idr5 & 7];
}

/* 3.4: AArch32 tables, where there are any, bring 40 bits of input. */
uint8_t model_ias(const struct smmu_model *m)
{
	return MAX(model_oas(m), model_bit(m->id.idr0, 2) ? 40 : 0);
}

static bool inside(const struct smmu_model *m, uint64_t pa, size_t len)
{
	if (pa < m->base_pa || pa - m->base_pa > m->bytes || len > m->bytes - (pa - m->base_pa)) {
		return false;
	}
	return pa + len <= m->poison_lo || pa >= m->poison_hi;
}

static uint64_t word_at(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

bool model_load64(struct smmu_model *m, uint64_t pa, uint64_t *out)
{
	if (!inside(m, pa, 8)) {
		return false;
	}
	*out = word_at(m->seen + (pa - m->base_pa));
	return true;
}

/* A store of the SMMU's own: coherent where IDR0.COHACC says so. */
static bool store(struct smmu_model *m, uint64_t pa, const void *bytes, size_t len)
{
	if (!inside(m, pa, len)) {
		return false;
	}
	memcpy(m->seen + (pa - m->base_pa), bytes, len);
	if (model_bit(m->id.idr0, 4)) {
		memcpy(m->mem + (pa - m->base_pa), bytes, len);
	}
	return true;
}

bool model_store64(struct smmu_model *m, uint64_t pa, uint64_t value)
{
	return store(m, pa, &value, sizeof(value));
}

bool model_store32(struct smmu_model *m, uint64_t pa, uint32_t value)
{
	return store(m, pa, &value, sizeof(value));
}

/* The CPU sees the word, unless a store of its own is still on the way there. */
static void show(struct smmu_model *m, uint64_t pa, uint64_t old)
{
	size_t at = pa - m->base_pa;

	if (word_at(m->mem + at) == old) {
		memcpy(m->mem + at, m->seen + at, 8);
	}
}

void model_updates_show(struct smmu_model *m)
{
	for (uint32_t i = 0; i < m->updated_count; i++) {
		show(m, m->updated_pa[i], m->updated_old[i]);
	}
	m->updated_count = 0;
}

bool model_cas(struct smmu_model *m, uint64_t pa, uint64_t old, uint64_t new_value)
{
	if (!inside(m, pa, 8)) {
		return false;
	}
	if (m->on_update != NULL) {
		m->on_update(m, pa, old);
	}
	if (word_at(m->seen + (pa - m->base_pa)) != old) {
		return false;
	}
	memcpy(m->seen + (pa - m->base_pa), &new_value, 8);
	if (m->hold_updates) {
		if (m->updated_count == SMMU_MODEL_UPDATES_MAX) {
			model_updates_show(m);
		}
		m->updated_pa[m->updated_count] = pa;
		m->updated_old[m->updated_count++] = old;
	} else if (model_bit(m->id.idr0, 4)) {
		show(m, pa, old);
	}
	return true;
}

/* A device's data: coherent, and not ordered behind anything the CPU has not stored yet. */
bool model_copy(struct smmu_model *m, uint64_t pa, uint8_t *data, uint32_t len, bool write)
{
	size_t at = pa - m->base_pa;

	if (!inside(m, pa, len)) {
		return false;
	}
	if (write) {
		memcpy(m->mem + at, data, len);
		memcpy(m->seen + at, data, len);
	} else {
		memcpy(data, m->mem + at, len);
	}
	return true;
}

uint64_t smmu_model_pa(const struct smmu_model *m, const void *ptr)
{
	uintptr_t at = (uintptr_t)ptr - (uintptr_t)m->mem;

	return at < m->bytes ? m->base_pa + at : 0;
}

static void word_show(struct smmu_model *m, size_t at)
{
	memcpy(m->seen + at, m->mem + at, 8);
	if (m->on_visible != NULL) {
		m->on_visible(m, m->base_pa + at);
	}
}

void smmu_model_publish(struct smmu_model *m, const void *ptr, size_t len_bytes)
{
	uintptr_t first = (uintptr_t)ptr - (uintptr_t)m->mem;
	size_t end;
	size_t batch[SMMU_MODEL_WORDS_MAX];

	if (first >= m->bytes) {
		return;
	}
	end = MIN(m->bytes, ROUND_UP(first + len_bytes, 8));
	for (size_t at = ROUND_DOWN(first, 8); at < end;) {
		uint32_t count = 0;

		for (; at < end && count < SMMU_MODEL_WORDS_MAX; at += 8) {
			if (word_at(m->mem + at) != word_at(m->seen + at)) {
				batch[count++] = at;
			}
		}
		for (; count > 0; count--) {
			uint32_t pick = (uint32_t)model_draw(m, count);

			word_show(m, batch[pick]);
			batch[pick] = batch[count - 1];
		}
	}
}

void smmu_model_acquire(struct smmu_model *m, const void *ptr, size_t len_bytes)
{
	uintptr_t at = (uintptr_t)ptr - (uintptr_t)m->mem;

	if (at < m->bytes && !model_bit(m->id.idr0, 4)) {
		memcpy(m->mem + at, m->seen + at, MIN(len_bytes, m->bytes - at));
	}
}

uint64_t smmu_model_cpu_rmw(struct smmu_model *m, uint64_t pa, uint64_t clear, uint64_t set)
{
	size_t at = pa - m->base_pa;
	uint64_t old = word_at(m->seen + at);
	uint64_t new_value = (old & ~clear) | set;

	memcpy(m->seen + at, &new_value, 8);
	memcpy(m->mem + at, &new_value, 8);
	return old;
}
