/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "board/qemu-virt/machine.h"

#include "arch/aarch64/core.h"
#include "arch/aarch64/rndr.h"
#include "arch/aarch64/timer.h"
#include "board/qemu-virt/map.h"
#include "core/vm/console.h"
#include "core/vm/irq.h"
#include "drivers/fw_cfg/fw_cfg.h"
#include "drivers/pl031/pl031.h"
#include "drivers/virtio_net/virtio_net.h"
#include "drivers/virtio_rng/virtio_rng.h"

static struct fw_cfg files;
static bool has_files;
static struct pl031 rtc;
static bool has_rtc;
static uint64_t rtc_offset_us; /* wall clock minus timer_now_us() */
static struct virtio_rng rng;
static bool has_rng;
static struct virtio_net net;

static uintptr_t virtio_base(uint32_t n)
{
	return MAP_VIRTIO + n * MAP_VIRTIO_STRIDE;
}

void machine_init(void)
{
	has_files = fw_cfg_init(&files, MAP_FW_CFG) == ERR_OK;
	has_rtc = pl031_init(&rtc, MAP_RTC) == ERR_OK;
	if (has_rtc) {
		rtc_offset_us = pl031_seconds(&rtc) * UINT64_C(1000000) - timer_now_us();
	} else {
		console_line("godwit: no real-time clock: certificates cannot be checked, no session will open");
	}
	if (!rndr_present()) {
		for (uint32_t n = 0; n < MAP_VIRTIO_COUNT && !has_rng; n++) {
			has_rng = virtio_rng_init(&rng, virtio_base(n)) == ERR_OK;
		}
		if (!has_rng) {
			console_line("godwit: no source of entropy (RNDR, virtio-rng): no session will open");
		}
	}
}

enum err machine_file(const char *name, uint8_t *out, size_t cap_bytes, size_t *len_bytes)
{
	struct fw_cfg_file file;
	enum err err;

	if (!has_files) {
		return ERR_END;
	}
	err = fw_cfg_find(&files, name, &file);
	if (err == ERR_OK) {
		err = fw_cfg_read(&files, &file, out, cap_bytes);
	}
	if (err == ERR_OK) {
		*len_bytes = file.len_bytes;
	}
	return err;
}

enum err machine_file_begin(const char *name, uint8_t *out, uint32_t len_bytes)
{
	struct fw_cfg_file file;
	enum err err = has_files ? fw_cfg_find(&files, name, &file) : ERR_END;

	return err == ERR_OK ? fw_cfg_read_at(&files, &file, 0, out, len_bytes) : err;
}

enum err machine_random(uint8_t *out, size_t len_bytes)
{
	if (rndr_present()) {
		return rndr_read(out, len_bytes);
	}
	return has_rng ? virtio_rng_read(&rng, out, len_bytes) : ERR_UNSUPPORTED;
}

enum err machine_wall_clock(int64_t *unix_s)
{
	if (!has_rtc) {
		return ERR_UNSUPPORTED;
	}
	*unix_s = pl031_seconds(&rtc);
	return ERR_OK;
}

uint64_t machine_wall_us(void)
{
	return has_rtc ? timer_now_us() + rtc_offset_us : 0;
}

static bool net_irq(void *ctx, uint32_t intid)
{
	(void)intid;
	virtio_net_irq(ctx);
	return true;
}

enum err machine_nic(struct gicv3 *gic, struct nic *out)
{
	for (uint32_t n = 0; n < MAP_VIRTIO_COUNT; n++) {
		uint32_t intid = MAP_IRQ_VIRTIO + n;
		enum err err = virtio_net_init(&net, virtio_base(n));

		if (err != ERR_OK) {
			continue;
		}
		err = irq_register(intid, net_irq, &net);
		if (err == ERR_OK) {
			err = gicv3_spi_configure(gic, intid, false, core_at(0)->mpidr);
		}
		if (err == ERR_OK) {
			err = gicv3_enable(gic, 0, intid, true);
		}
		*out = virtio_net_nic(&net);
		return err;
	}
	return ERR_UNSUPPORTED;
}
