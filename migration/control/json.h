/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * JSON for QMP (RFC 8259): a strict check of the grammar, then jsmn's tokens over the
 * caller's text; and a writer into a bounded buffer. Integers only, no recursion.
 */
#ifndef MIGRATION_JSON_H
#define MIGRATION_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/limits.h"

/* Types here, code in json.c alone. */
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#ifdef MIGRATION_JSON_CODE
#define JSMN_STATIC
#else
#define JSMN_HEADER
#endif
#include <jsmn.h>

/** Objects and arrays inside each other. */
#define JSON_DEPTH_MAX 16u

/** No such token. */
#define JSON_NONE      (-1)

enum json_kind { JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_NUMBER, JSON_BOOL, JSON_NULL };

/** One parsed text. The text is borrowed and must outlive the document. */
struct json_doc {
	const char *text;
	int count; /* tokens in use; 0 is the root */
	jsmntok_t tokens[QMP_TOKENS_MAX];
};

/**
 * Parse one whole JSON value. On success NULL; otherwise QEMU's words for what is wrong,
 * and the document must not be looked at.
 */
const char *json_parse(struct json_doc *doc, const char *text, size_t len_bytes);

/** Kind of a token below doc->count. */
enum json_kind json_kind(const struct json_doc *doc, int token);

/** Value of an object's member, or JSON_NONE. */
int json_member(const struct json_doc *doc, int object, const char *name);

/** First child of an object (a key) or array (a value), or JSON_NONE. */
int json_first(const struct json_doc *doc, int parent);
/** The sibling after a key or an array's value, or JSON_NONE. */
int json_next(const struct json_doc *doc, int token);
/** The value that belongs to a key. */
int json_value(int key);

/** The raw text of a token, strings with their quotes. */
const char *json_raw(const struct json_doc *doc, int token, size_t *len_bytes);

/**
 * Decode a string as UTF-8 with a final zero. ERR_RANGE when it does not fit (out holds what
 * did), ERR_BAD_RECORD for an escaped zero or half a surrogate pair.
 */
enum err json_string(const struct json_doc *doc, int token, char *out, size_t cap_bytes);

/** True when the token is a string of exactly these characters, after escapes. */
bool json_string_is(const struct json_doc *doc, int token, const char *text);

/** ERR_BAD_RECORD when it is not an integer; ERR_RANGE when it is none that fits. */
enum err json_u64(const struct json_doc *doc, int token, uint64_t *out);

/** Kind must be JSON_BOOL. */
bool json_bool(const struct json_doc *doc, int token);

/** Where JSON is written; when it does not fit, full is set and stays. */
struct json_out {
	char *base;
	size_t cap_bytes;
	size_t len_bytes;
	bool full;
	bool comma; /* a comma goes before the next value */
};

struct json_out json_out_over(char *base, size_t cap_bytes);
/** Bytes as they are, no comma before. */
void json_out_raw(struct json_out *o, const char *bytes, size_t len_bytes);
void json_out_open(struct json_out *o, char bracket);
void json_out_close(struct json_out *o, char bracket);
/** A key; its value must follow. */
void json_out_key(struct json_out *o, const char *name);
/** Text in ASCII with escapes; what is not UTF-8 becomes U+FFFD. */
void json_out_string(struct json_out *o, const char *text);
void json_out_u64(struct json_out *o, uint64_t v);
void json_out_bool(struct json_out *o, bool v);
/** Key and value. */
void json_out_key_string(struct json_out *o, const char *name, const char *text);
void json_out_key_u64(struct json_out *o, const char *name, uint64_t v);
void json_out_key_bool(struct json_out *o, const char *name, bool v);

/**
 * One character of UTF-8: its length and *code, or 0 when the bytes are none (overlong,
 * surrogate, beyond U+10FFFF, cut off).
 */
size_t utf8_next(const uint8_t *bytes, size_t len_bytes, uint32_t *code);

#endif
