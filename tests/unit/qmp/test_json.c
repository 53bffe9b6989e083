/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migration/control/json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Parses a copy of exactly that length, so that ASan sees a read behind it. */
static const char *parse(struct json_doc *doc, char **copy, const char *text, size_t len)
{
	*copy = malloc(len == 0 ? 1 : len);
	assert_non_null(*copy);
	memcpy(*copy, text, len);
	return json_parse(doc, *copy, len);
}

static void valid_texts_are_taken(void **state)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		" { } ",
		"{\"a\": 1}",
		"{\"a\": [1, -2, 3.5, 1e9, 0, -0, 2E+7, 1.5e-3]}",
		"[[], {}, [[]]]",
		"{\"a\": true, \"b\": false, \"c\": null}",
		"{\"\": \"\"}",
		"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"]",
		"[\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa6\"]",
		"{\"a\":{\"b\":{\"c\":[{}]}}}",
		"\"x\"",
		"[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
		"\n{\r\n\t\"a\"\n:\n1\n}\n",
	};
	struct json_doc doc;
	char *copy;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		const char *error = parse(&doc, &copy, texts[i], strlen(texts[i]));

		if (error != NULL) {
			fail_msg("%s: %s", texts[i], error);
		}
		free(copy);
	}
}

static void broken_texts_are_refused_with_qemus_words(void **state)
{
	static const char *const texts[][2] = {
		{ "", "JSON parse error, premature EOI" },
		{ "{", "JSON parse error, premature EOI" },
		{ "{\"a", "JSON parse error, premature EOI" },
		{ "{\"a\"", "JSON parse error, premature EOI" },
		{ "{\"a\"}", "JSON parse error, missing : in object pair" },
		{ "{\"a\" 1}", "JSON parse error, missing : in object pair" },
		{ "{\"a\": }", "JSON parse error, expecting value" },
		{ "{\"a\": 1,}", "JSON parse error, key is not a string in object" },
		{ "{\"a\": 1 \"b\": 2}", "JSON parse error, expected separator in dict" },
		{ "{1: 2}", "JSON parse error, key is not a string in object" },
		{ "{a: 2}", "JSON parse error, key is not a string in object" },
		{ "{\"a\": 1]", "JSON parse error, expected separator in dict" },
		{ "[1}", "JSON parse error, expected separator in list" },
		{ "[1 2]", "JSON parse error, expected separator in list" },
		{ "[1,]", "JSON parse error, expecting value" },
		{ "[,1]", "JSON parse error, expecting value" },
		{ "[01]", "JSON parse error, invalid number" },
		{ "[-]", "JSON parse error, invalid number" },
		{ "[1.]", "JSON parse error, invalid number" },
		{ "[1e]", "JSON parse error, invalid number" },
		{ "[1e+-2]", "JSON parse error, invalid number" },
		{ "[+1]", "JSON parse error, expecting value" },
		{ "[truth]", "JSON parse error, invalid keyword" },
		{ "[nul]", "JSON parse error, invalid keyword" },
		{ "[truefalse]", "JSON parse error, expected separator in list" },
		{ "['a']", "JSON parse error, expecting value" },
		{ "[\"\\x\"]", "JSON parse error, invalid escape sequence in string" },
		{ "[\"\\u12g4\"]", "JSON parse error, invalid escape sequence in string" },
		{ "[\"\\u12\"]", "JSON parse error, invalid escape sequence in string" },
		{ "[\"a\nb\"]", "JSON parse error, control character in string" },
		{ "[\"\xff\"]", "JSON parse error, invalid UTF-8 sequence in string" },
		{ "[\"\xc0\x80\"]", "JSON parse error, invalid UTF-8 sequence in string" },
		{ "[\"\xed\xa0\x80\"]", "JSON parse error, invalid UTF-8 sequence in string" },
		{ "[\"\xf4\x90\x80\x80\"]", "JSON parse error, invalid UTF-8 sequence in string" },
		{ "[\"\xe2\x82\"]", "JSON parse error, invalid UTF-8 sequence in string" },
		{ "{} {}", "JSON parse error, more than one value" },
		{ "{\"a\": 1, \"a\": 2}", "JSON parse error, duplicate key" },
		{ "{\"x\": {\"a\": [1, {}], \"b\": 1, \"a\": 2}}", "JSON parse error, duplicate key" },
		{ "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", "JSON nesting depth limit exceeded" },
		{ "1", "QMP input must be a JSON object" },
	};
	struct json_doc doc;
	char *copy;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		const char *error = parse(&doc, &copy, texts[i][0], strlen(texts[i][0]));

		if (error == NULL || strcmp(error, texts[i][1]) != 0) {
			fail_msg("%s: %s", texts[i][0], error == NULL ? "taken" : error);
		}
		free(copy);
	}
}

static void every_truncation_is_refused(void **state)
{
	static const char text[] =
		"{\"execute\": \"m\\u00e4\", \"a\": [1.5e3, true, null, {\"\xc3\xa4\": -7}], \"id\": {\"x\": []}}";
	struct json_doc doc;
	char *copy;

	(void)state;
	for (size_t len = 0; len + 1 < sizeof(text); len++) {
		assert_non_null(parse(&doc, &copy, text, len));
		free(copy);
	}
	assert_null(parse(&doc, &copy, text, sizeof(text) - 1));
	free(copy);
}

static void any_byte_in_any_place_is_safe(void **state)
{
	static const char text[] = "{\"a\": [1, \"\\u0041\", {\"b\": null}]}";
	struct json_doc doc;
	char *copy;

	(void)state;
	for (size_t at = 0; at + 1 < sizeof(text); at++) {
		for (int byte = 0; byte < 256; byte++) {
			char changed[sizeof(text)];
			char out[8];

			memcpy(changed, text, sizeof(text));
			changed[at] = (char)byte;
			if (parse(&doc, &copy, changed, sizeof(text) - 1) == NULL) {
				for (int t = 0; t < doc.count; t++) {
					if (json_kind(&doc, t) == JSON_STRING) {
						(void)json_string(&doc, t, out, sizeof(out));
					}
				}
			}
			free(copy);
		}
	}
}

static void too_many_tokens_are_refused(void **state)
{
	char text[2 * QMP_TOKENS_MAX + 8] = "[0";
	struct json_doc doc;
	size_t len = 2;

	(void)state;
	for (unsigned int i = 0; i < QMP_TOKENS_MAX - 2; i++) {
		memcpy(text + len, ",0", 2);
		len += 2;
	}
	text[len] = ']';
	assert_null(json_parse(&doc, text, len + 1));
	memcpy(text + len, ",0]", 3);
	assert_string_equal(json_parse(&doc, text, len + 3), "JSON token count limit exceeded");
}

static void members_are_found_by_decoded_name(void **state)
{
	static const char text[] = "{\"x\": {\"b\": 5}, \"\\u0061\": [7, {\"b\": 6}, 8], \"b\": 9}";
	struct json_doc doc;
	uint64_t value = 0;
	int list, entry;

	(void)state;
	assert_null(json_parse(&doc, text, sizeof(text) - 1));
	assert_int_equal(json_u64(&doc, json_member(&doc, 0, "b"), &value), ERR_OK);
	assert_int_equal(value, 9);
	assert_int_equal(json_member(&doc, 0, "c"), JSON_NONE);
	list = json_member(&doc, 0, "a");
	assert_int_equal(json_kind(&doc, list), JSON_ARRAY);
	entry = json_next(&doc, json_first(&doc, list));
	assert_int_equal(json_kind(&doc, entry), JSON_OBJECT);
	entry = json_next(&doc, entry);
	assert_int_equal(json_u64(&doc, entry, &value), ERR_OK);
	assert_int_equal(value, 8);
	assert_int_equal(json_next(&doc, entry), JSON_NONE);
}

static void integers_are_whole_unsigned_and_bounded(void **state)
{
	static const char text[] = "[0, 18446744073709551615, 18446744073709551616, -1, 1.0, 1e3, \"1\", true]";
	static const enum err expected[] = { ERR_OK, ERR_OK, ERR_RANGE, ERR_RANGE, ERR_BAD_RECORD, ERR_BAD_RECORD,
		ERR_BAD_RECORD, ERR_BAD_RECORD };
	struct json_doc doc;
	size_t i = 0;

	(void)state;
	assert_null(json_parse(&doc, text, sizeof(text) - 1));
	for (int t = json_first(&doc, 0); t != JSON_NONE; t = json_next(&doc, t)) {
		uint64_t value;

		assert_int_equal(json_u64(&doc, t, &value), expected[i++]);
	}
	assert_int_equal(i, COUNT(expected));
}

static void strings_are_decoded_and_bounded(void **state)
{
	static const char text[] = "[\"\\ud83d\\udc26\", \"\\u0000\", \"\\udc00\", \"\\ud800\", \"\\ud800\\u0041\", "
				   "\"abcd\", \"abc\\u00e4\"]";
	static const enum err expected[] = { ERR_OK, ERR_BAD_RECORD, ERR_BAD_RECORD, ERR_BAD_RECORD, ERR_BAD_RECORD,
		ERR_OK, ERR_RANGE };
	static const char *const decoded[] = { "\xf0\x9f\x90\xa6", "", "", "", "", "abcd", "abc" };
	struct json_doc doc;
	size_t i = 0;

	(void)state;
	assert_null(json_parse(&doc, text, sizeof(text) - 1));
	for (int t = json_first(&doc, 0); t != JSON_NONE; t = json_next(&doc, t)) {
		char out[5];

		assert_int_equal(json_string(&doc, t, out, sizeof(out)), expected[i]);
		assert_string_equal(out, decoded[i]);
		i++;
	}
	assert_int_equal(i, COUNT(expected));
}

static void written_strings_are_ascii_with_escapes(void **state)
{
	char buffer[128];
	struct json_out o = json_out_over(buffer, sizeof(buffer) - 1);

	(void)state;
	json_out_string(&o, "a\"\\\n\r\t\x01\x7f\xc3\xa4\xf0\x9f\x90\xa6\xff\xe2\x82");
	assert_false(o.full);
	buffer[o.len_bytes] = 0;
	assert_string_equal(buffer, "\"a\\\"\\\\\\n\\r\\t\\u0001\\u007f\\u00e4\\ud83d\\udc26\\ufffd\\ufffd\\ufffd\"");
}

static void output_that_does_not_fit_is_marked_and_never_overruns(void **state)
{
	(void)state;
	for (size_t cap = 0; cap < 64; cap++) {
		char *buffer = malloc(cap == 0 ? 1 : cap);
		struct json_out o = json_out_over(buffer, cap);

		assert_non_null(buffer);
		json_out_open(&o, '{');
		json_out_key_string(&o, "k\n", "v\"");
		json_out_key_u64(&o, "n", UINT64_MAX);
		json_out_key_bool(&o, "b", true);
		json_out_close(&o, '}');
		assert_true(o.len_bytes <= cap);
		assert_int_equal(
			o.full, cap < strlen("{\"k\\n\": \"v\\\"\", \"n\": 18446744073709551615, \"b\": true}"));
		free(buffer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_texts_are_taken),
		cmocka_unit_test(broken_texts_are_refused_with_qemus_words),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(any_byte_in_any_place_is_safe),
		cmocka_unit_test(too_many_tokens_are_refused),
		cmocka_unit_test(members_are_found_by_decoded_name),
		cmocka_unit_test(integers_are_whole_unsigned_and_bounded),
		cmocka_unit_test(strings_are_decoded_and_bounded),
		cmocka_unit_test(written_strings_are_ascii_with_escapes),
		cmocka_unit_test(output_that_does_not_fit_is_marked_and_never_overruns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
