# SPDX-License-Identifier: BSD-2-Clause-Patent
unit-tests += tests/unit/base/test_bitmap
unit-tests += tests/unit/base/test_cursor
unit-tests += tests/unit/base/test_fmt
