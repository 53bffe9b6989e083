/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "board/qemu-virt/config.h"

#include <string.h>

#include "core/base/bits.h"
#include "core/base/fmt.h"
#include "core/base/text.h"

#define VALUE_BYTES_MAX 80u

enum key_kind { KEY_TEXT, KEY_IP, KEY_NUMBER, KEY_FLAG };

struct key {
	const char *name;
	enum key_kind kind;
	size_t offset;
	size_t cap_bytes;	 /* text */
	uint32_t min, max, step; /* number */
};

#define TEXT(n, f)                                                                                                     \
	{                                                                                                              \
		n, KEY_TEXT, offsetof(struct board_config, f), sizeof(((struct board_config *)0)->f), 0, 0, 0          \
	}
#define IP(n, f)                                                                                                       \
	{                                                                                                              \
		n, KEY_IP, offsetof(struct board_config, f), 4, 0, 0, 0                                                \
	}
#define NUMBER(n, f, lo, hi, by)                                                                                       \
	{                                                                                                              \
		n, KEY_NUMBER, offsetof(struct board_config, f), 4, lo, hi, by                                         \
	}
#define FLAG(n, f)                                                                                                     \
	{                                                                                                              \
		n, KEY_FLAG, offsetof(struct board_config, f), sizeof(bool), 0, 1, 1                                   \
	}

static const struct key keys[] = {
	TEXT("host.id", host_id),
	IP("net.ip", ip),
	IP("net.mask", mask),
	IP("net.gateway", gateway),
	TEXT("slot.name", slot_name),
	NUMBER("slot.ram-mib", slot_ram_mib, 2, SLOT_RAM_MIB_MAX, 2),
	NUMBER("slot.vcpus", slot_vcpus, 1, VCPU_COUNT_MAX, 1),
	NUMBER("slot.device", slot_devices, 0, SLOT_DEVICES_MAX, 1),
	FLAG("autostart", autostart),
	FLAG("mark.flash", mark_flash),
	TEXT("selftest", selftest),
	TEXT("dirty-log", dirty_log),
	TEXT("dma-log", dma_log),
};

void config_default(struct board_config *out)
{
	memset(out, 0, sizeof(*out));
	(void)text_copy(out->slot_name, sizeof(out->slot_name), "vm0");
	(void)text_copy(out->dirty_log, sizeof(out->dirty_log), "auto");
	(void)text_copy(out->dma_log, sizeof(out->dma_log), "auto");
	memset(out->mask, 255, 3);
	out->slot_ram_mib = 64;
	out->slot_vcpus = 2;
	out->slot_devices = 1;
}

/** a.b.c.d, each 0 .. 255. */
static bool parse_ip(const char *s, uint8_t out[4])
{
	for (unsigned int i = 0; i < 4; i++) {
		size_t n = 0;
		uint64_t v;

		while (s[n] >= '0' && s[n] <= '9') {
			n++;
		}
		if (!text_to_u64(s, n, &v) || v > 255 || s[n] != (i < 3 ? '.' : '\0')) {
			return false;
		}
		out[i] = (uint8_t)v;
		s += n + 1;
	}
	return true;
}

static bool set_value(struct board_config *out, const struct key *key, const char *value)
{
	uint8_t *at = (uint8_t *)out + key->offset;
	uint8_t address[4];
	uint32_t number;
	uint64_t v;

	switch (key->kind) {
	case KEY_TEXT:
		return text_copy((char *)at, key->cap_bytes, value);
	case KEY_IP:
		if (!parse_ip(value, address)) {
			return false;
		}
		memcpy(at, address, sizeof(address));
		return true;
	default:
		if (!text_to_u64(value, text_len(value, VALUE_BYTES_MAX), &v) || v < key->min || v > key->max ||
			v % key->step != 0) {
			return false;
		}
		if (key->kind == KEY_FLAG) {
			*(bool *)at = v != 0;
		} else {
			number = (uint32_t)v;
			memcpy(at, &number, sizeof(number));
		}
		return true;
	}
}

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (text_equal(keys[i].name, name)) {
			return &keys[i];
		}
	}
	return NULL;
}

/** line: zero-terminated copy of one line, split in place at the first '='. */
static enum err parse_line(struct board_config *out, char *line, uint32_t number, char *reason)
{
	const struct key *key;
	size_t eq = 0;

	if (line[0] == '\0' || line[0] == '#') {
		return ERR_OK;
	}
	while (line[eq] != '=' && line[eq] != '\0') {
		eq++;
	}
	if (line[eq] == '\0') {
		fmt(reason, REASON_BYTES, "config line %u: no '=' in '%s'", number, line);
		return ERR_BAD_RECORD;
	}
	line[eq] = '\0';
	key = find_key(line);
	if (key == NULL) {
		fmt(reason, REASON_BYTES, "config line %u: unknown key '%s'", number, line);
		return ERR_BAD_RECORD;
	}
	if (!set_value(out, key, line + eq + 1)) {
		fmt(reason, REASON_BYTES, "config line %u: %s does not take '%s'", number, line, line + eq + 1);
		return ERR_RANGE;
	}
	return ERR_OK;
}

enum err config_parse(struct board_config *out, const uint8_t *text, size_t len_bytes, char *reason)
{
	uint32_t number = 1;
	size_t at = 0;

	config_default(out);
	while (at < len_bytes) {
		char line[VALUE_BYTES_MAX + 32];
		size_t n = 0;
		enum err err;

		while (at + n < len_bytes && text[at + n] != '\n') {
			n++;
		}
		if (n >= sizeof(line)) {
			fmt(reason, REASON_BYTES, "config line %u: longer than %zu bytes", number, sizeof(line) - 1);
			return ERR_BAD_RECORD;
		}
		memcpy(line, text + at, n);
		line[n] = '\0';
		err = parse_line(out, line, number, reason);
		if (err != ERR_OK) {
			return err;
		}
		at += n + 1;
		number++;
	}
	return ERR_OK;
}
