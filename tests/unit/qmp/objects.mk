# SPDX-License-Identifier: BSD-2-Clause-Patent
# The fake engine stands in the place of the real one, so it is no part of the archive of stand-ins.
unit-tests += tests/unit/qmp/test_json
unit-tests += tests/unit/qmp/test_qmp
unit-tests += tests/unit/qmp/test_query
unit-tests += tests/unit/qmp/test_monitor
tests/unit/qmp/test_qmp-src := tests/fake/fake_engine.c tests/unit/qmp/qmp_client.c
tests/unit/qmp/test_query-src := tests/fake/fake_engine.c tests/unit/qmp/qmp_client.c
tests/unit/qmp/test_monitor-src := tests/fake/fake_engine.c

# QMP over a socket with the fake engine behind it: what tools/ are tried against.
host-progs += tests/unit/qmp/qmp_host
tests/unit/qmp/qmp_host-src := tests/unit/qmp/qmp_host.c tests/fake/fake_engine.c

fuzz-progs += tests/fuzz/fuzz_qmp
tests/fuzz/fuzz_qmp-src := tests/fuzz/fuzz_qmp.c tests/fake/fake_engine.c
