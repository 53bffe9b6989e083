# SPDX-License-Identifier: BSD-2-Clause-Patent

# QMP and the human monitor.
engine-src += migration/json.c migration/json_out.c
engine-src += migration/qmp.c migration/qmp_commands.c migration/qmp_params.c migration/qmp_migrate.c migration/monitor.c
