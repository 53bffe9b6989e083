# SPDX-License-Identifier: BSD-2-Clause-Patent
unit-tests += tests/unit/migration/test_migrate
tests/unit/migration/test_migrate-src := tests/unit/migration/pair.c
unit-tests += tests/unit/migration/test_failures
tests/unit/migration/test_failures-src := tests/unit/migration/pair.c
unit-tests += tests/unit/migration/test_godwit
