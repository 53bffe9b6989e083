/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/vm/vpsci.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/base/fmt.h"

/* DEN 0022D 5.1, DEN 0028C 7. Bit 30 tells SMC64 from SMC32. */
#define FN_PSCI_VERSION		0x84000000u
#define FN_CPU_SUSPEND		0x84000001u
#define FN_CPU_OFF		0x84000002u
#define FN_CPU_ON		0x84000003u
#define FN_AFFINITY_INFO	0x84000004u
#define FN_MIGRATE_INFO_TYPE	0x84000006u
#define FN_SYSTEM_OFF		0x84000008u
#define FN_SYSTEM_RESET		0x84000009u
#define FN_PSCI_FEATURES	0x8400000au
#define FN_SMCCC_VERSION	0x80000000u
#define FN_ARCH_FEATURES	0x80000001u
#define FN_64			BIT32(30)

#define PSCI_VERSION_1_1	0x10001u
#define SMCCC_VERSION_1_1	0x10001u
#define MIGRATE_NOT_REQUIRED	2u

#define PSCI_SUCCESS		UINT64_C(0)
#define PSCI_NOT_SUPPORTED	((uint64_t)-1)
#define PSCI_INVALID_PARAMETERS ((uint64_t)-2)
#define PSCI_ALREADY_ON		((uint64_t)-4)
#define PSCI_ON_PENDING		((uint64_t)-5)
#define PSCI_INVALID_ADDRESS	((uint64_t)-9)

#define MPIDR_AFF0		MASK64(7, 0)

void vpsci_reset(struct vpsci *p)
{
	spin_lock(&p->lock);
	for (uint32_t n = 0; n < VCPU_COUNT_MAX; n++) {
		p->vcpu[n] = (struct vpsci_vcpu){ .power = n == 0 ? VPSCI_ON : VPSCI_OFF };
	}
	spin_unlock(&p->lock);
}

void vpsci_init(struct vpsci *p, uint32_t vcpu_count, uint64_t ram_base, uint64_t ram_bytes)
{
	ASSERT(vcpu_count >= 1 && vcpu_count <= VCPU_COUNT_MAX);
	memset(p, 0, sizeof(*p));
	p->vcpu_count = vcpu_count;
	p->ram_base = ram_base;
	p->ram_bytes = ram_bytes;
	vpsci_reset(p);
}

/* vCPU n has MPIDR affinity 0.0.0.n. */
static bool target_of(const struct vpsci *p, uint64_t mpidr, uint32_t *n)
{
	if ((mpidr & ~MPIDR_AFF0) != 0 || mpidr >= p->vcpu_count) {
		return false;
	}
	*n = (uint32_t)mpidr;
	return true;
}

/* An A64 entry point in RAM. */
static bool entry_valid(const struct vpsci *p, uint64_t entry)
{
	return (entry & 3u) == 0 && entry >= p->ram_base && entry - p->ram_base < p->ram_bytes;
}

static uint64_t cpu_on(struct vpsci *p, const uint64_t x[4], struct vpsci_action *out)
{
	uint32_t n;

	if (!target_of(p, x[1], &n)) {
		return PSCI_INVALID_PARAMETERS;
	}
	if (!entry_valid(p, x[2])) {
		return PSCI_INVALID_ADDRESS;
	}
	if (p->vcpu[n].power != VPSCI_OFF) {
		return p->vcpu[n].power == VPSCI_ON ? PSCI_ALREADY_ON : PSCI_ON_PENDING;
	}
	p->vcpu[n] = (struct vpsci_vcpu){ VPSCI_ON_PENDING, x[2], x[3] };
	*out = (struct vpsci_action){ VPSCI_START, n, x[2], x[3] };
	return PSCI_SUCCESS;
}

static uint64_t affinity_info(const struct vpsci *p, const uint64_t x[4])
{
	uint32_t n;

	if (x[2] != 0 || !target_of(p, x[1], &n)) {
		return PSCI_INVALID_PARAMETERS;
	}
	return p->vcpu[n].power;
}

static uint64_t psci_features(uint32_t fn)
{
	switch (fn) {
	case FN_PSCI_VERSION:
	case FN_CPU_SUSPEND:
	case FN_CPU_SUSPEND | FN_64:
	case FN_CPU_OFF:
	case FN_CPU_ON:
	case FN_CPU_ON | FN_64:
	case FN_AFFINITY_INFO:
	case FN_AFFINITY_INFO | FN_64:
	case FN_MIGRATE_INFO_TYPE:
	case FN_SYSTEM_OFF:
	case FN_SYSTEM_RESET:
	case FN_PSCI_FEATURES:
	case FN_SMCCC_VERSION:
		return PSCI_SUCCESS;
	default:
		return PSCI_NOT_SUPPORTED;
	}
}

static uint64_t arch_features(uint32_t fn)
{
	return fn == FN_SMCCC_VERSION || fn == FN_ARCH_FEATURES ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED;
}

static uint64_t call_locked(struct vpsci *p, uint32_t vcpu, uint32_t fn, const uint64_t x[4], struct vpsci_action *out)
{
	switch (fn) {
	case FN_PSCI_VERSION:
		return PSCI_VERSION_1_1;
	case FN_CPU_SUSPEND:
	case FN_CPU_SUSPEND | FN_64:
		/* Every state is served as stand-by, which PSCI allows (5.1.2, "downgrade"). */
		out->what = VPSCI_WAIT;
		return PSCI_SUCCESS;
	case FN_CPU_OFF:
		p->vcpu[vcpu].power = VPSCI_OFF;
		out->what = VPSCI_STOP;
		return PSCI_SUCCESS;
	case FN_CPU_ON:
	case FN_CPU_ON | FN_64:
		return cpu_on(p, x, out);
	case FN_AFFINITY_INFO:
	case FN_AFFINITY_INFO | FN_64:
		return affinity_info(p, x);
	case FN_MIGRATE_INFO_TYPE:
		return MIGRATE_NOT_REQUIRED;
	case FN_SYSTEM_OFF:
		out->what = VPSCI_SYSTEM_OFF;
		return PSCI_SUCCESS;
	case FN_SYSTEM_RESET:
		out->what = VPSCI_SYSTEM_RESET;
		return PSCI_SUCCESS;
	case FN_PSCI_FEATURES:
		return psci_features((uint32_t)x[1]);
	case FN_SMCCC_VERSION:
		return SMCCC_VERSION_1_1;
	case FN_ARCH_FEATURES:
		return arch_features((uint32_t)x[1]);
	default:
		return PSCI_NOT_SUPPORTED;
	}
}

void vpsci_call(struct vpsci *p, uint32_t vcpu, uint64_t x[4], struct vpsci_action *out)
{
	uint32_t fn = (uint32_t)x[0]; /* W0: the upper half is ignored (DEN 0028, 3.1) */
	uint64_t args[4] = { fn, x[1], x[2], x[3] };

	ASSERT(vcpu < p->vcpu_count);
	if ((fn & FN_64) == 0) {
		for (uint32_t i = 1; i < 4; i++) {
			args[i] = (uint32_t)args[i];
		}
	}
	*out = (struct vpsci_action){ VPSCI_NOTHING, 0, 0, 0 };
	spin_lock(&p->lock);
	x[0] = call_locked(p, vcpu, fn, args, out);
	spin_unlock(&p->lock);
}

bool vpsci_starting(struct vpsci *p, uint32_t vcpu, uint64_t *entry, uint64_t *context)
{
	struct vpsci_vcpu *v;
	bool starts;

	ASSERT(vcpu < p->vcpu_count);
	v = &p->vcpu[vcpu];
	spin_lock(&p->lock);
	starts = v->power == VPSCI_ON_PENDING;
	if (starts) {
		v->power = VPSCI_ON;
		*entry = v->entry;
		*context = v->context;
	}
	spin_unlock(&p->lock);
	return starts;
}

enum vpsci_power vpsci_power(struct vpsci *p, uint32_t vcpu)
{
	enum vpsci_power power;

	ASSERT(vcpu < p->vcpu_count);
	spin_lock(&p->lock);
	power = p->vcpu[vcpu].power;
	spin_unlock(&p->lock);
	return power;
}

/* Record: le32 vCPU count, then for each u8 power, le64 entry, le64 context (0 unless ON_PENDING). */
void vpsci_save(struct vpsci *p, struct writer *w)
{
	spin_lock(&p->lock);
	write_le32(w, p->vcpu_count);
	for (uint32_t n = 0; n < p->vcpu_count; n++) {
		const struct vpsci_vcpu *v = &p->vcpu[n];
		bool starts = v->power == VPSCI_ON_PENDING;

		write_u8(w, (uint8_t)v->power);
		write_le64(w, starts ? v->entry : 0);
		write_le64(w, starts ? v->context : 0);
	}
	spin_unlock(&p->lock);
}

static enum err vcpu_check(const struct vpsci *p, uint32_t n, const struct vpsci_vcpu *v, char *reason)
{
	if (v->power > VPSCI_ON_PENDING) {
		fmt(reason, REASON_BYTES, "psci: vcpu %u power state %u is unknown", n, (unsigned)v->power);
		return ERR_RANGE;
	}
	if (v->power == VPSCI_ON_PENDING && !entry_valid(p, v->entry)) {
		fmt(reason, REASON_BYTES, "psci: vcpu %u entry 0x%llx is outside RAM", n, (unsigned long long)v->entry);
		return ERR_RANGE;
	}
	if (v->power != VPSCI_ON_PENDING && (v->entry != 0 || v->context != 0)) {
		fmt(reason, REASON_BYTES, "psci: vcpu %u entry 0x%llx without CPU_ON", n, (unsigned long long)v->entry);
		return ERR_RANGE;
	}
	return ERR_OK;
}

enum err vpsci_load(struct vpsci *p, struct reader *r, char *reason)
{
	struct vpsci_vcpu in[VCPU_COUNT_MAX] = { { VPSCI_ON, 0, 0 } };
	uint32_t count = read_le32(r);

	if (!r->failed && count != p->vcpu_count) {
		fmt(reason, REASON_BYTES, "psci: %u vcpus, this VM has %u", count, p->vcpu_count);
		return ERR_MISMATCH;
	}
	for (uint32_t n = 0; n < p->vcpu_count && !r->failed; n++) {
		enum err err;

		in[n].power = (enum vpsci_power)read_u8(r);
		in[n].entry = read_le64(r);
		in[n].context = read_le64(r);
		err = vcpu_check(p, n, &in[n], reason);
		if (err != ERR_OK) {
			return err;
		}
	}
	if (r->failed || r->left_bytes != 0) {
		fmt(reason, REASON_BYTES, "psci: record %s", r->failed ? "is too short" : "has bytes left over");
		return ERR_BAD_RECORD;
	}
	spin_lock(&p->lock);
	memcpy(p->vcpu, in, sizeof(p->vcpu));
	spin_unlock(&p->lock);
	return ERR_OK;
}
