/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "board/qemu-virt/guest.h"

#include "board/qemu-virt/machine.h"
#include "core/base/bits.h"
#include "core/base/bytes.h"
#include "core/base/text.h"
#include "core/vm/guest_tree.h"

/* arm64 Image header. */
#define IMAGE_TEXT_OFFSET 8u
#define IMAGE_SIZE	  16u
#define IMAGE_MAGIC_AT	  56u
#define IMAGE_MAGIC	  0x644D5241u
#define IMAGE_HEADER	  64u

#define IMAGE_FILE	  "opt/godwit/guest"
#define CMDLINE_FILE	  "opt/godwit/cmdline"
#define INITRD_FILE	  "opt/godwit/initrd"
#define TREE_ALIGN	  BLOCK_BYTES /* a kernel maps it by one block, with nothing else in it that it might write */

/** IPAs of what was loaded; end is behind the last. */
struct layout {
	uint64_t entry, tree, initrd, initrd_end, end;
};

static uint64_t ram_end(const struct slot *s)
{
	return VM_RAM_IPA + s->vm.page_count * PAGE_BYTES;
}

/** A whole file to at; its length. The rest of RAM is its bound. */
static enum err file_to_ram(struct slot *s, const char *name, uint64_t at, uint64_t *len_bytes)
{
	uint8_t *ram;
	size_t len = 0;
	enum err err;

	if (at >= ram_end(s)) {
		return ERR_RANGE;
	}
	ram = vm_ram_span(&s->vm, at, ram_end(s) - at);
	err = ram == NULL ? ERR_RANGE : machine_file(name, ram, ram_end(s) - at, &len);
	if (err == ERR_OK && len > 0) {
		vm_ram_written(&s->vm, at, len);
	}
	*len_bytes = len;
	return err;
}

/** Where an image with this header wants to be, and how much it needs when that is more than the file. */
static void image_place(const uint8_t header[IMAGE_HEADER], uint64_t *offset, uint64_t *need_bytes)
{
	*offset = 0;
	*need_bytes = 0;
	if (load_le32(header + IMAGE_MAGIC_AT) == IMAGE_MAGIC) {
		*offset = load_le64(header + IMAGE_TEXT_OFFSET);
		*need_bytes = load_le64(header + IMAGE_SIZE);
	}
}

static enum err load_image(struct slot *s, struct layout *out)
{
	uint8_t header[IMAGE_HEADER];
	uint64_t offset, need, len = 0;
	enum err err = machine_file_begin(IMAGE_FILE, header, sizeof(header));

	if (err != ERR_OK) {
		return err;
	}
	image_place(header, &offset, &need);
	if (offset >= s->vm.page_count * PAGE_BYTES || need > s->vm.page_count * PAGE_BYTES - offset) {
		return ERR_RANGE;
	}
	out->entry = VM_RAM_IPA + offset;
	err = file_to_ram(s, IMAGE_FILE, out->entry, &len);
	out->end = out->entry + MAX(len, need);
	return err;
}

static enum err load_initrd(struct slot *s, struct layout *out)
{
	uint64_t at = ROUND_UP(out->end, PAGE_BYTES);
	uint64_t len = 0;
	enum err err = file_to_ram(s, INITRD_FILE, at, &len);

	if (err == ERR_END) {
		return ERR_OK;
	}
	out->initrd = at;
	out->initrd_end = at + len;
	out->end = out->initrd_end;
	return err;
}

static enum err write_tree(struct slot *s, const struct layout *at, const char *cmdline)
{
	uint8_t seed[GUEST_TREE_SEED_BYTES];
	uint8_t *ram = vm_ram_span(&s->vm, at->tree, GUEST_TREE_BYTES_MAX);
	struct guest_tree t = {
		.ram_ipa = VM_RAM_IPA,
		.ram_bytes = s->vm.page_count * PAGE_BYTES,
		.vcpu_count = s->vm.cfg.vcpu_count,
		.bootargs = cmdline,
		.initrd_start = at->initrd,
		.initrd_end = at->initrd_end,
		.seed = machine_random(seed, sizeof(seed)) == ERR_OK ? seed : NULL,
	};
	size_t len = ram == NULL ? 0 : guest_tree_write(&t, ram, GUEST_TREE_BYTES_MAX);

	if (len == 0) {
		return ERR_FULL;
	}
	vm_ram_written(&s->vm, at->tree, len);
	return ERR_OK;
}

/** What a guest with a command line gets besides: device tree, and initramfs when there is one. */
static enum err load_linux(struct slot *s, struct layout *at, const char *cmdline)
{
	enum err err;

	at->tree = ROUND_UP(at->end, TREE_ALIGN);
	at->end = at->tree + GUEST_TREE_BYTES_MAX;
	err = load_initrd(s, at);
	return err == ERR_OK ? write_tree(s, at, cmdline) : err;
}

/** The command line without the line ends of its file. */
static enum err read_cmdline(char out[GUEST_CMDLINE_BYTES_MAX])
{
	size_t len = 0;
	enum err err = machine_file(CMDLINE_FILE, (uint8_t *)out, GUEST_CMDLINE_BYTES_MAX - 1, &len);

	while (len > 0 && (out[len - 1] == '\n' || out[len - 1] == '\r')) {
		len--;
	}
	out[len] = '\0';
	return err;
}

static enum err load_files(struct slot *s)
{
	char cmdline[GUEST_CMDLINE_BYTES_MAX];
	struct layout at = { 0 };
	enum err err = load_image(s, &at);

	if (err != ERR_OK) {
		return err;
	}
	err = read_cmdline(cmdline);
	if (err == ERR_OK) {
		err = load_linux(s, &at, cmdline);
	} else if (err == ERR_END) {
		err = ERR_OK;
	}
	if (err == ERR_OK) {
		vm_reset(&s->vm, at.entry, at.tree);
	}
	return err;
}

/** The guest that the board shows itself with when it was given no file: -initrd is then the image. */
static enum err load_initrd_image(struct slot *s, const uint8_t *image, uint64_t len_bytes)
{
	uint64_t offset, need;
	enum err err;

	if (len_bytes < IMAGE_HEADER) {
		return ERR_END;
	}
	image_place(image, &offset, &need);
	if (offset >= s->vm.page_count * PAGE_BYTES) {
		return ERR_RANGE;
	}
	err = vm_ram_write(&s->vm, VM_RAM_IPA + offset, image, len_bytes);
	if (err == ERR_OK) {
		vm_reset(&s->vm, VM_RAM_IPA + offset, 0);
	}
	return err;
}

enum err guest_load(struct slot *s, const struct fdt_facts *facts)
{
	enum err err = load_files(s);

	if (err != ERR_END) {
		return err;
	}
	return load_initrd_image(
		s, (const uint8_t *)(uintptr_t)facts->initrd_start, facts->initrd_end - facts->initrd_start);
}
