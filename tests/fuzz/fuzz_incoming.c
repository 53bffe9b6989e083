/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A whole destination (session, engine, QMP) and a source with right credentials that says what the input wants, behind
 * TLS and seal: right messages and frames, edited ones, any order, cuts, strangers, and an operator who types.
 *
 * What must hold: the VM runs here only when COMMIT came with the digest that READY carried (or the operator asserted
 * all-fenced); buffers are conserved; when all peers are gone and time has passed, nothing of theirs is left.
 */
#include <string.h>

#include "core/base/bitmap.h"
#include "migration/ctrl.h"
#include "tests/fake/sha256.h"
#include "tests/fuzz/host.h"
#include "tests/fuzz/puppet.h"

#define RECORD_BYTES	FAKE_VM_RECORD_BYTES
#define CTRL_HEAD_BYTES 36u
#define REST_STEPS	45u

/* What the puppet has said of the present attempt. */
struct sent {
	struct attempt attempt;
	uint32_t numbers;
	uint32_t kind;
	struct ram_totals ram[CHANNEL_COUNT_MAX];
	struct hash_state records, image;
	uint64_t record_count, record_bytes, image_bytes;
	uint32_t image_frames;
	bool has_ready, committed, proved;
	uint8_t digest[HASH_BYTES];
	uint32_t joined;
};

static struct {
	struct fake_net net;
	struct fuzz_host host;
	struct puppet puppet;
	struct sent sent;
} w, fresh;
static bool is_ready;
static uint8_t geometry[GEOMETRY_BYTES_MAX];
static size_t geometry_bytes;
static uint8_t payload[FRAME_PAYLOAD_MAX + 64u];

static uint32_t in_a_row; /* so many things are sent without time passing between them */

/* READY says that every page has come. */
static void pages_hold(void)
{
	const struct engine *e = &w.host.gw.engine;

	for (uint64_t page = 0; page < HOST_PAGES; page++) {
		HOLDS(bitmap_test(e->rx_map, page));
	}
}

static void run(uint32_t steps, uint64_t step_us)
{
	if (in_a_row > 0) {
		in_a_row--;
		return;
	}
	for (uint32_t i = 0; i < steps; i++) {
		enum owner before = gw_owner(&w.host.gw);

		w.net.now_us += step_us;
		fake_net_poll(&w.net, 1);
		puppet_poll(&w.puppet);
		host_step(&w.host, &w.net, 0);
		if (before != gw_owner(&w.host.gw) && owner_may_run(gw_owner(&w.host.gw))) {
			HOLDS(w.sent.committed || w.host.has_take);
		}
		if (before == OWNER_LOADING && gw_owner(&w.host.gw) == OWNER_READY) {
			pages_hold();
		}
		for (uint64_t at = 0; at < 8u * PAGE_BYTES; at += 512) {
			HOLDS(w.host.vm.ram[HOST_PAGES * PAGE_BYTES + at] == 0);
		}
	}
}

static void on_message(struct puppet *p, uint16_t type, const uint8_t *bytes, size_t len_bytes)
{
	struct ctrl m;

	if (type == MESSAGE_ANSWER) {
		fake_sha256_of(bytes, len_bytes, p->transcript.destination_hello);
		puppet_keys(p);
		w.sent.proved = true;
	} else if (type == MESSAGE_RESUMED) {
		w.sent.proved = bytes[1] == 1;
	} else if (type == MESSAGE_JOINED && len_bytes == 4) {
		w.sent.joined = load_le32(bytes);
	} else if (type == MESSAGE_PING) {
		struct edits kept = p->edits;

		p->edits.count = 0;
		puppet_say(p, MESSAGE_PONG, bytes, len_bytes);
		p->edits = kept;
	} else if (type < MESSAGE_ENGINE_MAX) {
		HOLDS(ctrl_decode(type, bytes, len_bytes, &m) == ERR_OK);
		if (type == CTRL_READY) {
			w.sent.has_ready = true;
			memcpy(w.sent.digest, m.digest, HASH_BYTES);
		}
	}
}

static void start(void)
{
	host_start(&w.host, &w.net, 0, "beta", false);
	host_ask_ok(&w.host, "{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"tls-authz\":\"alpha\"}}\n");
	host_ask_ok(&w.host, "{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"tcp:0:4444\"}}\n");
	HOLDS(geometry_encode(&w.host.gw.engine.geometry, geometry, sizeof(geometry), &geometry_bytes) == ERR_OK);
	puppet_init(&w.puppet, &w.net, 1, "alpha", TLS_SOURCE);
	w.puppet.on_message = on_message;
}

static void reset(void)
{
	if (!is_ready) {
		fake_net_init(&w.net);
		start();
		fresh = w;
		is_ready = true;
	}
	w = fresh;
	in_a_row = 0;
	memset(w.host.vm.ram, 0, (size_t)HOST_PAGES * PAGE_BYTES);
}

/* ---- steps ---- */

static void do_control(const struct step *s)
{
	static const char *const ids[] = { "alpha", "alpha", "alpha", "alpha", "mallory", "beta" };
	struct fake_credentials *own = &w.puppet.fake.own;

	(void)snprintf(own->id, sizeof(own->id), "%s", ids[s->a % ARRAY_SIZE(ids)]);
	(void)snprintf(own->ca, sizeof(own->ca), "%s", s->a / 8 % 8 == 7 ? "other" : "ca");
	own->expired = s->a / 64 == 3;
	puppet_connect(&w.puppet);
	run(10, 100);
}

static void sent_begin(void)
{
	memset(w.sent.ram, 0, sizeof(w.sent.ram));
	fake_sha256.start(&w.sent.records);
	fake_sha256.start(&w.sent.image);
	w.sent.record_count = 0;
	w.sent.record_bytes = 0;
	w.sent.image_bytes = 0;
	w.sent.image_frames = 0;
	w.sent.has_ready = false;
	w.sent.joined = 0;
}

static void do_hello(const struct step *s)
{
	static const uint8_t kinds[] = { HELLO_NEW, HELLO_NEW, HELLO_RESUME, HELLO_STATUS };
	struct puppet *p = &w.puppet;
	struct hello h = { .version_min = 1, .version_max = 1, .kind = kinds[s->a % 4], .boot = 0xb007 };
	uint8_t bytes[MESSAGE_PAYLOAD_MAX];
	struct writer writer = writer_over(bytes, sizeof(bytes));

	if (!p->established) {
		puppet_connect(p);
		run(10, 100);
	}
	if (h.kind == HELLO_NEW) {
		w.sent.numbers += s->a / 4 % 4 == 3 ? 0 : 1;
		w.sent.attempt = (struct attempt){ .source = "alpha",
			.source_boot = 0xb007,
			.number = w.sent.numbers,
			.random = 0x123,
			.vm = "flight" };
		w.sent.attempt.gen = s->a / 16 % 4 == 3 ? s->d : w.host.gw.engine.gen_seen + 1;
		p->channels = 1u + (s->b + 1u) % CHANNEL_COUNT_MAX;
		p->epoch = 1;
		p->keyed = false;
		h.channel_count = (uint8_t)p->channels;
		h.bytes = geometry;
		h.len_bytes = geometry_bytes;
		sent_begin();
	} else {
		p->epoch += s->a / 4 % 4 == 3 ? 0 : 1;
		if (h.kind == HELLO_RESUME && p->has_secret && p->established && p->id != TLS_NONE) {
			HOLDS(keys_proof(&p->tls, w.host.gw.session.seal, p->id, p->secret, &w.sent.attempt, p->epoch,
				      TLS_SOURCE, h.proof) == ERR_OK);
		}
	}
	h.epoch = p->epoch;
	h.attempt = w.sent.attempt;
	hello_write(&writer, &h);
	puppet_say(p, MESSAGE_HELLO, bytes, writer.len_bytes);
	memset(&p->transcript, 0, sizeof(p->transcript));
	fake_sha256_of(p->last, p->last_len, p->transcript.source_hello);
	memcpy(p->transcript.source_id, "alpha", 6);
	memcpy(p->transcript.destination_id, "beta", 5);
	run(6, 100);
}

static void join(uint32_t channel)
{
	uint8_t bytes[FRAME_JOIN_PAYLOAD];

	puppet_data_connect(&w.puppet, channel);
	run(3, 100);
	store_le32(bytes, channel);
	store_le32(bytes + 4, w.puppet.channels);
	(void)puppet_frame(&w.puppet, channel, (uint16_t)channel, FRAME_JOIN, bytes, sizeof(bytes));
	run(2, 100);
}

static void do_join(const struct step *s)
{
	if (s->a % 4 == 3) {
		join(s->b % CHANNEL_COUNT_MAX);
		return;
	}
	for (uint32_t i = 0; i < w.puppet.channels; i++) {
		join(i);
	}
}

static void send_pages(uint32_t channel, uint64_t page, uint32_t count, uint64_t contents, uint8_t fill)
{
	const uint32_t channels = MAX(w.puppet.channels, 1u);
	const uint64_t end = page >= HOST_PAGES ? page : UINT64_MAX;
	uint32_t n = 0, full = 0;
	size_t at;

	/* Pages that do not exist are named only when the first of them is asked for. */
	for (; (page < HOST_PAGES || page == end) && n < count; page++) {
		bool zero = full >= FRAME_PAGES_MAX || (contents >> (n % 64) & 1) == 0;

		if (page != end && (page >> RAM_CHUNK_SHIFT) % channels != channel) {
			continue;
		}
		store_le64(payload + 4 + 8u * n, page | (zero ? RAM_ENTRY_ZERO : 0));
		full += zero ? 0 : 1;
		n++;
	}
	if (n == 0) {
		return;
	}
	store_le32(payload, n);
	at = 4u + 8u * (size_t)n;
	memset(payload + at, fill, (size_t)full * PAGE_BYTES);
	if (puppet_frame(&w.puppet, channel, (uint16_t)channel, FRAME_RAM, payload, at + (size_t)full * PAGE_BYTES)) {
		w.sent.ram[channel].frames++;
		w.sent.ram[channel].pages += full;
		w.sent.ram[channel].zero_pages += n - full;
	}
	run(2, 100);
}

static void send_record(uint16_t instance, uint8_t fill)
{
	uint8_t len[8];

	store_le16(payload, 1);
	store_le16(payload + 2, instance);
	store_le32(payload + 4, 1);
	memset(payload + 8, fill, RECORD_BYTES);
	if (puppet_frame(&w.puppet, 0, LINK_STREAM_VM, FRAME_VM_RECORD, payload, 8 + RECORD_BYTES)) {
		store_le64(len, 8 + RECORD_BYTES);
		fake_sha256.add(&w.sent.records, len, sizeof(len));
		fake_sha256.add(&w.sent.records, payload, 8 + RECORD_BYTES);
		w.sent.record_count++;
		w.sent.record_bytes += 8 + RECORD_BYTES;
	}
	run(2, 100);
}

static void send_image(uint32_t device, size_t len)
{
	uint64_t left = FAKE_DEVICE_IMAGE_BYTES - MIN(w.sent.image_bytes, (uint64_t)FAKE_DEVICE_IMAGE_BYTES);

	len = MIN(MIN(len, (size_t)left), (size_t)DEVICE_CHUNK_BYTES);
	if (len == 0) {
		return;
	}
	store_le32(payload, w.sent.image_frames);
	store_le32(payload + 4, 0); /* kind DATA */
	for (size_t i = 0; i < len; i++) {
		uint64_t at = w.sent.image_bytes + i;

		payload[8 + i] = at < 4 ? (uint8_t)(0x66616b65u >> (8 * at)) : at < 12 ? 0 : (uint8_t)(at * 7u);
	}
	if (puppet_frame(&w.puppet, 0, LINK_STREAM_DEVICE(device), FRAME_DEVICE, payload, 8 + len)) {
		fake_sha256.add(&w.sent.image, payload + 8, len);
		w.sent.image_bytes += len;
		w.sent.image_frames++;
	}
	run(3, 100);
}

static void send_totals(uint16_t stream)
{
	uint32_t channel = stream < LINK_STREAM_VM ? stream : 0;
	struct hash_state copy = stream == LINK_STREAM_VM ? w.sent.records : w.sent.image;

	memset(payload, 0, 64);
	store_le16(payload, stream);
	if (stream < LINK_STREAM_VM) {
		store_le64(payload + 8, w.sent.ram[channel].frames);
		store_le64(payload + 16, w.sent.ram[channel].pages);
		store_le64(payload + 24, w.sent.ram[channel].zero_pages);
	} else {
		store_le64(payload + 8, stream == LINK_STREAM_VM ? w.sent.record_count : w.sent.image_frames);
		store_le64(payload + 16, stream == LINK_STREAM_VM ? w.sent.record_bytes : w.sent.image_bytes);
		fake_sha256.finish(&copy, payload + 32);
	}
	(void)puppet_frame(&w.puppet, channel, stream, FRAME_TOTALS, payload, 64);
	run(3, 100);
}

static void send_ctrl(uint16_t type, uint64_t d)
{
	struct ctrl m = {
		.type = type,
		.number = w.sent.attempt.number,
		.source_boot = w.sent.attempt.source_boot,
		.random = w.sent.attempt.random,
		.gen = w.sent.attempt.gen,
		.epoch = w.puppet.epoch,
		.flags = (uint32_t)d & CTRL_FLAGS,
		.time = d >> 8,
		.text = "fuzz",
	};
	uint8_t bytes[CTRL_BYTES_MAX];

	memcpy(m.digest, w.sent.digest, HASH_BYTES);
	puppet_say(&w.puppet, type, bytes, ctrl_encode(&m, bytes));
	if (w.puppet.last_type == CTRL_COMMIT && w.puppet.last_len >= CTRL_HEAD_BYTES + HASH_BYTES &&
		w.sent.has_ready && w.sent.proved &&
		memcmp(w.puppet.last + CTRL_HEAD_BYTES, w.host.gw.engine.dst.digest, HASH_BYTES) == 0) {
		w.sent.committed = true;
	}
	run(4, 100);
}

static void do_load(const struct step *s)
{
	send_ctrl(CTRL_PREPARE, s->d & CTRL_FLAG_VERIFY_RAM);
	for (uint32_t c = 0; c < w.puppet.channels; c++) {
		for (uint64_t page = s->a % 2 == 0 ? 0 : 240; page < HOST_PAGES; page += 240) {
			/* The frame names the next 240 pages of this channel from there on; some come twice. */
			send_pages(c, page, 240, s->c, (uint8_t)s->b);
		}
	}
	for (uint16_t i = 0; i < FAKE_VM_RECORDS; i++) {
		send_record(i, (uint8_t)(s->b + i));
	}
	while (w.sent.image_bytes < FAKE_DEVICE_IMAGE_BYTES && w.puppet.data[0] != STREAM_NONE && w.puppet.keyed) {
		uint64_t before = w.sent.image_bytes;

		send_image(0, DEVICE_CHUNK_BYTES);
		if (w.sent.image_bytes == before) {
			break;
		}
	}
	for (uint16_t stream = 0; stream < w.puppet.channels; stream++) {
		send_totals(stream);
	}
	send_totals(LINK_STREAM_VM);
	send_totals(LINK_STREAM_DEVICE(0));
	run(40, 500);
}

static void do_session_message(const struct step *s)
{
	uint8_t bytes[64];
	size_t len = s->b % sizeof(bytes);

	memset(bytes, 0, sizeof(bytes));
	store_le64(bytes, s->d);
	store_le16(bytes + 8, (uint16_t)(s->c & 3));
	store_le64(bytes + 12, s->d);
	puppet_say(&w.puppet, (uint16_t)(0x8000u + s->a % 16), bytes, len);
	run(2, 100);
}

static void do_bytes(const struct step *s)
{
	uint8_t bytes[256];
	stream_id to = s->a % 2 == 0 ? w.puppet.data[s->a / 2 % CHANNEL_COUNT_MAX]
				     : w.puppet.strangers[puppet_stranger(&w.puppet)];

	for (uint32_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(s->d >> (i % 8 * 8));
	}
	bytes[0] = s->a % 4 == 1 ? 'G' : s->a % 8 == 3 ? 0x16 : bytes[0];
	run(3, 100);
	puppet_bytes(&w.puppet, to, bytes, 1u + s->b % sizeof(bytes));
	run(2, 100);
}

static void do_cut(const struct step *s)
{
	stream_id which = s->a % 2 == 0 ? w.puppet.control : w.puppet.data[s->a / 2 % CHANNEL_COUNT_MAX];

	if ((s->b & 2) != 0 && s->a % 2 == 0 && w.puppet.established && w.puppet.id != TLS_NONE) {
		w.puppet.tls.ops->close(w.puppet.tls.ctx, w.puppet.id);
		puppet_poll(&w.puppet);
	}
	puppet_end(&w.puppet, which, (s->b & 1) != 0);
	run(3, 100);
}

static void do_net(const struct step *s)
{
	static const size_t splits[] = { 0, 1, 2, 31, 32, 33, 48, 1460 };

	w.net.down = s->a % 4 == 3;
	w.net.lose_resets = (s->a & 0x40) != 0;
	w.net.split_max = splits[s->b % ARRAY_SIZE(splits)];
	w.net.latency_us = 50u + s->c % 20000u;
	if (s->a % 8 == 1 && w.net.rule_count < FAKE_RULES_MAX) {
		fake_net_rule(&w.net, &(struct fake_rule){ .fault = (enum fake_fault)(s->a / 8 % 4),
					      .conn = FAKE_ANY_CONN,
					      .dir = FAKE_FORWARD,
					      .at = s->d % 100000u,
					      .mask = (uint8_t)(1u << s->a % 8) });
	}
}

static void do_step(const struct step *s)
{
	static const uint64_t waits[] = { 100, 1000, 20000, 200000, 1000000, 5000000 };

	switch (s->op % 20) {
	case 0:
		if (s->a >= 128) {
			in_a_row = s->a % 32;
		} else {
			in_a_row = 0;
			run(1u + s->a % 16, waits[s->b % ARRAY_SIZE(waits)]);
		}
		break;
	case 1:
		do_control(s);
		break;
	case 2:
		do_hello(s);
		break;
	case 3:
		do_join(s);
		break;
	case 4:
		send_pages(s->a % CHANNEL_COUNT_MAX, s->c % (HOST_PAGES + 8u), 1u + s->b % FRAME_PAGE_ENTRIES_MAX, s->d,
			(uint8_t)s->b);
		break;
	case 5:
		send_record(s->a % 6, (uint8_t)s->b);
		break;
	case 6:
		send_image(s->a % 4 == 3 ? s->a / 4 % DEVICE_COUNT_MAX : 0, s->b == 0 ? DEVICE_CHUNK_BYTES : s->b);
		break;
	case 7:
		send_totals(s->a % LINK_STREAM_COUNT);
		break;
	case 8:
		send_ctrl((uint16_t)(CTRL_FIRST + s->a % (CTRL_END - CTRL_FIRST)), s->d);
		break;
	case 9:
		do_session_message(s);
		break;
	case 10: {
		uint8_t bytes[8];

		store_le64(bytes, s->d);
		puppet_raw(&w.puppet, bytes, 1u + s->a % 8);
		run(2, 100);
		break;
	}
	case 11:
		do_bytes(s);
		break;
	case 12:
		do_cut(s);
		break;
	case 13:
	case 14:
		edits_add(&w.puppet.edits, s);
		break;
	case 15:
		do_net(s);
		break;
	case 16:
		host_operator(&w.host, s->a);
		run(2, 100);
		break;
	case 17:
		do_load(s);
		break;
	case 18:
		send_ctrl(CTRL_COMMIT, s->d);
		break;
	default:
		/* All that comes before frames, in one step. */
		do_control(s);
		do_hello(&(struct step){ .b = s->b });
		do_join(&(struct step){ .a = 0 });
		run(5, 200);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct step s;

	reset();
	for (uint32_t n = 0; program_step(data, size, n, &s); n++) {
		do_step(&s);
	}
	w.net.down = false;
	w.net.lose_resets = false;
	w.net.split_max = 0;
	w.net.latency_us = 100;
	fake_net_clear_rules(&w.net);
	in_a_row = 0;
	puppet_leave(&w.puppet);
	run(REST_STEPS, 100000);
	run(REST_STEPS, 2000000);
	host_at_rest(&w.host);
	return 0;
}
