# SPDX-License-Identifier: BSD-2-Clause-Patent

fake-src += tests/fake/fake_mmio.c
