/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Every decoder of what a peer sends, on any bytes. What is taken is written again and must be what came; what is
 * refused has a reason with an end. The first byte chooses the decoder, the second parameterises it.
 */
#include <string.h>

#include "migration/ctrl.h"
#include "migration/geometry.h"
#include "migration/ram.h"
#include "migration/session/credit.h"
#include "migration/session/frame.h"
#include "migration/session/message.h"
#include "migration/totals.h"
#include "drivers/vfio/image.h"
#include "tests/fuzz/input.h"

static char reason[REASON_BYTES];

static void reason_clear(void)
{
	memset(reason, 0x7f, sizeof(reason));
}

static void reason_holds(void)
{
	HOLDS(memchr(reason, '\0', sizeof(reason)) != NULL);
	HOLDS(reason[0] != '\0');
}

static bool text_holds(const char *text, size_t cap)
{
	const char *end = memchr(text, '\0', cap);

	for (const char *c = text; end != NULL && c < end; c++) {
		if (*c < 0x20 || *c > 0x7e) {
			return false;
		}
	}
	return end != NULL;
}

static void fuzz_frame_header(const uint8_t *bytes, size_t len, uint8_t how)
{
	struct frame_header expected = { .type = how % 2 == 0 ? FRAME_RAM : FRAME_JOIN, .channel = how / 2 % 8 };
	struct frame_header got, before;
	uint8_t again[FRAME_HEADER_BYTES];

	if (len < FRAME_HEADER_BYTES) {
		return;
	}
	/* What is held against the channel is taken from the input where asked, so that the rest is reached. */
	expected.stream = expected.channel;
	expected.epoch = (how & 0x40) != 0 ? 1 : load_le32(bytes + 8);
	expected.session = (how & 0x40) != 0 ? 0 : load_le64(bytes + 16);
	expected.sequence = (how & 0x80) != 0 ? 5 : load_le64(bytes + 24);
	memset(&got, 0x5a, sizeof(got));
	before = got;
	reason_clear();
	if (frame_header_read(bytes, &expected, &got, reason) != ERR_OK) {
		HOLDS(memcmp(&before, &got, sizeof(got)) == 0);
		reason_holds();
		return;
	}
	HOLDS(got.len_bytes <= FRAME_PAYLOAD_MAX && got.stream < LINK_STREAM_COUNT && got.channel == expected.channel);
	HOLDS(got.stream >= LINK_STREAM_VM || got.stream == got.channel);
	HOLDS(got.sequence == expected.sequence && got.session == expected.session && got.epoch == expected.epoch);
	HOLDS((got.type == FRAME_JOIN) == (expected.type == FRAME_JOIN));
	frame_header_write(&got, again);
	HOLDS(memcmp(again, bytes, sizeof(again)) == 0);
}

static void fuzz_message_header(const uint8_t *bytes, size_t len)
{
	struct message_header head;
	uint8_t again[MESSAGE_HEADER_BYTES];

	if (len < MESSAGE_HEADER_BYTES) {
		return;
	}
	reason_clear();
	if (message_header_read(bytes, &head, reason) != ERR_OK) {
		reason_holds();
		return;
	}
	HOLDS(head.len_bytes <= MESSAGE_PAYLOAD_MAX);
	message_header_write(again, head.type, head.len_bytes);
	HOLDS(memcmp(again, bytes, sizeof(again)) == 0);
}

static void fuzz_hello(const uint8_t *bytes, size_t len)
{
	uint8_t again[MESSAGE_PAYLOAD_MAX];
	struct writer w = writer_over(again, sizeof(again));
	struct hello h;

	reason_clear();
	if (hello_read(bytes, len, &h, reason) != ERR_OK) {
		reason_holds();
		return;
	}
	HOLDS(text_holds(h.attempt.source, HOST_ID_MAX) && text_holds(h.attempt.vm, VM_NAME_MAX));
	HOLDS(h.len_bytes <= MESSAGE_HELLO_MAX && (h.len_bytes == 0 || h.bytes + h.len_bytes == bytes + len));
	hello_write(&w, &h);
	HOLDS(!w.failed && w.len_bytes == len && memcmp(again, bytes, len) == 0);
}

static void fuzz_answer(const uint8_t *bytes, size_t len)
{
	uint8_t again[MESSAGE_PAYLOAD_MAX];
	struct writer w = writer_over(again, sizeof(again));
	struct answer a;

	reason_clear();
	if (answer_read(bytes, len, &a, reason) != ERR_OK) {
		reason_holds();
		return;
	}
	HOLDS(a.len_bytes <= MESSAGE_HELLO_MAX);
	answer_write(&w, &a);
	HOLDS(!w.failed && w.len_bytes == len && memcmp(again, bytes, len) == 0);
}

static void fuzz_resumed(const uint8_t *bytes, size_t len)
{
	uint8_t again[64];
	struct writer w = writer_over(again, sizeof(again));
	struct resumed m;

	reason_clear();
	if (resumed_read(bytes, len, &m, reason) != ERR_OK) {
		reason_holds();
		return;
	}
	resumed_write(&w, &m);
	HOLDS(!w.failed && w.len_bytes == len && memcmp(again, bytes, len) == 0);
}

static void fuzz_text(const uint8_t *bytes, size_t len)
{
	char text[REASON_BYTES];

	message_text_read(bytes, len, text);
	HOLDS(text_holds(text, sizeof(text)));
}

static void fuzz_ctrl(const uint8_t *bytes, size_t len, uint8_t how)
{
	uint16_t type = (uint16_t)(CTRL_FIRST + how % 16);
	struct ctrl m;
	uint8_t again[CTRL_BYTES_MAX];

	memset(&m, 0x5a, sizeof(m));
	if (ctrl_decode(type, bytes, len, &m) != ERR_OK) {
		HOLDS(m.number == 0x5a5a5a5a);
		return;
	}
	HOLDS(text_holds(m.text, sizeof(m.text)));
	/* A character that cannot be shown came as another one; all else is as it came. */
	HOLDS(ctrl_encode(&m, again) == len || memchr(bytes, '\0', len) != NULL);
	HOLDS(memcmp(again, bytes, MIN(len, 36u)) == 0);
}

static void fuzz_geometry(const uint8_t *bytes, size_t len)
{
	static struct geometry h, own;
	uint8_t again[GEOMETRY_BYTES_MAX];
	size_t again_len;

	reason_clear();
	if (geometry_decode(bytes, len, &h, reason) != ERR_OK) {
		reason_holds();
		return;
	}
	HOLDS(h.device_count <= DEVICE_COUNT_MAX && h.vm.ram_region_count <= VM_RAM_REGIONS_MAX);
	HOLDS(text_holds(h.vm.name, sizeof(h.vm.name)));
	for (uint32_t i = 0; i < h.device_count; i++) {
		HOLDS(text_holds(h.devices[i].id, sizeof(h.devices[i].id)));
		HOLDS(text_holds(h.devices[i].type, sizeof(h.devices[i].type)));
	}
	if (geometry_encode(&h, again, sizeof(again), &again_len) == ERR_OK) {
		HOLDS(geometry_decode(again, again_len, &own, reason) == ERR_OK);
		HOLDS(geometry_compare(&own, &h, reason) == ERR_OK);
	}
	memset(&own, 0, sizeof(own));
	reason_clear();
	if (geometry_compare(&own, &h, reason) != ERR_OK) {
		reason_holds();
	}
}

static void fuzz_ram(const uint8_t *bytes, size_t len, uint8_t how)
{
	static struct ram_list list;
	uint32_t channels = 1u + how % CHANNEL_COUNT_MAX, channel = how / 8 % channels, contents = 0;
	uint64_t page_count = (how & 0x80) != 0 ? UINT64_C(1) << 40 : 5000;

	memset(&list, 0, sizeof(list));
	reason_clear();
	if (ram_list_read(&list, bytes, len, page_count, channel, channels, reason) != ERR_OK) {
		reason_holds();
		return;
	}
	HOLDS(list.count >= 1 && list.count <= FRAME_PAGE_ENTRIES_MAX && list.content_count <= FRAME_PAGES_MAX);
	for (uint32_t i = 0; i < list.count; i++) {
		uint64_t page = list.entry[i] & ~RAM_ENTRY_ZERO;

		HOLDS(page < page_count && (page >> RAM_CHUNK_SHIFT) % channels == channel);
		HOLDS(i == 0 || page > (list.entry[i - 1] & ~RAM_ENTRY_ZERO));
		contents += (list.entry[i] & RAM_ENTRY_ZERO) == 0 ? 1 : 0;
	}
	HOLDS(contents == list.content_count);
	for (uint32_t i = 0; i < contents; i++) {
		HOLDS(list.content[i] >= bytes && list.content[i] + PAGE_BYTES <= bytes + len);
	}
	HOLDS(len == 4u + 8u * (size_t)list.count + PAGE_BYTES * (size_t)contents);
}

static void fuzz_totals(const uint8_t *bytes, size_t len)
{
	struct totals t, other = { 0 };

	if (totals_read(bytes, len, &t) != ERR_OK) {
		return;
	}
	HOLDS(len == TOTALS_BYTES);
	reason_clear();
	other.stream = t.stream;
	if (totals_compare(&t, &other, reason) != ERR_OK) {
		reason_holds();
	}
	HOLDS(totals_compare(&t, &t, reason) == ERR_OK);
}

static void fuzz_credit(const uint8_t *bytes, size_t len)
{
	struct credit c;

	/* More than this may never be under way, whatever a peer grants. */
	credit_reset(&c);
	for (size_t at = 0; at + 10 <= len; at += 10) {
		uint16_t stream = load_le16(bytes + at);
		uint64_t limit = load_le64(bytes + at + 2);
		uint64_t before = stream < LINK_STREAM_COUNT ? c.limit[stream] : 0;

		if (credit_raise(&c, stream, limit) == ERR_OK) {
			HOLDS(limit >= before && credit_left(&c, stream) <= 65536);
			c.used[stream] += credit_left(&c, stream) / 2;
		} else {
			HOLDS(stream >= LINK_STREAM_COUNT || c.limit[stream] == before);
		}
	}
}

static void fuzz_image(const uint8_t *bytes, size_t len, uint8_t how)
{
	static uint8_t made[8192];
	const struct image_ident ident = { 0x1234, 0x11e8, 0x1af4, 0x1100, 1 };
	struct image_want want[2] = { { .tag = 0x8001, .len_bytes = 48 }, { .tag = 2, .len_bytes = how } };
	struct writer w = writer_over(made, sizeof(made));
	struct input in = { bytes, len };

	if (how % 2 == 0) {
		/* As it came; else blocks from the input under right checksums. */
		reason_clear();
		if (image_parse(bytes, len, &ident, want, 2, reason) != ERR_OK) {
			reason_holds();
			HOLDS(want[0].bytes == NULL && want[1].bytes == NULL);
		} else {
			HOLDS(want[0].bytes >= bytes && want[0].bytes + 48 <= bytes + len);
		}
		return;
	}
	image_begin(&w);
	while (in.left > 4) {
		uint16_t tag = input_u16(&in);
		size_t asked = input_u16(&in);
		uint16_t block = (uint16_t)MIN(asked, in.left);

		image_put(&w, (uint16_t)(tag & 0x8007), input_bytes(&in, block), block);
	}
	if (image_end(&w, &ident) != ERR_OK) {
		return;
	}
	reason_clear();
	if (image_parse(made, w.len_bytes, &ident, want, 2, reason) != ERR_OK) {
		reason_holds();
		HOLDS(want[0].bytes == NULL && want[1].bytes == NULL);
	} else {
		HOLDS(want[0].bytes > made && want[0].bytes + 48 <= made + w.len_bytes);
		HOLDS(want[1].bytes > made && want[1].bytes + how <= made + w.len_bytes);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t which = input_u8(&in), how = input_u8(&in);
	size_t len = in.left;
	uint8_t *bytes = input_copy(&in, len);

	switch (which % 12) {
	case 0:
		fuzz_frame_header(bytes, len, how);
		break;
	case 1:
		fuzz_message_header(bytes, len);
		break;
	case 2:
		fuzz_hello(bytes, len);
		break;
	case 3:
		fuzz_answer(bytes, len);
		break;
	case 4:
		fuzz_resumed(bytes, len);
		break;
	case 5:
		fuzz_text(bytes, len);
		break;
	case 6:
		fuzz_ctrl(bytes, len, how);
		break;
	case 7:
		fuzz_geometry(bytes, len);
		break;
	case 8:
		fuzz_ram(bytes, len, how);
		break;
	case 9:
		fuzz_totals(bytes, len);
		break;
	case 10:
		fuzz_credit(bytes, len);
		break;
	default:
		fuzz_image(bytes, len, how);
		break;
	}
	free(bytes);
	return 0;
}
