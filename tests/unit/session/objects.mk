# SPDX-License-Identifier: BSD-2-Clause-Patent
unit-tests += tests/unit/session/test_credit
unit-tests += tests/unit/session/test_faults
unit-tests += tests/unit/session/test_frame
unit-tests += tests/unit/session/test_handshake
unit-tests += tests/unit/session/test_keys
unit-tests += tests/unit/session/test_link
unit-tests += tests/unit/session/test_message
unit-tests += tests/unit/session/test_recovery

tests/unit/session/test_faults-src := tests/unit/session/two_hosts.c
tests/unit/session/test_handshake-src := tests/unit/session/two_hosts.c
tests/unit/session/test_link-src := tests/unit/session/two_hosts.c
tests/unit/session/test_recovery-src := tests/unit/session/two_hosts.c
