/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* device_conformance [NAME...]: the subjects named, or all. */
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "tests/conformance/conformance.h"

int main(int argc, char **argv)
{
	static const struct conformance_subject *const subjects[] = { &conformance_edu, &conformance_e1000e };
	uint32_t failed = 0, ran = 0;

	for (uint32_t i = 0; i < ARRAY_SIZE(subjects); i++) {
		bool wanted = argc < 2;

		for (int n = 1; n < argc; n++) {
			wanted |= strcmp(argv[n], subjects[i]->name) == 0;
		}
		if (wanted) {
			failed += conformance_run(subjects[i]);
			ran++;
		}
	}
	if (ran == 0) {
		(void)fprintf(stderr, "device_conformance: no such device\n");
	}
	return failed == 0 && ran > 0 ? 0 : 1;
}
