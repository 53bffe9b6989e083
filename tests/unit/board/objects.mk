# SPDX-License-Identifier: BSD-2-Clause-Patent
unit-tests += tests/unit/board/test_config
tests/unit/board/test_config-src += board/qemu-virt/config.c
