# SPDX-License-Identifier: BSD-2-Clause-Patent

# The engine.
engine-src += migration/handover.c migration/ctrl.c migration/geometry.c migration/mark.c migration/uri.c migration/params.c
engine-src += migration/ram.c migration/rounds.c migration/digest.c migration/totals.c migration/vmstate.c
engine-src += migration/device_plan.c migration/device_run.c migration/device_stream.c migration/power.c migration/scrub.c
engine-src += migration/godwit.c migration/engine.c migration/commands.c migration/info.c
engine-src += migration/source.c migration/precopy.c migration/final.c
engine-src += migration/destination.c migration/receive.c
