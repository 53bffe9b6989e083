# SPDX-License-Identifier: BSD-2-Clause-Patent
unit-tests += tests/unit/board/test_config
tests/unit/board/test_config-src += board/qemu-virt/config.c
unit-tests += tests/unit/board/test_mark_flash
tests/unit/board/test_mark_flash-src += board/qemu-virt/mark_flash.c
