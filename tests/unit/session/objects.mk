# SPDX-License-Identifier: BSD-2-Clause-Patent
unit-tests += tests/unit/session/test_link

tests/unit/session/test_link-src := tests/unit/session/two_hosts.c
