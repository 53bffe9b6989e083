/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "migration/control/json.h"

#include <string.h>

#include "core/base/fmt.h"
#include "core/base/text.h"

#define UTF8_REPLACEMENT 0xfffdu
#define JSON_TEXT_MAX	 4096u /* longest text ever written as one string */

struct json_out json_out_over(char *base, size_t cap_bytes)
{
	return (struct json_out){ .base = base, .cap_bytes = cap_bytes };
}

void json_out_raw(struct json_out *o, const char *bytes, size_t len_bytes)
{
	if (o->full || len_bytes > o->cap_bytes - o->len_bytes) {
		o->full = true;
		return;
	}
	memcpy(o->base + o->len_bytes, bytes, len_bytes);
	o->len_bytes += len_bytes;
}

static void put_text(struct json_out *o, const char *text)
{
	json_out_raw(o, text, text_len(text, JSON_TEXT_MAX));
}

static void put_comma(struct json_out *o)
{
	if (o->comma) {
		json_out_raw(o, ", ", 2);
	}
	o->comma = true;
}

void json_out_open(struct json_out *o, char bracket)
{
	put_comma(o);
	json_out_raw(o, &bracket, 1);
	o->comma = false;
}

void json_out_close(struct json_out *o, char bracket)
{
	json_out_raw(o, &bracket, 1);
	o->comma = true;
}

void json_out_key(struct json_out *o, const char *name)
{
	json_out_string(o, name);
	json_out_raw(o, ": ", 2);
	o->comma = false;
}

size_t utf8_next(const uint8_t *bytes, size_t len_bytes, uint32_t *code)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length;
	uint32_t v;

	if (len_bytes == 0) {
		return 0;
	}
	v = bytes[0];
	if (v < 0x80) {
		*code = v;
		return 1;
	}
	if (v >= 0xc2 && v <= 0xdf) {
		length = 2;
		v &= 0x1f;
	} else if (v >= 0xe0 && v <= 0xef) {
		length = 3;
		v &= 0x0f;
	} else if (v >= 0xf0 && v <= 0xf4) {
		length = 4;
		v &= 0x07;
	} else {
		return 0;
	}
	if (length > len_bytes) {
		return 0;
	}
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80) {
			return 0;
		}
		v = (v << 6) | (bytes[i] & 0x3fu);
	}
	if (v < least[length] || (v >= 0xd800 && v <= 0xdfff) || v > 0x10ffff) {
		return 0;
	}
	*code = v;
	return length;
}

static void put_escape(struct json_out *o, uint32_t code)
{
	char text[16];
	size_t len;

	if (code == '"' || code == '\\') {
		len = fmt(text, sizeof(text), "\\%c", (int)code);
	} else if (code == '\n') {
		len = fmt(text, sizeof(text), "\\n");
	} else if (code == '\r') {
		len = fmt(text, sizeof(text), "\\r");
	} else if (code == '\t') {
		len = fmt(text, sizeof(text), "\\t");
	} else if (code > 0xffff) {
		code -= 0x10000;
		len = fmt(text, sizeof(text), "\\u%04x\\u%04x", 0xd800u + (code >> 10), 0xdc00u + (code & 0x3ff));
	} else {
		len = fmt(text, sizeof(text), "\\u%04x", code);
	}
	json_out_raw(o, text, len);
}

void json_out_string(struct json_out *o, const char *text)
{
	const uint8_t *bytes = (const uint8_t *)text;
	size_t left = text_len(text, JSON_TEXT_MAX);

	put_comma(o);
	json_out_raw(o, "\"", 1);
	while (left > 0) {
		uint32_t code = UTF8_REPLACEMENT;
		size_t length = utf8_next(bytes, left, &code);

		if (length == 1 && code >= 0x20 && code < 0x7f && code != '"' && code != '\\') {
			json_out_raw(o, (const char *)bytes, 1);
		} else {
			put_escape(o, code);
		}
		length = length == 0 ? 1 : length;
		bytes += length;
		left -= length;
	}
	json_out_raw(o, "\"", 1);
}

void json_out_u64(struct json_out *o, uint64_t v)
{
	char text[24];
	size_t len = fmt(text, sizeof(text), "%llu", (unsigned long long)v);

	put_comma(o);
	json_out_raw(o, text, len);
}

void json_out_bool(struct json_out *o, bool v)
{
	put_comma(o);
	put_text(o, v ? "true" : "false");
}

void json_out_key_string(struct json_out *o, const char *name, const char *text)
{
	json_out_key(o, name);
	json_out_string(o, text);
}

void json_out_key_u64(struct json_out *o, const char *name, uint64_t v)
{
	json_out_key(o, name);
	json_out_u64(o, v);
}

void json_out_key_bool(struct json_out *o, const char *name, bool v)
{
	json_out_key(o, name);
	json_out_bool(o, v);
}
