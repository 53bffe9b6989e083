/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "core/vm/vpl031.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/base/limits.h"
#include "core/vm/mmio.h"

/* PL031, DDI 0224, table 3-1. */
#define RTCDR	    0x000u
#define RTCMR	    0x004u
#define RTCLR	    0x008u
#define RTCCR	    0x00cu
#define RTCIMSC	    0x010u
#define RTC_ID_REGS 0xfe0u

#define CR_ENABLED  1u /* the clock always runs */
#define IMSC_ALL    1u

/* RTCPeriphID0..3, RTCPCellID0..3. */
static const uint8_t id_regs[] = { 0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

static uint32_t counter_seconds(const struct vpl031 *r)
{
	return (uint32_t)r->seconds(r->ctx);
}

static uint32_t reg_read(const struct vpl031 *r, uint32_t offset)
{
	switch (offset) {
	case RTCDR:
	case RTCLR:
		return r->base + counter_seconds(r);
	case RTCMR:
		return r->match;
	case RTCCR:
		return CR_ENABLED;
	case RTCIMSC:
		return r->imsc;
	default:
		return offset >= RTC_ID_REGS ? id_regs[(offset - RTC_ID_REGS) / 4] : 0;
	}
}

static void reg_write(struct vpl031 *r, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case RTCMR:
		r->match = value;
		break;
	case RTCLR:
		r->base = value - counter_seconds(r);
		break;
	case RTCIMSC:
		r->imsc = value & IMSC_ALL;
		break;
	default:
		break;
	}
}

static enum err vpl031_read(void *ctx, uint32_t vcpu, uint64_t offset, uint32_t size_bytes, uint64_t *value)
{
	struct vpl031 *r = ctx;

	(void)vcpu;
	if (size_bytes > 4 || (offset & 3u) != 0) {
		return ERR_BAD_RECORD;
	}
	spin_lock(&r->lock);
	*value = reg_read(r, (uint32_t)offset);
	spin_unlock(&r->lock);
	return ERR_OK;
}

static enum err vpl031_write(void *ctx, uint32_t vcpu, uint64_t offset, uint32_t size_bytes, uint64_t value)
{
	struct vpl031 *r = ctx;

	(void)vcpu;
	if (size_bytes > 4 || (offset & 3u) != 0) {
		return ERR_BAD_RECORD;
	}
	spin_lock(&r->lock);
	reg_write(r, (uint32_t)offset, (uint32_t)value);
	spin_unlock(&r->lock);
	return ERR_OK;
}

void vpl031_init(struct vpl031 *r, vpl031_seconds_fn seconds, void *ctx)
{
	memset(r, 0, sizeof(*r));
	r->seconds = seconds;
	r->ctx = ctx;
}

void vpl031_reset(struct vpl031 *r, uint32_t now)
{
	spin_lock(&r->lock);
	r->base = now;
	r->match = 0;
	r->imsc = 0;
	spin_unlock(&r->lock);
}

enum err vpl031_map(struct vpl031 *r, struct mmio_space *s)
{
	return mmio_add(s, VPL031_BASE, VPL031_BYTES, vpl031_read, vpl031_write, r);
}

/* Record: le32 time at second 0 of the guest's counter, RTCMR, RTCIMSC. */
void vpl031_save(struct vpl031 *r, struct writer *w)
{
	spin_lock(&r->lock);
	write_le32(w, r->base);
	write_le32(w, r->match);
	write_le32(w, r->imsc);
	spin_unlock(&r->lock);
}

enum err vpl031_load(struct vpl031 *r, struct reader *in, char *reason)
{
	uint32_t base = read_le32(in);
	uint32_t match = read_le32(in);
	uint32_t imsc = read_le32(in);

	if (in->failed || in->left_bytes != 0) {
		fmt(reason, REASON_BYTES, "rtc: record %s", in->failed ? "is too short" : "has bytes left over");
		return ERR_BAD_RECORD;
	}
	if ((imsc & ~IMSC_ALL) != 0) {
		fmt(reason, REASON_BYTES, "rtc: RTCIMSC 0x%x is not possible", imsc);
		return ERR_RANGE;
	}
	spin_lock(&r->lock);
	r->base = base;
	r->match = match;
	r->imsc = imsc;
	spin_unlock(&r->lock);
	return ERR_OK;
}
