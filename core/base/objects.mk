# SPDX-License-Identifier: BSD-2-Clause-Patent
base-src += core/base/bitmap.c
base-src += core/base/cursor.c
base-src += core/base/err.c
base-src += core/base/fmt.c
base-src += core/base/owner.c
base-src += core/base/ring.c
base-src += core/base/text.c
