/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#define MIGRATION_JSON_CODE
#include "migration/control/json.h"

#include "core/base/text.h"

/* What may come next. jsmn forgives too much, so this table-free automaton goes first. */
enum want {
	WANT_VALUE,
	WANT_VALUE_OR_END, /* after '[' */
	WANT_KEY,
	WANT_KEY_OR_END, /* after '{' */
	WANT_COLON,
	WANT_SEPARATOR, /* ',' or the closing bracket */
	WANT_NOTHING,
};

struct check {
	const char *text;
	size_t len, at;
	enum want want;
	uint32_t depth;
	uint32_t objects; /* bit n: level n is an object */
	const char *error;
};

_Static_assert(JSON_DEPTH_MAX <= 32, "one bit per level");

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int hex_value(char c)
{
	if (is_digit(c)) {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return -1;
}

/* Length of an escape at s (s[0] is the backslash), 0 when it is none. */
static size_t escape_length(const char *s, size_t len)
{
	static const char simple[] = "\"\\/bfnrt";

	if (len < 2) {
		return 0;
	}
	if (s[1] == 'u') {
		for (size_t i = 2; i < 6; i++) {
			if (i >= len || hex_value(s[i]) < 0) {
				return 0;
			}
		}
		return 6;
	}
	for (size_t i = 0; simple[i] != 0; i++) {
		if (s[1] == simple[i]) {
			return 2;
		}
	}
	return 0;
}

/* From the opening quote to behind the closing one. */
static void check_string(struct check *c)
{
	c->at++;
	while (c->at < c->len) {
		const char *s = c->text + c->at;
		size_t left = c->len - c->at;
		uint32_t code;
		size_t length;

		if (s[0] == '"') {
			c->at++;
			return;
		}
		if ((uint8_t)s[0] < 0x20) {
			c->error = "JSON parse error, control character in string";
			return;
		}
		length = s[0] == '\\' ? escape_length(s, left) : utf8_next((const uint8_t *)s, left, &code);
		if (length == 0) {
			c->error = s[0] == '\\' ? "JSON parse error, invalid escape sequence in string"
						: "JSON parse error, invalid UTF-8 sequence in string";
			return;
		}
		c->at += length;
	}
	c->error = "JSON parse error, premature EOI";
}

static bool take_digits(struct check *c)
{
	size_t begin = c->at;

	while (c->at < c->len && is_digit(c->text[c->at])) {
		c->at++;
	}
	return c->at > begin;
}

static bool take_char(struct check *c, char wanted)
{
	if (c->at < c->len && c->text[c->at] == wanted) {
		c->at++;
		return true;
	}
	return false;
}

static void check_number(struct check *c)
{
	bool good;

	(void)take_char(c, '-');
	good = take_char(c, '0') || take_digits(c);
	if (good && take_char(c, '.')) {
		good = take_digits(c);
	}
	if (good && (take_char(c, 'e') || take_char(c, 'E'))) {
		if (!take_char(c, '+')) {
			(void)take_char(c, '-');
		}
		good = take_digits(c);
	}
	if (!good || (c->at < c->len && is_digit(c->text[c->at]))) {
		c->error = "JSON parse error, invalid number";
	}
}

static void check_keyword(struct check *c)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
		size_t len = text_len(words[w], 8), same = 0;

		while (same < len && c->at + same < c->len && c->text[c->at + same] == words[w][same]) {
			same++;
		}
		if (same == len) {
			c->at += len;
			return;
		}
	}
	c->error = "JSON parse error, invalid keyword";
}

static enum want after_value(const struct check *c)
{
	return c->depth == 0 ? WANT_NOTHING : WANT_SEPARATOR;
}

static void check_open(struct check *c, bool object)
{
	if (c->depth == JSON_DEPTH_MAX) {
		c->error = "JSON nesting depth limit exceeded";
		return;
	}
	c->objects = object ? c->objects | (1u << c->depth) : c->objects & ~(1u << c->depth);
	c->depth++;
	c->at++;
	c->want = object ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
}

static bool in_object(const struct check *c)
{
	return c->depth > 0 && ((c->objects >> (c->depth - 1)) & 1u) != 0;
}

static void check_close(struct check *c)
{
	c->depth--;
	c->at++;
	c->want = after_value(c);
}

static void check_value(struct check *c, char ch)
{
	if (ch == '{' || ch == '[') {
		check_open(c, ch == '{');
		return;
	}
	if (ch == '"') {
		check_string(c);
	} else if (ch == '-' || is_digit(ch)) {
		check_number(c);
	} else if (ch >= 'a' && ch <= 'z') {
		check_keyword(c);
	} else {
		c->error = "JSON parse error, expecting value";
	}
	c->want = after_value(c);
}

static void check_key(struct check *c, char ch)
{
	if (ch != '"') {
		c->error = "JSON parse error, key is not a string in object";
		return;
	}
	check_string(c);
	c->want = WANT_COLON;
}

static void check_separator(struct check *c, char ch)
{
	if (ch == (in_object(c) ? '}' : ']')) {
		check_close(c);
	} else if (ch == ',') {
		c->at++;
		c->want = in_object(c) ? WANT_KEY : WANT_VALUE;
	} else {
		c->error = in_object(c) ? "JSON parse error, expected separator in dict"
					: "JSON parse error, expected separator in list";
	}
}

/* Moves at least one byte on, or sets error. */
static void check_step(struct check *c)
{
	char ch = c->text[c->at];

	if (is_space(ch)) {
		c->at++;
		return;
	}
	switch (c->want) {
	case WANT_VALUE_OR_END:
		if (ch == ']') {
			check_close(c);
			break;
		}
		check_value(c, ch);
		break;
	case WANT_VALUE:
		check_value(c, ch);
		break;
	case WANT_KEY_OR_END:
		if (ch == '}') {
			check_close(c);
			break;
		}
		check_key(c, ch);
		break;
	case WANT_KEY:
		check_key(c, ch);
		break;
	case WANT_COLON:
		if (!take_char(c, ':')) {
			c->error = "JSON parse error, missing : in object pair";
		}
		c->want = WANT_VALUE;
		break;
	case WANT_SEPARATOR:
		check_separator(c, ch);
		break;
	case WANT_NOTHING:
		c->error = "JSON parse error, more than one value";
		break;
	}
}

static const char *check_text(const char *text, size_t len_bytes)
{
	struct check c = { .text = text, .len = len_bytes, .want = WANT_VALUE };

	while (c.at < c.len && c.error == NULL) {
		check_step(&c);
	}
	if (c.error == NULL && c.want != WANT_NOTHING) {
		c.error = "JSON parse error, premature EOI";
	}
	return c.error;
}

static bool same_raw(const struct json_doc *doc, int a, int b)
{
	const jsmntok_t *x = &doc->tokens[a], *y = &doc->tokens[b];

	if (x->end - x->start != y->end - y->start) {
		return false;
	}
	for (int i = 0; i < x->end - x->start; i++) {
		if (doc->text[x->start + i] != doc->text[y->start + i]) {
			return false;
		}
	}
	return true;
}

static bool is_key(const struct json_doc *doc, int token)
{
	int parent = doc->tokens[token].parent;

	return parent >= 0 && doc->tokens[parent].type == JSMN_OBJECT;
}

static bool has_duplicate_key(const struct json_doc *doc)
{
	for (int a = 0; a < doc->count; a++) {
		if (!is_key(doc, a)) {
			continue;
		}
		for (int b = json_next(doc, a); b != JSON_NONE; b = json_next(doc, b)) {
			if (same_raw(doc, a, b)) {
				return true;
			}
		}
	}
	return false;
}

const char *json_parse(struct json_doc *doc, const char *text, size_t len_bytes)
{
	const char *error = check_text(text, len_bytes);
	jsmn_parser parser;
	int count;

	if (error != NULL) {
		return error;
	}
	jsmn_init(&parser);
	count = jsmn_parse(&parser, text, len_bytes, doc->tokens, QMP_TOKENS_MAX);
	if (count == JSMN_ERROR_NOMEM) {
		return "JSON token count limit exceeded";
	}
	if (count < 1) {
		/* jsmn in strict mode wants a bracket behind a number or keyword: one alone is no request. */
		return "QMP input must be a JSON object";
	}
	doc->text = text;
	doc->count = count;
	if (has_duplicate_key(doc)) {
		return "JSON parse error, duplicate key";
	}
	return NULL;
}

enum json_kind json_kind(const struct json_doc *doc, int token)
{
	const jsmntok_t *t = &doc->tokens[token];

	if (t->type == JSMN_OBJECT) {
		return JSON_OBJECT;
	}
	if (t->type == JSMN_ARRAY) {
		return JSON_ARRAY;
	}
	if (t->type == JSMN_STRING) {
		return JSON_STRING;
	}
	switch (doc->text[t->start]) {
	case 't':
	case 'f':
		return JSON_BOOL;
	case 'n':
		return JSON_NULL;
	default:
		return JSON_NUMBER;
	}
}

int json_first(const struct json_doc *doc, int parent)
{
	return doc->tokens[parent].size > 0 ? parent + 1 : JSON_NONE;
}

int json_next(const struct json_doc *doc, int token)
{
	int parent = doc->tokens[token].parent;

	/* Tokens lie in the order of the text: the next one with the same parent is the sibling. */
	for (int t = token + 1; t < doc->count && doc->tokens[t].parent >= parent; t++) {
		if (doc->tokens[t].parent == parent) {
			return t;
		}
	}
	return JSON_NONE;
}

int json_value(int key)
{
	return key + 1;
}

int json_member(const struct json_doc *doc, int object, const char *name)
{
	for (int key = json_first(doc, object); key != JSON_NONE; key = json_next(doc, key)) {
		if (json_string_is(doc, key, name)) {
			return json_value(key);
		}
	}
	return JSON_NONE;
}

const char *json_raw(const struct json_doc *doc, int token, size_t *len_bytes)
{
	const jsmntok_t *t = &doc->tokens[token];
	int quote = t->type == JSMN_STRING ? 1 : 0;

	*len_bytes = (size_t)(t->end - t->start) + 2u * (size_t)quote;
	return doc->text + t->start - quote;
}

static uint32_t hex4(const char *s)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		v = (v << 4) | (uint32_t)hex_value(s[i]);
	}
	return v;
}

/* One character of checked string text: returns its length in the text, 0 when it stands for nothing we take. */
static size_t decode_char(const char *s, size_t len, uint32_t *code)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	uint32_t low;

	if (s[0] != '\\') {
		return utf8_next((const uint8_t *)s, len, code);
	}
	if (s[1] != 'u') {
		*code = (uint8_t)s[1];
		for (size_t i = 0; from[i] != 0; i++) {
			*code = s[1] == from[i] ? (uint8_t)to[i] : *code;
		}
		return 2;
	}
	*code = hex4(s + 2);
	if (*code == 0 || (*code >= 0xdc00 && *code <= 0xdfff)) {
		return 0;
	}
	if (*code < 0xd800 || *code > 0xdbff) {
		return 6;
	}
	if (len < 12 || s[6] != '\\' || s[7] != 'u') {
		return 0;
	}
	low = hex4(s + 8);
	if (low < 0xdc00 || low > 0xdfff) {
		return 0;
	}
	*code = 0x10000u + ((*code - 0xd800u) << 10) + (low - 0xdc00u);
	return 12;
}

static size_t utf8_put(uint32_t code, char out[4])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | (code >> 6));
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | (code >> 12));
		out[1] = (char)(0x80 | ((code >> 6) & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | (code >> 18));
	out[1] = (char)(0x80 | ((code >> 12) & 0x3f));
	out[2] = (char)(0x80 | ((code >> 6) & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

enum err json_string(const struct json_doc *doc, int token, char *out, size_t cap_bytes)
{
	const jsmntok_t *t = &doc->tokens[token];
	size_t used = 0;
	int at = t->start;

	out[0] = 0;
	while (at < t->end) {
		uint32_t code = 0;
		char bytes[4];
		size_t taken = decode_char(doc->text + at, (size_t)(t->end - at), &code);
		size_t length = utf8_put(code, bytes);

		if (taken == 0) {
			return ERR_BAD_RECORD;
		}
		if (used + length + 1 > cap_bytes) {
			return ERR_RANGE;
		}
		for (size_t i = 0; i < length; i++) {
			out[used++] = bytes[i];
		}
		out[used] = 0;
		at += (int)taken;
	}
	return ERR_OK;
}

bool json_string_is(const struct json_doc *doc, int token, const char *text)
{
	const jsmntok_t *t = &doc->tokens[token];
	int at = t->start;

	if (t->type != JSMN_STRING) {
		return false;
	}
	while (at < t->end) {
		uint32_t code = 0;
		size_t taken = decode_char(doc->text + at, (size_t)(t->end - at), &code);

		if (taken == 0 || *text == 0 || code != (uint8_t)*text) {
			return false;
		}
		text++;
		at += (int)taken;
	}
	return *text == 0;
}

enum err json_u64(const struct json_doc *doc, int token, uint64_t *out)
{
	const jsmntok_t *t = &doc->tokens[token];
	int at = t->start;
	bool negative = doc->text[at] == '-';

	if (json_kind(doc, token) != JSON_NUMBER) {
		return ERR_BAD_RECORD;
	}
	for (int i = at + (negative ? 1 : 0); i < t->end; i++) {
		if (!is_digit(doc->text[i])) {
			return ERR_BAD_RECORD;
		}
	}
	if (negative || !text_to_u64(doc->text + at, (size_t)(t->end - at), out)) {
		return ERR_RANGE;
	}
	return ERR_OK;
}

bool json_bool(const struct json_doc *doc, int token)
{
	return doc->text[doc->tokens[token].start] == 't';
}
