# SPDX-License-Identifier: BSD-2-Clause-Patent

# The portable half: emulated devices of the guest.
