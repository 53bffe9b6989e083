/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "tests/unit/net/tls_fixture.h"

#define NEVER  UINT64_MAX
#define YEAR_S (366 * 86400)

static struct tls_port source_port, destination_port;
static struct credentials source_files, destination_files;
static struct tls_world source_world, destination_world;

static void worlds_reset(void)
{
	source_world = (struct tls_world){ .random_state = 0x1234567890abcdefu };
	destination_world = (struct tls_world){ .random_state = 0xfedcba0987654321u };
}

static void ports_load(const char *source_dir, const char *source, const char *destination_dir, const char *destination)
{
	struct tls_port_config config;

	worlds_reset();
	credentials_load(&source_files, source_dir, source);
	credentials_load(&destination_files, destination_dir, destination);
	config = credentials_config(&source_files, &source_world);
	assert_int_equal(tls_port_init(&source_port, &config), ERR_OK);
	config = credentials_config(&destination_files, &destination_world);
	assert_int_equal(tls_port_init(&destination_port, &config), ERR_OK);
}

static const char *reason(const struct tls_end *end)
{
	return end->tls.ops->reason(end->port, end->id);
}

/* Both ends keep failing the same way and give all memory back. */
static void assert_gives_back(struct tls_pair *pair)
{
	tls_pair_free(pair);
	for (uint32_t i = 0; i < TLS_CONNECTION_COUNT_MAX; i++) {
		assert_int_equal(source_port.connections[i].state, TLS_STATE_FREE);
		assert_int_equal(destination_port.connections[i].state, TLS_STATE_FREE);
	}
}

static void hosts_of_one_ca_establish_and_know_each_other(void **state)
{
	struct tls_pair pair;
	char id[HOST_ID_MAX];

	(void)state;
	ports_load("main", "alpha", "main", "beta");
	tls_pair_open(&pair, &source_port, &destination_port);
	tls_pair_run(&pair, 4096, NEVER, NEVER);
	assert_int_equal(pair.source.err, ERR_OK);
	assert_int_equal(pair.destination.err, ERR_OK);
	assert_int_equal(pair.source.tls.ops->peer_id(&source_port, pair.source.id, id), ERR_OK);
	assert_string_equal(id, "beta");
	assert_int_equal(pair.destination.tls.ops->peer_id(&destination_port, pair.destination.id, id), ERR_OK);
	assert_string_equal(id, "alpha");
	assert_int_equal(pair.destination.tls.ops->own_id(&destination_port, id), ERR_OK);
	assert_string_equal(id, "beta");
	assert_gives_back(&pair);
	print_message("arena peak: source %u, destination %u, shared %u bytes\n", source_port.peak_bytes,
		destination_port.peak_bytes, source_port.shared.peak_bytes);
	assert_in_range(source_port.peak_bytes, 1, TLS_ARENA_BYTES * 4 / 5);
	assert_in_range(destination_port.peak_bytes, 1, TLS_ARENA_BYTES * 4 / 5);
}

static void bytes_one_by_one_make_the_same_handshake(void **state)
{
	struct tls_pair pair;

	(void)state;
	ports_load("main", "alpha", "main", "beta");
	tls_pair_open(&pair, &source_port, &destination_port);
	tls_pair_run(&pair, 1, NEVER, NEVER);
	assert_int_equal(pair.source.err, ERR_OK);
	assert_int_equal(pair.destination.err, ERR_OK);
	assert_gives_back(&pair);
}

static void exporter_agrees_and_depends_on_label_context_and_connection(void **state)
{
	struct tls_pair pair, other;
	const uint8_t context[] = { 1, 2, 3 };
	uint8_t a[48], b[48], c[48];

	(void)state;
	ports_load("main", "alpha", "main", "beta");
	tls_pair_open(&pair, &source_port, &destination_port);
	assert_int_equal(pair.source.tls.ops->exporter(&source_port, pair.source.id, "x", context, 3, a, sizeof(a)),
		ERR_BAD_STATE);
	tls_pair_run(&pair, 4096, NEVER, NEVER);
	tls_pair_open(&other, &source_port, &destination_port);
	tls_pair_run(&other, 4096, NEVER, NEVER);
	assert_int_equal(pair.source.tls.ops->exporter(
				 &source_port, pair.source.id, "EXPORTER-godwit-test", context, 3, a, sizeof(a)),
		ERR_OK);
	assert_int_equal(pair.destination.tls.ops->exporter(&destination_port, pair.destination.id,
				 "EXPORTER-godwit-test", context, 3, b, sizeof(b)),
		ERR_OK);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(pair.source.tls.ops->exporter(
				 &source_port, pair.source.id, "EXPORTER-godwit-other", context, 3, c, sizeof(c)),
		ERR_OK);
	assert_memory_not_equal(a, c, sizeof(a));
	assert_int_equal(pair.source.tls.ops->exporter(
				 &source_port, pair.source.id, "EXPORTER-godwit-test", context, 2, c, sizeof(c)),
		ERR_OK);
	assert_memory_not_equal(a, c, sizeof(a));
	assert_int_equal(other.source.tls.ops->exporter(
				 &source_port, other.source.id, "EXPORTER-godwit-test", context, 3, c, sizeof(c)),
		ERR_OK);
	assert_memory_not_equal(a, c, sizeof(a));
	tls_pair_free(&other);
	assert_gives_back(&pair);
}

/* One end refuses with words; the alert reaches the other end, which then knows too. */
static void assert_destination_refuses(const char *words, const char *told)
{
	struct tls_pair pair;
	uint8_t byte;
	size_t len;

	tls_pair_open(&pair, &source_port, &destination_port);
	tls_pair_run(&pair, 4096, NEVER, NEVER);
	assert_int_equal(pair.destination.err, ERR_AUTH);
	if (strstr(reason(&pair.destination), words) == NULL) {
		fail_msg("reason is: %s", reason(&pair.destination));
	}
	/* A TLS 1.3 client may be done already: it learns of the refusal on its next read. */
	if (pair.source.err == ERR_OK) {
		assert_int_equal(pair.source.tls.ops->read(&source_port, pair.source.id, &byte, 1, &len), ERR_AUTH);
	} else {
		assert_int_equal(pair.source.err, ERR_AUTH);
	}
	if (strstr(reason(&pair.source), told) == NULL) {
		fail_msg("source was told: %s", reason(&pair.source));
	}
	assert_gives_back(&pair);
}

static void assert_source_refuses(const char *words, const char *told)
{
	struct tls_pair pair;

	tls_pair_open(&pair, &source_port, &destination_port);
	tls_pair_run(&pair, 4096, NEVER, NEVER);
	assert_int_equal(pair.source.err, ERR_AUTH);
	if (strstr(reason(&pair.source), words) == NULL) {
		fail_msg("reason is: %s", reason(&pair.source));
	}
	assert_int_equal(pair.destination.err, ERR_AUTH);
	if (strstr(reason(&pair.destination), told) == NULL) {
		fail_msg("destination was told: %s", reason(&pair.destination));
	}
	assert_gives_back(&pair);
}

static void certificate_of_another_ca_is_refused_by_either_end(void **state)
{
	(void)state;
	ports_load("main", "alpha", "other", "mallory");
	assert_source_refuses("not signed by our CA", "not signed by its CA");
	/* The destination trusts main's CA; the source shows another CA's certificate and trusts anything of main. */
	ports_load("other", "mallory", "main", "beta");
	memcpy(source_files.ca, destination_files.ca, sizeof(source_files.ca));
	source_files.ca_bytes = destination_files.ca_bytes;
	{
		struct tls_port_config config = credentials_config(&source_files, &source_world);

		assert_int_equal(tls_port_init(&source_port, &config), ERR_OK);
	}
	assert_destination_refuses("not signed by our CA", "not signed by its CA");
}

static void expired_certificate_is_refused_by_either_end(void **state)
{
	(void)state;
	ports_load("main", "alpha", "main", "expired");
	assert_source_refuses("peer \"expired\": certificate expired", "our certificate expired");
	ports_load("main", "expired", "main", "beta");
	assert_destination_refuses("certificate expired", "our certificate expired");
}

static void clock_outside_the_validity_refuses(void **state)
{
	(void)state;
	ports_load("main", "alpha", "main", "beta");
	source_world.clock_offset_s = -20 * (int64_t)YEAR_S;
	assert_source_refuses("not valid yet", "");
	ports_load("main", "alpha", "main", "beta");
	destination_world.clock_offset_s = 2 * (int64_t)YEAR_S;
	assert_destination_refuses("certificate expired", "our certificate expired");
}

static void certificate_without_the_role_is_refused_by_either_end(void **state)
{
	(void)state;
	ports_load("main", "alpha", "main", "only-source");
	assert_source_refuses("lacks role destination", "lacks the role");
	ports_load("main", "only-destination", "main", "beta");
	assert_destination_refuses("lacks role source", "lacks the role");
	ports_load("main", "no-role", "main", "beta");
	assert_destination_refuses("lacks role source", "lacks the role");
	ports_load("main", "only-source", "main", "only-destination");
	hosts_of_one_ca_establish_and_know_each_other(state);
}

static void client_without_certificate_is_refused(void **state)
{
	(void)state;
	ports_load("main", "alpha", "main", "beta");
	source_port.client.MBEDTLS_PRIVATE(key_cert) = NULL;
	assert_destination_refuses("no certificate", "");
}

static void peer_without_our_protocol_name_is_refused(void **state)
{
	static const char *other[] = { "h2", NULL };
	struct tls_pair pair;

	(void)state;
	ports_load("main", "alpha", "main", "beta");
	source_port.client.MBEDTLS_PRIVATE(alpn_list) = other;
	assert_destination_refuses("does not speak godwit/1", "");
	/* None offered at all. */
	ports_load("main", "alpha", "main", "beta");
	source_port.client.MBEDTLS_PRIVATE(alpn_list) = NULL;
	tls_pair_open(&pair, &source_port, &destination_port);
	tls_pair_run(&pair, 4096, NEVER, NEVER);
	assert_int_equal(pair.source.err, ERR_AUTH);
	assert_int_equal(pair.destination.err, ERR_AUTH);
	assert_gives_back(&pair);
}

/* A TLS 1.2 ClientHello: no supported_versions; secp256r1, ecdsa_secp256r1_sha256. */
static const uint8_t hello_tls12[] = {
	0x16,
	0x03,
	0x01,
	0x00,
	0x43,
	0x01,
	0x00,
	0x00,
	0x3f,
	0x03,
	0x03,
	1,
	2,
	3,
	4,
	5,
	6,
	7,
	8,
	9,
	10,
	11,
	12,
	13,
	14,
	15,
	16,
	17,
	18,
	19,
	20,
	21,
	22,
	23,
	24,
	25,
	26,
	27,
	28,
	29,
	30,
	31,
	32,
	0x00,
	0x00,
	0x02,
	0xc0,
	0x2b,
	0x01,
	0x00,
	0x00,
	0x14,
	0x00,
	0x0a,
	0x00,
	0x04,
	0x00,
	0x02,
	0x00,
	0x17,
	0x00,
	0x0d,
	0x00,
	0x08,
	0x00,
	0x06,
	0x04,
	0x03,
	0x08,
	0x04,
	0x04,
	0x01,
};

static void tls12_client_is_refused_by_name(void **state)
{
	struct tls_port *p = &destination_port;
	struct tls tls = tls_port_tls(p);
	enum err err = ERR_AGAIN;
	uint8_t alert[64];
	size_t len;
	tls_id id;

	(void)state;
	ports_load("main", "alpha", "main", "beta");
	assert_int_equal(tls.ops->open(p, TLS_DESTINATION, &id), ERR_OK);
	assert_int_equal(tls.ops->push(p, id, hello_tls12, sizeof(hello_tls12), &len), ERR_OK);
	for (int i = 0; i < 10 && err == ERR_AGAIN; i++) {
		err = tls.ops->step(p, id);
	}
	assert_int_equal(err, ERR_AUTH);
	assert_string_equal(tls.ops->reason(p, id), "peer speaks TLS 1.2 or older");
	assert_int_equal(tls.ops->pull(p, id, alert, sizeof(alert), &len), ERR_OK);
	assert_int_equal(len, 7);
	assert_int_equal(alert[0], 0x15);
	assert_int_equal(alert[6], 70); /* protocol_version */
	tls.ops->free(p, id);
}

static void garbage_instead_of_tls_is_refused(void **state)
{
	static const uint8_t garbage[] = "GET / HTTP/1.1\r\nHost: beta\r\n\r\n";
	struct tls_port *p = &destination_port;
	struct tls tls = tls_port_tls(p);
	enum err err = ERR_AGAIN;
	size_t len;
	tls_id id;

	(void)state;
	ports_load("main", "alpha", "main", "beta");
	assert_int_equal(tls.ops->open(p, TLS_DESTINATION, &id), ERR_OK);
	assert_int_equal(tls.ops->push(p, id, garbage, sizeof(garbage), &len), ERR_OK);
	for (int i = 0; i < 10 && err == ERR_AGAIN; i++) {
		err = tls.ops->step(p, id);
	}
	assert_int_equal(err, ERR_LOST);
	assert_string_not_equal(tls.ops->reason(p, id), "");
	tls.ops->free(p, id);
}

/* Cut each direction after every so many bytes: never established on the cut side's peer, always an error with words. */
static void handshake_cut_anywhere_is_lost_with_a_reason(void **state)
{
	struct tls_pair pair;
	uint64_t source_bytes, destination_bytes;

	(void)state;
	ports_load("main", "alpha", "main", "beta");
	tls_pair_open(&pair, &source_port, &destination_port);
	tls_pair_run(&pair, 4096, NEVER, NEVER);
	source_bytes = pair.source.sent_bytes;
	destination_bytes = pair.destination.sent_bytes;
	tls_pair_free(&pair);
	for (uint64_t cut = 0; cut < source_bytes; cut += 61) {
		tls_pair_open(&pair, &source_port, &destination_port);
		tls_pair_run(&pair, 4096, cut, NEVER);
		assert_int_equal(pair.destination.err, ERR_LOST);
		assert_string_not_equal(reason(&pair.destination), "");
		assert_gives_back(&pair);
	}
	for (uint64_t cut = 0; cut < destination_bytes; cut += 61) {
		tls_pair_open(&pair, &source_port, &destination_port);
		tls_pair_run(&pair, 4096, NEVER, cut);
		assert_int_equal(pair.source.err, ERR_LOST);
		assert_string_not_equal(reason(&pair.source), "");
		assert_gives_back(&pair);
	}
}

/* Every byte of the client's first flight, and a sample of the rest, flipped: never an established pair, never a crash. */
static void flipped_byte_never_establishes(void **state)
{
	(void)state;
	ports_load("main", "alpha", "main", "beta");
	for (size_t at = 5; at < 400; at += 7) {
		struct tls_pair pair;
		uint8_t flight[2048];
		size_t len = 0, taken;

		tls_pair_open(&pair, &source_port, &destination_port);
		for (int i = 0; i < 4; i++) {
			(void)pair.source.tls.ops->step(&source_port, pair.source.id);
		}
		assert_int_equal(
			pair.source.tls.ops->pull(&source_port, pair.source.id, flight, sizeof(flight), &len), ERR_OK);
		if (at < len) {
			flight[at] ^= 0x40;
			assert_int_equal(pair.destination.tls.ops->push(
						 &destination_port, pair.destination.id, flight, len, &taken),
				ERR_OK);
			tls_pair_run(&pair, 4096, NEVER, NEVER);
			assert_int_not_equal(pair.destination.err, ERR_OK);
		}
		assert_gives_back(&pair);
	}
}

static void messages_arrive_whole_and_in_order(void **state)
{
	struct tls_pair pair;
	uint8_t out[CTRL_MSG_BYTES], in[CTRL_MSG_BYTES];

	(void)state;
	ports_load("main", "alpha", "main", "beta");
	tls_pair_open(&pair, &source_port, &destination_port);
	assert_int_equal(pair.source.tls.ops->write(&source_port, pair.source.id, out, 1), ERR_BAD_STATE);
	tls_pair_run(&pair, 4096, NEVER, NEVER);
	for (uint32_t len = 1; len <= CTRL_MSG_BYTES;
		len = len * 3 + 1 > CTRL_MSG_BYTES && len < CTRL_MSG_BYTES ? CTRL_MSG_BYTES : len * 3 + 1) {
		size_t at = 0;

		memset(out, (int)len, sizeof(out));
		assert_int_equal(pair.source.tls.ops->write(&source_port, pair.source.id, out, len), ERR_OK);
		for (int round = 0; round < 64 && at < len; round++) {
			size_t got;
			enum err err;

			tls_pair_run(&pair, 1500, NEVER, NEVER);
			err = pair.destination.tls.ops->read(
				&destination_port, pair.destination.id, in + at, sizeof(in) - at, &got);
			assert_true(err == ERR_OK || err == ERR_AGAIN);
			at += got;
		}
		assert_int_equal(at, len);
		assert_memory_equal(in, out, len);
	}
	assert_gives_back(&pair);
}

static void write_is_refused_whole_when_output_waits(void **state)
{
	struct tls_pair pair;
	uint8_t out[CTRL_MSG_BYTES] = { 0 };
	uint32_t accepted = 0;
	enum err err = ERR_AGAIN;
	size_t arrived = 0;

	(void)state;
	ports_load("main", "alpha", "main", "beta");
	tls_pair_open(&pair, &source_port, &destination_port);
	tls_pair_run(&pair, 4096, NEVER, NEVER);
	while (pair.source.tls.ops->write(&source_port, pair.source.id, out, sizeof(out)) == ERR_OK && accepted < 10) {
		accepted++;
	}
	assert_int_equal(accepted, 2);
	assert_int_equal(pair.source.tls.ops->write(&source_port, pair.source.id, out, sizeof(out)), ERR_FULL);
	/* close_notify still fits. */
	pair.source.tls.ops->close(&source_port, pair.source.id);
	for (int i = 0; i < 100 && err != ERR_END; i++) {
		size_t got = 0;

		tls_pair_run(&pair, 4096, NEVER, NEVER);
		err = pair.destination.tls.ops->read(&destination_port, pair.destination.id, out, sizeof(out), &got);
		arrived += got;
	}
	assert_int_equal(err, ERR_END);
	assert_int_equal(arrived, accepted * sizeof(out));
	assert_gives_back(&pair);
}

static void orderly_end_differs_from_a_cut(void **state)
{
	struct tls_pair pair;
	uint8_t byte;
	size_t len;

	(void)state;
	ports_load("main", "alpha", "main", "beta");
	tls_pair_open(&pair, &source_port, &destination_port);
	tls_pair_run(&pair, 4096, NEVER, NEVER);
	pair.source.tls.ops->close(&source_port, pair.source.id);
	tls_pair_run(&pair, 4096, NEVER, NEVER);
	assert_int_equal(
		pair.destination.tls.ops->read(&destination_port, pair.destination.id, &byte, 1, &len), ERR_END);
	assert_int_equal(
		pair.destination.tls.ops->read(&destination_port, pair.destination.id, &byte, 1, &len), ERR_END);
	assert_gives_back(&pair);

	tls_pair_open(&pair, &source_port, &destination_port);
	tls_pair_run(&pair, 4096, NEVER, NEVER);
	pair.destination.tls.ops->push_eof(&destination_port, pair.destination.id);
	assert_int_equal(
		pair.destination.tls.ops->read(&destination_port, pair.destination.id, &byte, 1, &len), ERR_LOST);
	assert_string_equal(reason(&pair.destination), "connection cut");
	assert_gives_back(&pair);
}

/* Found by fuzzing: a message written after close() went out behind close_notify, where a peer never reads it. */
static void nothing_is_written_after_close_and_reading_goes_on(void **state)
{
	struct tls_pair pair;
	uint8_t bytes[8], byte;
	size_t len;

	(void)state;
	ports_load("main", "alpha", "main", "beta");
	tls_pair_open(&pair, &source_port, &destination_port);
	tls_pair_run(&pair, 4096, NEVER, NEVER);
	pair.source.tls.ops->close(&source_port, pair.source.id);
	pair.source.tls.ops->close(&source_port, pair.source.id); /* harmless */
	assert_int_equal(
		pair.source.tls.ops->write(&source_port, pair.source.id, (const uint8_t *)"late", 4), ERR_LOST);
	assert_int_equal(
		pair.destination.tls.ops->write(&destination_port, pair.destination.id, (const uint8_t *)"hello", 5),
		ERR_OK);
	tls_pair_run(&pair, 4096, NEVER, NEVER);
	assert_int_equal(pair.source.tls.ops->read(&source_port, pair.source.id, bytes, sizeof(bytes), &len), ERR_OK);
	assert_int_equal(len, 5);
	assert_int_equal(
		pair.destination.tls.ops->read(&destination_port, pair.destination.id, &byte, 1, &len), ERR_END);
	assert_gives_back(&pair);
}

static void changed_record_is_lost(void **state)
{
	struct tls_pair pair;
	uint8_t record[256], byte;
	size_t len, taken;

	(void)state;
	ports_load("main", "alpha", "main", "beta");
	tls_pair_open(&pair, &source_port, &destination_port);
	tls_pair_run(&pair, 4096, NEVER, NEVER);
	assert_int_equal(pair.source.tls.ops->write(&source_port, pair.source.id, (const uint8_t *)"hello", 5), ERR_OK);
	assert_int_equal(pair.source.tls.ops->pull(&source_port, pair.source.id, record, sizeof(record), &len), ERR_OK);
	record[len - 1] ^= 1;
	assert_int_equal(
		pair.destination.tls.ops->push(&destination_port, pair.destination.id, record, len, &taken), ERR_OK);
	assert_int_equal(
		pair.destination.tls.ops->read(&destination_port, pair.destination.id, &byte, 1, &len), ERR_LOST);
	assert_string_equal(reason(&pair.destination), "a TLS record does not authenticate");
	assert_gives_back(&pair);
}

static void connections_are_admitted_up_to_the_number_of_arenas(void **state)
{
	struct tls tls = tls_port_tls(&source_port);
	tls_id ids[TLS_CONNECTION_COUNT_MAX], more;

	(void)state;
	ports_load("main", "alpha", "main", "beta");
	for (uint32_t i = 0; i < TLS_CONNECTION_COUNT_MAX; i++) {
		assert_int_equal(tls.ops->open(&source_port, TLS_SOURCE, &ids[i]), ERR_OK);
	}
	assert_int_equal(tls.ops->open(&source_port, TLS_SOURCE, &more), ERR_FULL);
	tls.ops->free(&source_port, ids[1]);
	assert_int_equal(tls.ops->open(&source_port, TLS_DESTINATION, &more), ERR_OK);
	/* The old handle of the reused place is dead. */
	assert_int_not_equal(more, ids[1]);
	assert_int_equal(tls.ops->step(&source_port, ids[1]), ERR_LOST);
	assert_string_equal(tls.ops->reason(&source_port, ids[1]), "no such TLS connection");
	tls.ops->free(&source_port, ids[1]);
	assert_int_equal(tls.ops->step(&source_port, more), ERR_AGAIN);
	tls.ops->free(&source_port, ids[0]);
	tls.ops->free(&source_port, more);
	tls.ops->free(&source_port, ids[2]);
}

/* Shrink one end's arena step by step: the handshake fails with words at every size until it fits, and leaks nothing. */
static void exhausted_arena_is_an_error_at_every_size(void **state)
{
	uint32_t failed = 0, established = 0;

	(void)state;
	ports_load("main", "alpha", "main", "beta");
	for (uint32_t bytes = 18 * 1024; bytes < 28 * 1024; bytes += 256) {
		struct tls_pair pair;
		struct arena *a = &destination_port.connections[0].arena;

		tls_pair_open(&pair, &source_port, &destination_port);
		if (a->used_bytes + ARENA_BYTES_MIN < bytes) {
			/* What is beyond stays one block that nobody frees before the end. */
			void *rest = arena_calloc(a, 1, TLS_ARENA_BYTES - bytes);

			assert_non_null(rest);
			tls_pair_run(&pair, 4096, NEVER, NEVER);
			if (pair.destination.err == ERR_OK) {
				established++;
			} else {
				failed++;
				assert_int_equal(pair.destination.err, ERR_LOST);
				assert_non_null(strstr(reason(&pair.destination), "memory"));
			}
			arena_free(a, rest);
		}
		assert_gives_back(&pair);
	}
	assert_true(failed > 0);
	assert_true(established > 0);
}

static void without_clock_entropy_or_credentials_nothing_opens(void **state)
{
	struct tls tls = tls_port_tls(&source_port);
	struct tls_port_config config;
	tls_id id;

	(void)state;
	ports_load("main", "alpha", "main", "beta");
	source_world.clock_broken = true;
	assert_int_equal(tls.ops->open(&source_port, TLS_SOURCE, &id), ERR_UNSUPPORTED);
	source_world.clock_broken = false;
	source_world.random_broken = true;
	assert_int_equal(tls.ops->open(&source_port, TLS_SOURCE, &id), ERR_UNSUPPORTED);
	config = credentials_config(&source_files, &source_world);
	assert_int_equal(tls_port_init(&source_port, &config), ERR_UNSUPPORTED);
	source_world.random_broken = false;
	/* The key of another host. */
	config = credentials_config(&source_files, &source_world);
	config.key = destination_files.key;
	config.key_bytes = destination_files.key_bytes;
	assert_int_equal(tls_port_init(&source_port, &config), ERR_MISMATCH);
	assert_non_null(strstr(tls_port_reason(&source_port), "key"));
	assert_int_equal(tls.ops->open(&source_port, TLS_SOURCE, &id), ERR_UNSUPPORTED);
	/* Every truncation of every file. */
	for (size_t len = 0; len < source_files.cert_bytes; len += 13) {
		config = credentials_config(&source_files, &source_world);
		config.cert_bytes = len;
		assert_int_not_equal(tls_port_init(&source_port, &config), ERR_OK);
	}
	for (size_t len = 0; len < source_files.key_bytes; len += 7) {
		config = credentials_config(&source_files, &source_world);
		config.key_bytes = len;
		assert_int_not_equal(tls_port_init(&source_port, &config), ERR_OK);
	}
}

static void entropy_lost_during_the_handshake_fails_it(void **state)
{
	struct tls_pair pair;

	(void)state;
	ports_load("main", "alpha", "main", "beta");
	tls_pair_open(&pair, &source_port, &destination_port);
	destination_world.random_broken = true;
	tls_pair_run(&pair, 4096, NEVER, NEVER);
	assert_int_not_equal(pair.destination.err, ERR_OK);
	assert_int_not_equal(pair.destination.err, ERR_AGAIN);
	assert_gives_back(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_of_one_ca_establish_and_know_each_other),
		cmocka_unit_test(bytes_one_by_one_make_the_same_handshake),
		cmocka_unit_test(exporter_agrees_and_depends_on_label_context_and_connection),
		cmocka_unit_test(certificate_of_another_ca_is_refused_by_either_end),
		cmocka_unit_test(expired_certificate_is_refused_by_either_end),
		cmocka_unit_test(clock_outside_the_validity_refuses),
		cmocka_unit_test(certificate_without_the_role_is_refused_by_either_end),
		cmocka_unit_test(client_without_certificate_is_refused),
		cmocka_unit_test(peer_without_our_protocol_name_is_refused),
		cmocka_unit_test(tls12_client_is_refused_by_name),
		cmocka_unit_test(garbage_instead_of_tls_is_refused),
		cmocka_unit_test(handshake_cut_anywhere_is_lost_with_a_reason),
		cmocka_unit_test(flipped_byte_never_establishes),
		cmocka_unit_test(messages_arrive_whole_and_in_order),
		cmocka_unit_test(write_is_refused_whole_when_output_waits),
		cmocka_unit_test(orderly_end_differs_from_a_cut),
		cmocka_unit_test(nothing_is_written_after_close_and_reading_goes_on),
		cmocka_unit_test(changed_record_is_lost),
		cmocka_unit_test(connections_are_admitted_up_to_the_number_of_arenas),
		cmocka_unit_test(exhausted_arena_is_an_error_at_every_size),
		cmocka_unit_test(without_clock_entropy_or_credentials_nothing_opens),
		cmocka_unit_test(entropy_lost_during_the_handshake_fails_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
