/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "net/mbedtls/hooks.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <mbedtls/build_info.h>
#include <mbedtls/platform_time.h>
#include <mbedtls/platform_util.h>
#include <psa/crypto.h>

#include "core/base/assert.h"
#include "core/base/fmt.h"

static const struct mbedtls_env *current;

void mbedtls_env_enter(const struct mbedtls_env *env)
{
	ASSERT(current == NULL && env->arena != NULL);
	current = env;
}

void mbedtls_env_leave(void)
{
	ASSERT(current != NULL);
	current = NULL;
}

void *mbedtls_hook_calloc(size_t count, size_t size_bytes)
{
	return current == NULL ? NULL : arena_calloc(current->arena, count, size_bytes);
}

void mbedtls_hook_free(void *p)
{
	if (p == NULL) {
		return;
	}
	ASSERT(current != NULL);
	if (arena_holds(current->arena, p)) {
		arena_free(current->arena, p);
		return;
	}
	ASSERT(current->shared != NULL);
	arena_free(current->shared, p);
}

int mbedtls_hook_snprintf(char *out, size_t cap, const char *format, ...)
{
	va_list args;
	size_t len;

	va_start(args, format);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	len = vfmt(out, cap, format, args);
#pragma GCC diagnostic pop
	va_end(args);
	return (int)len;
}

/** Without a clock it is the year 1970: no certificate is valid then. */
int64_t mbedtls_hook_time(int64_t *out)
{
	int64_t now_s = 0;

	if (current == NULL || current->wall_clock(current->ctx, &now_s) != ERR_OK) {
		now_s = 0;
	}
	if (out != NULL) {
		*out = now_s;
	}
	return now_s;
}

/** Only differences of minutes matter to the library (ages of tickets, which are off). */
mbedtls_ms_time_t mbedtls_ms_time(void)
{
	return mbedtls_hook_time(NULL) * 1000;
}

/**
 * Civil date from days since 1970-01-01 in the proleptic Gregorian calendar, counted in eras of
 * 400 years that begin on 1 March, so that the leap day is the last of its year.
 */
static void civil_from_days(int64_t days, struct tm *tm)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t day_of_era = z - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153; /* 0 is March */
	int64_t year = year_of_era + era * 400 + (month >= 10 ? 1 : 0);

	tm->tm_mday = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	tm->tm_mon = (int)(month < 10 ? month + 2 : month - 10);
	tm->tm_year = (int)(year - 1900);
}

struct tm *mbedtls_platform_gmtime_r(const mbedtls_time_t *tt, struct tm *tm_buf)
{
	const int64_t day_s = 86400;
	int64_t s = *tt;
	int64_t days = (s >= 0 ? s : s - (day_s - 1)) / day_s;
	int64_t left_s = s - days * day_s;

	memset(tm_buf, 0, sizeof(*tm_buf));
	civil_from_days(days, tm_buf);
	tm_buf->tm_hour = (int)(left_s / 3600);
	tm_buf->tm_min = (int)(left_s / 60 % 60);
	tm_buf->tm_sec = (int)(left_s % 60);
	tm_buf->tm_wday = (int)(((days + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
	return tm_buf;
}

psa_status_t mbedtls_psa_external_get_random(
	mbedtls_psa_external_random_context_t *context, uint8_t *output, size_t output_size, size_t *output_length)
{
	(void)context;
	*output_length = 0;
	if (current == NULL || current->random(current->ctx, output, output_size) != ERR_OK) {
		return PSA_ERROR_INSUFFICIENT_ENTROPY;
	}
	*output_length = output_size;
	return PSA_SUCCESS;
}
