/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "drivers/pl031/pl031.h"

#include "core/base/bits.h"
#include "drivers/mmio.h"

/* DDI 0224, 3.3 */
#define RTC_DR	       0x000u
#define RTC_PERIPH_ID0 0xfe0u
#define RTC_PERIPH_ID1 0xfe4u
#define RTC_PART_LOW   0x31u /* part 0x031 */
#define RTC_PART_HIGH  0x0u
#define RTC_ID1_PART   MASK32(3, 0)

enum err pl031_init(struct pl031 *rtc, uintptr_t base)
{
	rtc->base = base;
	if ((mmio_read32(base + RTC_PERIPH_ID0) & 0xffu) != RTC_PART_LOW ||
		FIELD_GET(RTC_ID1_PART, mmio_read32(base + RTC_PERIPH_ID1)) != RTC_PART_HIGH) {
		return ERR_UNSUPPORTED;
	}
	return pl031_seconds(rtc) != 0 ? ERR_OK : ERR_UNSUPPORTED;
}

uint32_t pl031_seconds(const struct pl031 *rtc)
{
	return mmio_read32(rtc->base + RTC_DR);
}
