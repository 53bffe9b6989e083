/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * The image of a stopped edu. Registers block, little-endian:
 *
 *    0 le32 0x04 as read, 4 le32 factorial as read, 8 le32 status (bit 7 only), 12 le32 interrupt status,
 *   16 le64 DMA source, 24 le64 destination, 32 le64 count, 40 le64 command (bit 0 clear)
 *
 * Buffer block: the 4096 bytes. COMMAND and the BARs travel with the virtual configuration space.
 */
#include "core/base/bytes.h"
#include "drivers/vfio/edu_priv.h"

static struct image_ident ident_of(const struct edu *edu)
{
	return (struct image_ident){
		.vendor_id = EDU_VENDOR_ID,
		.device_id = EDU_DEVICE_ID,
		.subsystem_vendor_id = edu->config.subsystem_vendor_id,
		.subsystem_id = edu->config.subsystem_id,
		.state_version = EDU_STATE_VERSION,
	};
}

enum err edu_image_save(struct edu *edu)
{
	const struct edu_guest *g = &edu->guest;
	struct writer w = writer_over(edu->image, sizeof(edu->image));
	struct image_ident ident = ident_of(edu);
	uint8_t regs[EDU_REGISTERS_BYTES];
	enum err err;

	store_le32(&regs[0], edu_reg(edu, EDU_INVERSE));
	store_le32(&regs[4], g->factorial_kept ? g->factorial : edu_reg(edu, EDU_FACTORIAL));
	store_le32(&regs[8], edu_reg(edu, EDU_STATUS) & EDU_STATUS_IRQFACT);
	store_le32(&regs[12], edu_reg(edu, EDU_IRQ_STATUS));
	store_le64(&regs[16], g->dma_src);
	store_le64(&regs[24], g->dma_dst);
	store_le64(&regs[32], g->dma_count);
	store_le64(&regs[40], g->dma_cmd);
	image_begin(&w);
	image_put(&w, EDU_TAG_REGISTERS, regs, sizeof(regs));
	image_put(&w, EDU_TAG_BUFFER, edu->config.scratch, EDU_BUFFER_BYTES);
	err = image_end(&w, &ident);
	edu->image_len = err == ERR_OK ? (uint32_t)w.len_bytes : 0;
	edu->image_at = 0;
	return err;
}

static enum err registers_check(struct edu *edu, const uint8_t *regs)
{
	uint32_t status = load_le32(&regs[8]);
	uint64_t cmd = load_le64(&regs[40]);

	if ((status & ~EDU_STATUS_IRQFACT) != 0) {
		EDU_ERROR(edu, "edu image: status 0x%x, only bit 7 may be set", status);
		return ERR_BAD_RECORD;
	}
	if ((cmd & EDU_DMA_RUN) != 0) {
		EDU_ERROR(edu, "edu image: DMA command 0x%llx is running", (unsigned long long)cmd);
		return ERR_BAD_RECORD;
	}
	return ERR_OK;
}

enum err edu_image_check(struct edu *edu, const uint8_t **registers, const uint8_t **buffer)
{
	struct image_want want[2] = {
		{ .tag = EDU_TAG_REGISTERS, .len_bytes = EDU_REGISTERS_BYTES },
		{ .tag = EDU_TAG_BUFFER, .len_bytes = EDU_BUFFER_BYTES },
	};
	struct image_ident ident = ident_of(edu);
	enum err err = image_parse(edu->image, edu->image_len, &ident, want, ARRAY_SIZE(want), edu->error);

	if (err != ERR_OK) {
		return err;
	}
	err = registers_check(edu, want[0].bytes);
	if (err != ERR_OK) {
		return err;
	}
	*registers = want[0].bytes;
	*buffer = want[1].bytes;
	return ERR_OK;
}

static enum err register_verify(struct edu *edu, uint32_t offset, uint32_t mask, uint32_t want)
{
	uint32_t have = edu_reg(edu, offset) & mask;

	if (have != want) {
		EDU_ERROR(edu, "edu %s: register 0x%02x reads 0x%x after a load of 0x%x", edu->config.id, offset, have,
			want);
		return ERR_IO;
	}
	return ERR_OK;
}

enum err edu_registers_load(struct edu *edu, const uint8_t *regs)
{
	struct edu_guest *g = &edu->guest;
	uint32_t inverse = load_le32(&regs[0]);
	uint32_t status = load_le32(&regs[8]);
	uint32_t irq_status = load_le32(&regs[12]);
	enum err err;

	edu_reg_set(edu, EDU_INVERSE, ~inverse);
	edu_reg_set(edu, EDU_STATUS, status);
	/* INTx is disabled at the function: the request comes up when the device runs again, and not before. */
	edu_reg_set(edu, EDU_IRQ_ACK, UINT32_MAX);
	if (irq_status != 0) {
		edu_reg_set(edu, EDU_IRQ_RAISE, irq_status);
	}
	/* A write to 0x08 starts a computation, so the result is kept here until the guest writes again. */
	g->factorial = load_le32(&regs[4]);
	g->factorial_kept = true;
	g->factorial_open = false;
	g->dma_src = load_le64(&regs[16]);
	g->dma_dst = load_le64(&regs[24]);
	g->dma_count = load_le64(&regs[32]);
	g->dma_cmd = load_le64(&regs[40]);
	err = register_verify(edu, EDU_INVERSE, UINT32_MAX, inverse);
	if (err == ERR_OK) {
		err = register_verify(edu, EDU_STATUS, EDU_STATUS_IRQFACT | EDU_STATUS_COMPUTING, status);
	}
	if (err == ERR_OK) {
		err = register_verify(edu, EDU_IRQ_STATUS, UINT32_MAX, irq_status);
	}
	return err;
}
